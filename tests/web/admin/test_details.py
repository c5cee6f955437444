"""One item with everything that was said of it, in the order in which people saw it."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rather.feedback.correction import Correction
from rather.feedback.demonstration import Demonstration
from rather.feedback.pair import Pair
from rather.feedback.ranking import Ranking
from rather.feedback.thumb import Thumb
from rather.records import Completion, Message, Prompt
from rather.store import completions, prompts
from rather.store.database import Database

URL = "/api/admin/items"


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
    assert [one["has_consent"] for one in found["judgments"]] == [True, True, True]


def test_consent_is_told_and_taken_back_for_all_that_was_said(
    ada: TestClient, team: Any, id_of: Any
) -> None:
    # Ann's client said a, then b, and took its consent back; Bob's is given; Cem never gave one.
    first = team.says("ann", Thumb("c1a", True), "p1", source="use")
    second = team.says("ann", Thumb("c1a", False), "p1", source="use", supersedes=first.id)
    team.says("ann", Thumb("c1a", False), "p1", source="use", supersedes=second.id,
              is_retraction=True, has_consent=False)  # fmt: skip
    given = team.says("bob", Thumb("c1a", True), "p1", source="use")
    never = team.says("cem", Thumb("c1a", True), "p1", source="import", has_consent=False)
    found = ada.get(f"{URL}/{id_of('thumb', 'p1', 'c1a')}").json()
    assert [(one["judgment_id"], one["has_consent"]) for one in found["judgments"]] == [
        (first.id, False), (second.id, False), (given.id, True), (never.id, False),
    ]  # fmt: skip
    assert found["state"] == ["no_consent"]


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
