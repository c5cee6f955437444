"""A labeller's day: blind pairs, judgments kept once, the last one taken back."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from rather.records import Completion
from rather.store import completions, judgments
from rather.store.database import Database

NEXT_KEYS = {"item_id", "prompt", "left", "right", "progress", "guidelines"}


def judgment(item_id: str, choice: str = "A", key: str = "key-00000001", **more: Any) -> dict:
    body = {"item_id": item_id, "choice": choice, "ms_to_decision": 2100, "idempotency_key": key}
    return body | {"guidelines_hash": "0123456789abcdef"} | more


def judge_next(client: TestClient, choice: str, key: str) -> dict[str, Any]:
    shown = client.get("/api/next").json()
    assert client.post("/api/judgments", json=judgment(shown["item_id"], choice, key)).is_success
    return shown


def test_a_pair_is_blind(ann: TestClient) -> None:
    reply = ann.get("/api/next")
    shown = reply.json()
    assert set(shown) == NEXT_KEYS
    assert [set(turn) for turn in shown["prompt"]] == [{"role", "html", "text"}]
    assert set(shown["left"]) == set(shown["right"]) == {"html", "text"}
    assert shown["progress"] == {"done": 0, "remaining": 4, "goal": 20}
    assert set(shown["guidelines"]) == {"html", "hash"}
    for secret in ("secret-model", "temperature", "c_two", "c_hello", "p_two", "p_hello", "train"):
        assert secret not in reply.text


def test_the_same_pair_comes_again_with_the_same_sides(ann: TestClient) -> None:
    assert ann.get("/api/next").json() == ann.get("/api/next").json()


def test_a_judgment_is_stored_with_the_sides_that_were_shown(ann: TestClient, db: Database) -> None:
    shown = ann.get("/api/next").json()
    reply = ann.post("/api/judgments", json=judgment(shown["item_id"], "B", strength=2))
    (stored,) = judgments.all(db)
    assert reply.json() == {
        "judgment_id": stored.id,
        "item_id": shown["item_id"],
        "choice": "B",
        "replayed": False,
    }
    texts = {one.id: one.text for one in completions.all(db)}
    assert texts[stored.answer["left_completion_id"]] == shown["left"]["text"]
    assert texts[stored.answer["right_completion_id"]] == shown["right"]["text"]
    assert stored.answer["choice"] == "B"
    assert stored.answer["strength"] == 2
    assert stored.labeller_id == "ann"
    assert stored.kind == "pair"
    assert stored.source == "label"
    assert stored.ms_to_decision == 2100
    assert stored.guidelines_hash == "0123456789abcdef"
    assert not stored.is_simulated


def test_a_replay_gives_the_same_answer_once(ann: TestClient, db: Database) -> None:
    shown = ann.get("/api/next").json()
    first = ann.post("/api/judgments", json=judgment(shown["item_id"]))
    again = ann.post("/api/judgments", json=judgment(shown["item_id"]))
    assert again.status_code == 200
    assert again.json() == first.json() | {"replayed": True}
    assert len(judgments.all(db)) == 1


def test_a_double_click_from_many_threads_is_one_judgment(ann: TestClient, db: Database) -> None:
    body = judgment(ann.get("/api/next").json()["item_id"])
    replies: list[tuple[int, bool]] = []

    def click() -> None:
        reply = ann.post("/api/judgments", json=body)
        replies.append((reply.status_code, reply.json()["replayed"]))

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) == [(200, False)] + [(200, True)] * 7
    assert len(judgments.all(db)) == 1


def test_a_second_judgment_of_the_same_pair_is_refused(ann: TestClient, db: Database) -> None:
    item = ann.get("/api/next").json()["item_id"]
    ann.post("/api/judgments", json=judgment(item, key="key-from-tab-1"))
    second = ann.post("/api/judgments", json=judgment(item, "B", key="key-from-tab-2"))
    assert second.status_code == 409
    assert second.json()["error"]["code"] == "already_judged"
    assert len(judgments.all(db)) == 1


def test_a_key_belongs_to_one_judgment_of_one_labeller(
    ann: TestClient, bob: TestClient, db: Database
) -> None:
    first = judge_next(ann, "A", "same-key")
    other = ann.get("/api/next").json()["item_id"]
    clash = ann.post("/api/judgments", json=judgment(other, key="same-key"))
    assert clash.json()["error"]["code"] == "key_reused"
    assert bob.post("/api/judgments", json=judgment(first["item_id"], key="same-key")).is_success
    assert [one.labeller_id for one in judgments.all(db)] == ["ann", "bob"]


@pytest.mark.parametrize(
    "change",
    [
        {"choice": "C"},
        {"choice": None},
        {"ms_to_decision": -1},
        {"ms_to_decision": "12"},
        {"ms_to_decision": 10**12},
        {"idempotency_key": "short"},
        {"idempotency_key": "with space and more"},
        {"guidelines_hash": "<script>"},
        {"item_id": "../../etc"},
        {"strength": 4},
        {"choice": "tie", "strength": 1},
        {"left_completion_id": "c_two_0"},
        {"labeller_id": "bob"},
    ],
)
def test_a_malformed_judgment_is_refused_and_nothing_stored(
    ann: TestClient, db: Database, change: dict[str, Any]
) -> None:
    body = judgment(ann.get("/api/next").json()["item_id"]) | change
    reply = ann.post("/api/judgments", json=body)
    assert reply.status_code == 422
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
    assert "<script>" not in reply.text
    assert judgments.all(db) == []


def test_a_made_up_pair_is_refused(ann: TestClient, db: Database) -> None:
    reply = ann.post("/api/judgments", json=judgment("0" * 26))
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "unknown_item"
    assert judgments.all(db) == []


def test_undo_retracts_the_last_judgment_and_shows_its_pair_again(
    ann: TestClient, db: Database
) -> None:
    judge_next(ann, "A", "key-00000001")
    second = judge_next(ann, "B", "key-00000002")
    back = ann.post("/api/undo", json={"idempotency_key": "undo-0000001"})
    assert set(back.json()) == NEXT_KEYS
    assert back.json()["item_id"] == second["item_id"]
    assert back.json()["left"] == second["left"]
    assert back.json()["progress"]["done"] == 1
    events = judgments.all(db)
    assert [one.is_retraction for one in events] == [False, False, True]
    assert events[2].supersedes == events[1].id
    assert judgments.live(db) == [events[0]]


def test_an_undo_sent_twice_takes_back_one(ann: TestClient, db: Database) -> None:
    judge_next(ann, "A", "key-00000001")
    judge_next(ann, "B", "key-00000002")
    once = ann.post("/api/undo", json={"idempotency_key": "undo-0000001"})
    twice = ann.post("/api/undo", json={"idempotency_key": "undo-0000001"})
    assert once.json() == twice.json()
    assert len(judgments.live(db)) == 1


def test_there_is_nothing_to_undo_of_other_people(ann: TestClient, bob: TestClient) -> None:
    judge_next(ann, "A", "key-00000001")
    reply = bob.post("/api/undo", json={"idempotency_key": "undo-0000001"})
    assert reply.status_code == 409
    assert reply.json()["error"]["code"] == "nothing_to_undo"


def test_a_pair_taken_back_can_be_judged_again(ann: TestClient, db: Database) -> None:
    item = judge_next(ann, "A", "key-00000001")["item_id"]
    ann.post("/api/undo", json={"idempotency_key": "undo-0000001"})
    again = ann.post("/api/judgments", json=judgment(item, "tie", "key-00000002"))
    assert again.json()["replayed"] is False
    # A reply that got lost before the undo is asked for again: told, not done again.
    late = ann.post("/api/judgments", json=judgment(item, "A", "key-00000001"))
    assert late.status_code == 409
    assert [one.answer["choice"] for one in judgments.live(db)] == ["tie"]


def test_when_all_is_judged_nothing_is_left(ann: TestClient) -> None:
    seen = [judge_next(ann, "both_bad", f"key-0000000{n}")["item_id"] for n in range(4)]
    assert len(set(seen)) == 4
    end = ann.get("/api/next").json()
    assert set(end) == NEXT_KEYS
    assert (end["item_id"], end["prompt"], end["left"], end["right"]) == (None, [], None, None)
    assert end["progress"] == {"done": 4, "remaining": 0, "goal": 20}


def test_skipped_pairs_come_last_in_their_order(ann: TestClient) -> None:
    skipped: list[str] = []
    for _ in range(4):
        skipped.append(ann.get("/api/next", params={"skip": skipped}).json()["item_id"])
    assert len(set(skipped)) == 4
    assert ann.get("/api/next", params={"skip": skipped}).json()["item_id"] == skipped[0]


def test_pairs_that_nobody_judged_come_first(ann: TestClient, bob: TestClient) -> None:
    by_ann = {judge_next(ann, "A", f"key-0000000{n}")["item_id"] for n in range(2)}
    by_bob = {judge_next(bob, "A", f"key-0000000{n}")["item_id"] for n in range(2)}
    assert not by_ann & by_bob


def test_a_new_server_goes_on_where_the_old_one_stopped(
    ann: TestClient,
    db: Database,
    new_app: Callable[[], FastAPI],
    browser: Callable[..., TestClient],
) -> None:
    judge_next(ann, "A", "key-00000001")
    taken_back = judge_next(ann, "A", "key-00000002")
    ann.post("/api/undo", json={"idempotency_key": "undo-0000001"})
    shown = ann.get("/api/next").json()
    later = browser(new_app(), "ann")
    assert later.get("/api/next").json() == shown
    replayed = later.post("/api/undo", json={"idempotency_key": "undo-0000001"})
    assert replayed.json()["item_id"] == taken_back["item_id"]
    assert len(judgments.live(db)) == 1


def test_new_completions_are_found_without_a_restart(
    app: FastAPI, ann: TestClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ann.get("/api/next").json()["progress"]["remaining"] == 4
    completions.add(db, [Completion("c_new", "p_hello", "Good day.", "secret-model")])
    monkeypatch.setattr("rather.web.worklist.RECHECK_SECONDS", 0.0)
    assert ann.get("/api/next").json()["progress"]["remaining"] == 6


def test_hostile_text_arrives_inert(app: FastAPI, ann: TestClient, db: Database) -> None:
    texts = ["<img src=x onerror=alert(1)>", "\u202egnp.exe <script>alert(1)</script>"]
    hostile = [Completion(f"c_evil_{n}", "p_hello", text, "m") for n, text in enumerate(texts)]
    completions.add(db, hostile)
    seen = ""
    skipped: list[str] = []
    for _ in range(9):
        shown = ann.get("/api/next", params={"skip": skipped}).json()
        skipped.append(shown["item_id"])
        seen += shown["left"]["html"] + shown["right"]["html"]
    assert "&lt;img src=x onerror=alert(1)&gt;" in seen
    assert "⟨U+202E⟩gnp.exe" in seen
    assert "<img" not in seen
    assert "<script" not in seen
