"""What an admin settles and decides: once for each key, the later replaces the former."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from rather.feedback.learning import comparisons
from rather.feedback.pair import Pair
from rather.store import completions, judgments, prompts
from rather.store.database import Database

URL = "/api/admin/items"


@pytest.fixture
def item(team: Any, id_of: Callable[..., str]) -> str:
    """A disputed pair."""
    team.says("ann", Pair("c0b", "c0a", "A"), "p0")
    team.says("bob", Pair("c0a", "c0b", "A"), "p0")
    return f"{URL}/{id_of('pair', 'p0', 'c0a', 'c0b')}"


def said(choice: str, key: str = "key-0001", **more: Any) -> dict[str, Any]:
    body = {"said": {"kind": "pair", "choice": choice}, "idempotency_key": key}
    body["said"].update(more)  # type: ignore[attr-defined]
    return body


def learnt(db: Database) -> list[tuple[tuple[str, ...], tuple[int, ...]]]:
    found, _ = comparisons(judgments.live(db), prompts.all(db), completions.all(db))
    return [(one.completions, one.ranks) for one in found]


def test_a_settlement_is_what_is_learnt(ada: TestClient, db: Database, item: str) -> None:
    assert ada.get(item).json()["state"] == ["disagreement"]
    reply = ada.post(f"{item}/settle", json=said("B") | {"comment": "b is right"})
    assert (reply.status_code, reply.json()) == (200, {"replayed": False})
    found = ada.get(item).json()
    assert found["state"] == ["settled"]
    event = found["judgments"][-1]
    assert (event["source"], event["labeller"], event["comment"]) == (
        "resolution", "Ada", "b is right",
    )  # fmt: skip
    assert (event["shown"], event["said"]["choice"]) == (["c0a", "c0b"], "B")
    assert event["guidelines_hash"] != ""
    assert learnt(db) == [(("Answer a to 0.", "Answer b to 0."), (2, 1))]


def test_a_later_settlement_replaces_the_former(ada: TestClient, db: Database, item: str) -> None:
    ada.post(f"{item}/settle", json=said("B"))
    ada.post(f"{item}/settle", json=said("A", "key-0002"))
    events = [one for one in ada.get(item).json()["judgments"] if one["source"] == "resolution"]
    assert [(one["said"]["choice"], one["is_live"]) for one in events] == [
        ("B", False), ("A", True),
    ]  # fmt: skip
    assert learnt(db) == [(("Answer a to 0.", "Answer b to 0."), (1, 2))]


def test_the_same_key_settles_once(ada: TestClient, item: str) -> None:
    assert ada.post(f"{item}/settle", json=said("B")).json() == {"replayed": False}
    assert ada.post(f"{item}/settle", json=said("B")).json() == {"replayed": True}
    other = ada.post(f"{item}/settle", json=said("A"))
    assert (other.status_code, other.json()["error"]["code"]) == (409, "key_reused")
    assert len(ada.get(item).json()["judgments"]) == 3


def test_many_at_once_leave_one_settlement(
    app: FastAPI, ada: TestClient, item: str, db: Database
) -> None:
    def settle(number: int) -> int:
        client = TestClient(app, base_url=str(ada.base_url), headers=dict(ada.headers))
        client.cookies.update(ada.cookies)
        return client.post(f"{item}/settle", json=said("B", f"key-{number:04}")).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(settle, range(16))) == {200}
    settled = [one for one in judgments.live(db) if one.source == "resolution"]
    assert len(settled) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (said("B", strength=4), 422),
        (said("tie", strength=2), 422),
        (said("B", dimensions={"charm": "A"}), 422),
        ({"said": {"kind": "thumb", "is_good": True}, "idempotency_key": "key-0001"}, 422),
        ({"said": {"kind": "ranking", "ranks": [1, 2]}, "idempotency_key": "key-0001"}, 422),
        ({"idempotency_key": "key-0001"}, 422),
        (said("B", "short"), 422),
    ],
)
def test_what_does_not_fit_is_refused(
    ada: TestClient, item: str, body: dict[str, Any], status: int
) -> None:
    assert ada.post(f"{item}/settle", json=body).status_code == status
    assert ada.get(item).json()["state"] == ["disagreement"]


def test_a_control_item_is_settled_already(ada: TestClient, team: Any, id_of: Any) -> None:
    team.says("ada", Pair("c1a", "c1b", "A"), "p1", source="gold")
    reply = ada.post(f"{URL}/{id_of('pair', 'p1', 'c1a', 'c1b')}/settle", json=said("A"))
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "control_item")


def decision(what: str, key: str = "key-0001") -> dict[str, str]:
    return {"what": what, "comment": "seen", "idempotency_key": key}


def test_restore_and_retire(ada: TestClient, item: str, team: Any) -> None:
    for who in ("ann", "bob"):
        team.remarks(who, "flag", "pair:c0a-c0b")
    assert ada.get(item).json()["state"] == ["disagreement", "flagged", "hidden"]
    assert ada.post(f"{item}/decide", json=decision("restore")).json() == {"replayed": False}
    assert ada.post(f"{item}/decide", json=decision("restore")).json() == {"replayed": True}
    assert ada.get(item).json()["state"] == ["disagreement"]
    team.remarks("ann", "flag", "pair:c0a-c0b")  # counted anew from here
    assert ada.get(item).json()["state"] == ["disagreement", "flagged"]
    ada.post(f"{item}/decide", json=decision("retire", "key-0002"))
    found = ada.get(item).json()
    assert found["state"] == ["disagreement", "hidden"]
    assert [one["what"] for one in found["remarks"]] == [
        "flag", "flag", "restore", "flag", "retire",
    ]  # fmt: skip
    assert found["remarks"][2]["comment"] == "seen"
    ada.post(f"{item}/decide", json=decision("restore", "key-0003"))
    assert ada.get(item).json()["state"] == ["disagreement"]


def test_a_key_decides_one_thing(ada: TestClient, item: str) -> None:
    ada.post(f"{item}/decide", json=decision("restore"))
    other = ada.post(f"{item}/decide", json=decision("retire"))
    assert (other.status_code, other.json()["error"]["code"]) == (409, "key_reused")


@pytest.mark.parametrize("what", ["settle", "decide"])
def test_nothing_is_done_to_an_unknown_item(ada: TestClient, what: str) -> None:
    body = said("A") if what == "settle" else decision("retire")
    reply = ada.post(f"{URL}/{'0' * 26}/{what}", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_item")
