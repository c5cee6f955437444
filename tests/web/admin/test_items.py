"""Lists of items by how they stand."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rather.feedback.pair import Pair
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
    """Item 0 disputed, 1 settled, 2 flagged, 3 hidden, 4 skipped, 5 gold, 6 agreed, 7 untouched;
    what Sim said of 6 is without consent."""
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
    team.says("sim", Pair("c6a", "c6b", "A"), "p6", has_consent=False)
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
        ("no_consent", ["6"]),
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


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=60) | st.sampled_from(["%", "_", "\\", "' OR 1=1 --", "\x00", ".."]))
def test_any_search_is_answered(ada: TestClient, text: str) -> None:
    assert ada.get(URL, params={"query": text, "labeller": text}).status_code == 200
