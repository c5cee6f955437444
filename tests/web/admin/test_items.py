"""Lists of items by how they stand, and one item with everything that was said of it."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rather.feedback.correction import Correction
from rather.feedback.demonstration import Demonstration
from rather.feedback.pair import Pair
from rather.feedback.ranking import Ranking
from rather.records import Completion, Message, Prompt
from rather.store import completions, prompts
from rather.store.database import Database

URL = "/api/admin/items"


def listed(admin: TestClient, **asked: str) -> list[str]:
    reply = admin.get(URL, params=asked)
    assert reply.status_code == 200, reply.text
    found = reply.json()
    assert found["total"] == len(found["items"])
    return [one["prompt"].removeprefix("Question ").rstrip("?") for one in found["items"]]


@pytest.fixture
def said(team: Any) -> Any:
    """Item 0 disputed, 1 settled, 2 flagged, 3 hidden, 4 skipped, 5 gold, 6 agreed, 7 untouched."""
    for n, who, choice in [
        (0, "ann", "A"), (0, "bob", "B"), (1, "ann", "A"), (1, "bob", "tie"), (6, "ann", "A"),
        (6, "bob", "A"),
    ]:  # fmt: skip
        team.says(who, Pair(f"c{n}a", f"c{n}b", choice), f"p{n}")
    team.says("ada", Pair("c1a", "c1b", "B"), "p1", source="resolution")
    team.remarks("cem", "flag", "pair:c2a-c2b")
    for who in ("cem", "bob"):
        team.remarks(who, "flag", "pair:c3a-c3b")
    team.remarks("cem", "skip", "pair:c4a-c4b")
    team.says("ada", Pair("c5a", "c5b", "A"), "p5", source="gold")
    return team


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("all", ["5", "4", "3", "2", "6", "1", "0", "7"]),  # the last begun first, then untouched
        ("disagreement", ["0"]),
        ("settled", ["1"]),
        ("flagged", ["3", "2"]),
        ("hidden", ["3"]),
        ("skipped", ["4"]),
        ("gold", ["5"]),
        ("leak", []),
    ],
)
def test_lists_by_state(ada: TestClient, said: Any, state: str, found: list[str]) -> None:
    assert listed(ada, state=state) == found


def test_lists_by_labeller_and_text(ada: TestClient, said: Any, db: Database) -> None:
    assert listed(ada, labeller="bob") == ["3", "6", "1", "0"]
    assert listed(ada, labeller="nobody") == []
    assert listed(ada, query="QUESTION 6?") == ["6"]
    assert listed(ada, query=" answer B to 2") == ["2"]
    assert listed(ada, query="%") == []
    assert listed(ada, query="answer", labeller="bob", state="disagreement") == ["0"]


def test_leaks_are_listed_and_named(ada: TestClient, db: Database, id_of: Any) -> None:
    completions.add(db, [Completion("bad", "p0", "I am Claude, or an openaiproduct.", "sft-1")])
    assert listed(ada, state="leak") == ["0", "0"]
    found = ada.get(f"{URL}/{id_of('pair', 'p0', 'bad', 'c0a')}").json()
    assert [(one["completion_id"], one["leaks"]) for one in found["answers"]] == [
        ("bad", ["claude"]), ("c0a", []),
    ]  # fmt: skip
    assert found["state"] == ["leak"]


def test_pages(ada: TestClient, db: Database) -> None:
    prompts.add(db, [Prompt(f"q{n}", (Message("user", f"q{n}"),), "train") for n in range(60)])
    answers = [
        Completion(f"q{n}{side}", f"q{n}", side, "sft-1") for n in range(60) for side in "ab"
    ]
    completions.add(db, answers)
    first = ada.get(URL).json()
    assert (first["total"], len(first["items"])) == (68, 50)
    second = ada.get(URL, params={"before": first["next_before"]}).json()
    assert (second["total"], len(second["items"]), second["next_before"]) == (68, 18, None)
    ids = [one["item_id"] for one in (*first["items"], *second["items"])]
    assert len(set(ids)) == 68
    gone = ada.get(URL, params={"before": "ff"})
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "unknown_item")


def test_one_item_with_every_event(ada: TestClient, team: Any, id_of: Any) -> None:
    # Ann saw b on the left and chose it; then she changed her mind. Bob's order is not known.
    team.sees("ann", "pair:c0a-c0b", "p0", ("c0b", "c0a"))
    first = team.says(
        "ann", Pair("c0b", "c0a", "A", 2, (("helpful", "B"),)), "p0", comment="<i>hm</i>\u202e",
        ms_to_decision=4000, guidelines_hash="abc",
    )  # fmt: skip
    second = team.says("ann", Pair("c0b", "c0a", "B"), "p0", supersedes=first.id)
    third = team.says("bob", Pair("c0a", "c0b", "A"), "p0", source="import")
    fourth = team.says("bob", Pair("c0a", "c0b", "A"), "p0", supersedes=third.id,
                       is_retraction=True)  # fmt: skip
    flag = team.remarks("cem", "flag", "pair:c0a-c0b")
    team.remarks("cem", "withdrawal", "pair:c0a-c0b", supersedes=flag.id)
    found = ada.get(f"{URL}/{id_of('pair', 'p0', 'c0a', 'c0b')}").json()
    assert (found["kind"], found["purpose"], found["split"], found["tags"]) == (
        "pair", "work", "train", ["easy"],
    )  # fmt: skip
    assert found["prompt"] == [
        {"role": "user", "html": "<p>Question 0?</p>\n", "text": "Question 0?"}
    ]
    assert found["answers"][1] == {
        "completion_id": "c0b", "model": "sft-1", "sampling": {"temperature": "0.7"},
        "num_tokens": 5, "leaks": [], "html": "<p>Answer b to 0.</p>\n", "text": "Answer b to 0.",
    }  # fmt: skip
    assert [one["judgment_id"] for one in found["judgments"]] == [first.id, second.id, third.id]
    assert fourth.id not in str(found)
    assert [one["is_live"] for one in found["judgments"]] == [False, True, False]
    told = found["judgments"][0]
    assert (told["labeller_id"], told["labeller"], told["source"]) == ("ann", "Ann", "label")
    assert told["shown"] == ["c0b", "c0a"]
    assert told["said"] == {
        "kind": "pair", "choice": "A", "strength": 2, "dimensions": {"helpful": "B"},
    }  # fmt: skip
    assert (told["comment"], told["ms_to_decision"]) == ("<i>hm</i>⟨U+202E⟩", 4000)
    assert found["judgments"][2]["shown"] == ["c0a", "c0b"]
    assert [(one["what"], one["labeller"], one["is_live"]) for one in found["remarks"]] == [
        ("flag", "Cem", False), ("withdrawal", "Cem", False),
    ]  # fmt: skip
    assert found["state"] == []


def test_a_control_item_and_a_repeat_say_how_they_were_shown(
    ada: TestClient, team: Any, id_of: Any
) -> None:
    team.says("ada", Pair("c0a", "c0b", "A"), "p0", source="gold")
    team.sees("ann", "pair:c0a-c0b", "p0", ("c0b", "c0a"), purpose="gold")
    team.says("ann", Pair("c0b", "c0a", "B"), "p0", source="gold_check")
    found = ada.get(f"{URL}/{id_of('pair', 'p0', 'c0a', 'c0b')}").json()
    assert (found["purpose"], found["state"]) == ("gold", ["gold"])
    assert [one["shown"] for one in found["judgments"]] == [["c0a", "c0b"], ["c0b", "c0a"]]


def test_imported_answers_may_be_longer_than_what_may_be_sent(
    ada: TestClient, team: Any, db: Database, id_of: Any
) -> None:
    ids = [f"r{n}" for n in range(8)]
    completions.add(db, [Completion(id, "p0", id, "human") for id in ids])
    team.says("ann", Ranking(tuple(ids), tuple(range(1, 9))), "p0", source="import")
    found = ada.get(f"{URL}/{id_of('ranking', 'p0', *ids)}")
    assert found.json()["judgments"][0]["said"]["ranks"] == [1, 2, 3, 4, 5, 6, 7, 8]
    team.says("ann", Demonstration("x" * 300_000), "p1", source="import")
    found = ada.get(f"{URL}/{id_of('demonstration', 'p1')}")
    assert (found.status_code, len(found.json()["judgments"][0]["said"]["text"])) == (200, 300_000)


def test_a_correction_is_an_item_of_its_own(ada: TestClient, team: Any, id_of: Any) -> None:
    team.says("ann", Correction("c0b", "Better."), "p0")
    found = ada.get(f"{URL}/{id_of('correction', 'p0', 'c0b')}").json()
    assert found["judgments"][0]["said"] == {"kind": "correction", "text": "Better.", "place": 0}
    assert [one["completion_id"] for one in found["answers"]] == ["c0b"]


HOSTILE = "<script>alert(1)</script> ![x](https://evil.example/x.png) \u202eabc"


def test_hostile_text_is_inert(
    db: Database, ada: TestClient, id_of: Callable[..., str], team: Any
) -> None:
    prompts.add(db, [Prompt("px", (Message("user", HOSTILE),), "train", tags=(HOSTILE,))])
    completions.add(
        db,
        [Completion(f"x{n}", "px", f"{HOSTILE}{n}", HOSTILE, {HOSTILE: HOSTILE}) for n in (1, 2)],
    )
    team.says("ann", Pair("x1", "x2", "A"), "px", comment=HOSTILE)
    found = ada.get(f"{URL}/{id_of('pair', 'px', 'x1', 'x2')}")
    body = found.json()
    for html in (body["prompt"][0]["html"], body["answers"][0]["html"]):
        assert "<script" not in html
        assert "<img" not in html
    assert "\u202e" not in found.text
    assert "\\u202e" not in found.text
    assert found.headers["content-type"] == "application/json"


@pytest.mark.parametrize("id", ["0" * 26, "ff"])
def test_an_unknown_item(ada: TestClient, id: str) -> None:
    reply = ada.get(f"{URL}/{id}")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_item")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=60) | st.sampled_from(["%", "_", "\\", "' OR 1=1 --", "\x00", ".."]))
def test_any_search_is_answered(ada: TestClient, text: str) -> None:
    assert ada.get(URL, params={"query": text, "labeller": text}).status_code == 200


def test_a_judgment_that_cannot_be_read_is_left_out(
    app: FastAPI, ada: TestClient, team: Any, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    from sqlalchemy import update

    from rather.store.schema import JUDGMENTS

    broken = team.says("ann", Pair("c0a", "c0b", "A"), "p0")
    team.says("bob", Pair("c0a", "c0b", "A"), "p0")
    change = update(JUDGMENTS).where(JUDGMENTS.c.id == broken.id).values(answer={"choice": "Q"})
    db.write(lambda connection: connection.execute(change) and None)
    assert ada.get("/api/admin/overview").json()["counts"]["judgments"] == 1
    assert broken.id in caplog.text
