"""What is said is stored once, as it was shown; it can be changed and taken back."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from rather.store import assignments, completions, judgments
from rather.store.database import Database

A, B = {"kind": "pair", "choice": "A"}, {"kind": "pair", "choice": "B"}


def code(reply: Any) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def test_a_pair_is_stored_with_the_sides_that_were_shown(
    new_hand: Callable[..., Any], answered: Database
) -> None:
    hand = new_hand(dimensions=("kind", "true"))
    task = hand.task()
    said = B | {"strength": 2, "dimensions": {"kind": "A"}}
    reply = hand.judge(task["item_id"], said, comment="Close.")
    (stored,) = judgments.all(answered)
    assert reply.json() == {
        "judgment_id": stored.id,
        "item_id": task["item_id"],
        "replayed": False,
        "notice": None,
    }
    texts = {one.id: one.text for one in completions.all(answered)}
    answer = dict(stored.answer)
    sides = [answer.pop("left_completion_id"), answer.pop("right_completion_id")]
    assert [texts[id] for id in sides] == [one["text"] for one in task["answers"]]
    assert answer == {"choice": "B", "strength": 2, "dimensions": {"kind": "A"}}
    assert (stored.labeller_id, stored.kind, stored.source) == ("ann", "pair", "label")
    assert (stored.ms_to_decision, stored.comment) == (2100, "Close.")
    assert stored.guidelines_hash == "0123456789abcdef"
    assert not stored.is_simulated


def test_a_ranking_is_stored_in_the_order_shown(
    new_hand: Callable[..., Any], answered: Database
) -> None:
    hand = new_hand(kind="ranking")
    tasks = [hand.task()]
    tasks.append(hand.task(skip=[tasks[0]["item_id"]]))
    (task,) = [one for one in tasks if len(one["answers"]) == 3]
    assert hand.judge(task["item_id"], {"kind": "ranking", "ranks": [2, 1, 2]}).is_success
    (stored,) = judgments.all(answered)
    texts = {one.id: one.text for one in completions.all(answered)}
    assert [texts[id] for id in stored.answer["completion_ids"]] == [
        one["text"] for one in task["answers"]
    ]
    assert stored.answer["ranks"] == [2, 1, 2]


@pytest.mark.parametrize(
    ("kind", "said", "answer"),
    [
        ("thumb", {"is_good": False}, {"good": False}),
        ("correction", {"text": "Hello!"}, {"text": "Hello!"}),
        ("demonstration", {"text": "Hello!"}, {"text": "Hello!"}),
    ],
)
def test_the_other_kinds_are_stored(
    new_hand: Callable[..., Any],
    answered: Database,
    kind: str,
    said: dict[str, Any],
    answer: dict[str, Any],
) -> None:
    hand = new_hand(kind=kind)
    task = hand.judge_next(**said)
    (stored,) = judgments.all(answered)
    texts = {one.id: one.text for one in completions.all(answered)}
    left = dict(stored.answer)
    said_of = [left.pop("completion_id")] if kind != "demonstration" else []
    assert [texts[id] for id in said_of] == [one["text"] for one in task["answers"]]
    assert left == answer


def test_a_replay_gives_the_same_answer_once(anns: Any, answered: Database) -> None:
    body = anns.body(anns.task()["item_id"], A)
    first = anns.client.post("/api/judgments", json=body)
    again = anns.client.post("/api/judgments", json=body)
    assert again.status_code == 200
    assert again.json() == first.json() | {"replayed": True}
    assert len(judgments.all(answered)) == 1


def test_a_double_click_from_many_threads_is_one_judgment(anns: Any, answered: Database) -> None:
    body = anns.body(anns.task()["item_id"], A)
    replies: list[tuple[int, bool]] = []

    def click() -> None:
        reply = anns.client.post("/api/judgments", json=body)
        replies.append((reply.status_code, reply.json()["replayed"]))

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) == [(200, False)] + [(200, True)] * 7
    assert len(judgments.all(answered)) == 1


def test_a_second_judgment_of_the_same_item_is_refused(anns: Any, answered: Database) -> None:
    item = anns.judge_next()["item_id"]
    assert code(anns.judge(item, B)) == (409, "already_judged")
    assert len(judgments.all(answered)) == 1


def test_a_key_belongs_to_one_judgment_of_one_labeller(
    anns: Any, bobs: Any, answered: Database
) -> None:
    first, second = anns.task(), bobs.task()
    assert anns.judge(first["item_id"], A, idempotency_key="same-key").is_success
    other = anns.task()["item_id"]
    assert code(anns.judge(other, A, idempotency_key="same-key")) == (409, "key_reused")
    assert bobs.judge(second["item_id"], A, idempotency_key="same-key").is_success
    assert [one.labeller_id for one in judgments.all(answered)] == ["ann", "bob"]


@pytest.mark.parametrize(
    "change",
    [
        {"said": {"kind": "pair", "choice": "C"}},
        {"said": {"kind": "pair", "choice": None}},
        {"said": {"kind": "thumb", "is_good": True}},
        {"said": {"kind": "ranking", "ranks": [1, 2]}},
        {"said": {"kind": "pair", "choice": "A", "strength": 4}},
        {"said": {"kind": "pair", "choice": "tie", "strength": 1}},
        {"said": {"kind": "pair", "choice": "A", "dimensions": {"made up": "A"}}},
        {"said": {"kind": "correction", "text": "Better.", "place": 2}},
        {"said": {"kind": "correction", "text": " \n"}},
        {"said": {"kind": "pair", "choice": "A", "left_completion_id": "c_two_0"}},
        {"ms_to_decision": -1},
        {"ms_to_decision": "12"},
        {"ms_to_decision": 10**12},
        {"idempotency_key": "short"},
        {"idempotency_key": "with space and more"},
        {"guidelines_hash": "<script>"},
        {"item_id": "../../etc"},
        {"labeller_id": "bob"},
    ],
)
def test_a_malformed_judgment_is_refused_and_nothing_stored(
    anns: Any, answered: Database, change: dict[str, Any]
) -> None:
    body = anns.body(anns.task()["item_id"], A) | change
    reply = anns.client.post("/api/judgments", json=body)
    assert reply.status_code == 422
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
    assert reply.json()["error"]["code"] == "invalid"
    assert "<script>" not in reply.text
    assert judgments.all(answered) == []


def test_a_ranking_needs_a_rank_for_each_answer(new_hand: Callable[..., Any]) -> None:
    hand = new_hand(kind="ranking")
    task = hand.task()
    ranks = [1] * (len(task["answers"]) + 1)
    assert code(hand.judge(task["item_id"], {"kind": "ranking", "ranks": ranks})) == (
        422,
        "invalid",
    )


def test_what_was_not_shown_cannot_be_judged(anns: Any, bobs: Any, answered: Database) -> None:
    item = anns.task()["item_id"]
    assert code(anns.judge("0" * 26, A)) == (404, "unknown_item")
    assert code(bobs.judge(item, A)) == (404, "unknown_item")
    assert judgments.all(answered) == []


def test_a_late_judgment_is_taken_beside_the_one_that_took_its_place(
    anns: Any, bobs: Any, clock: Any, answered: Database
) -> None:
    for _ in range(3):
        anns.judge_next()
    item = anns.task()["item_id"]
    clock.pass_minutes(11)
    assert bobs.judge_next()["item_id"] == item
    assert anns.judge(item, A).is_success
    assert [one.labeller_id for one in judgments.live(answered)] == ["ann"] * 3 + ["bob", "ann"]


def test_undo_retracts_the_last_judgment_and_shows_its_item_again(
    anns: Any, answered: Database
) -> None:
    anns.judge_next()
    second = anns.judge_next(choice="B")
    assert anns.undo().json() == second
    assert anns.next()["progress"]["done"] == 1
    assert anns.task() == second
    events = judgments.all(answered)
    assert [one.is_retraction for one in events] == [False, False, True]
    assert events[2].supersedes == events[1].id
    assert judgments.live(answered) == [events[0]]


def test_an_undo_sent_twice_takes_back_one(anns: Any, answered: Database) -> None:
    anns.judge_next()
    anns.judge_next()
    once = anns.undo(idempotency_key="undo-0000001")
    twice = anns.undo(idempotency_key="undo-0000001")
    assert once.json() == twice.json()
    assert len(judgments.live(answered)) == 1


def test_undo_can_name_an_earlier_judgment(anns: Any, answered: Database) -> None:
    task = anns.task()
    anns.judge(task["item_id"], A, idempotency_key="the-first-one")
    anns.judge_next()
    assert anns.undo(judgment_key="the-first-one").json() == task
    assert code(anns.undo(judgment_key="the-first-one")) == (409, "nothing_to_undo")
    assert code(anns.undo(judgment_key="never-given-1")) == (409, "nothing_to_undo")
    assert len(judgments.live(answered)) == 1


def test_there_is_nothing_to_undo_of_other_people(anns: Any, bobs: Any) -> None:
    anns.judge_next()
    assert code(bobs.undo()) == (409, "nothing_to_undo")


def test_an_item_taken_back_can_be_judged_again(anns: Any, answered: Database) -> None:
    body = anns.body(anns.task()["item_id"], A)
    anns.client.post("/api/judgments", json=body)
    anns.undo()
    again = anns.judge(body["item_id"], {"kind": "pair", "choice": "tie"})
    assert again.json()["replayed"] is False
    # A reply that got lost before the undo is asked for again: told, not done again.
    assert code(anns.client.post("/api/judgments", json=body)) == (409, "superseded")
    assert [one.answer["choice"] for one in judgments.live(answered)] == ["tie"]


def test_an_edit_takes_the_place_of_what_was_said(anns: Any, answered: Database) -> None:
    task = anns.task()
    first = anns.judge(task["item_id"], A).json()["judgment_id"]
    second = anns.judge(task["item_id"], B, supersedes=first).json()["judgment_id"]
    assert [one.id for one in judgments.live(answered)] == [second]
    assert anns.next()["progress"]["done"] == 1
    assert code(anns.judge(task["item_id"], A, supersedes=first)) == (409, "superseded")
    assert code(anns.undo(judgment_key="hand-00000000")) == (409, "superseded")
    given = anns.client.get(f"/api/items/{task['item_id']}").json()["given"]
    assert (given["judgment_id"], given["said"]["choice"]) == (second, "B")


def test_an_edit_is_of_the_same_item_and_labeller(anns: Any, bobs: Any) -> None:
    mine, other = anns.task(), bobs.task()
    first = anns.judge(mine["item_id"], A).json()["judgment_id"]
    assert code(bobs.judge(other["item_id"], A, supersedes=first)) == (409, "superseded")
    second = anns.task()["item_id"]
    assert code(anns.judge(second, A, supersedes=first)) == (409, "superseded")


def test_a_correction_beside_a_pair_is_an_item_of_its_own(anns: Any, answered: Database) -> None:
    task = anns.task()
    text = {"kind": "correction", "text": "Kinder so."}
    assert anns.judge(task["item_id"], text | {"place": 1}).is_success
    assert anns.task() == task
    assert anns.judge(task["item_id"], A).is_success
    correction, pair = judgments.live(answered)
    assert correction.answer == {
        "completion_id": pair.answer["right_completion_id"],
        "text": "Kinder so.",
    }
    pair_entry, entry = anns.client.get("/api/history").json()["entries"]
    assert pair_entry["item_id"] == task["item_id"] != entry["item_id"]
    assert entry["said"] == {"kind": "correction", "text": "Kinder so.", "place": 0}
    shown = anns.client.get(f"/api/items/{entry['item_id']}").json()
    assert shown["kind"] == "correction"
    assert shown["answers"] == [task["answers"][1]]
    edit = anns.judge(entry["item_id"], text | {"text": "Better."}, supersedes=correction.id)
    assert edit.is_success
    # the same answer, corrected where it stands in the pair: the last text counts
    assert anns.judge(task["item_id"], text | {"text": "Best.", "place": 1}).is_success
    assert [one.answer["text"] for one in judgments.live(answered, "correction")] == ["Best."]


def test_nothing_is_corrected_where_nothing_is_shown(new_hand: Callable[..., Any]) -> None:
    hand = new_hand(kind="demonstration")
    said = {"kind": "correction", "text": "So."}
    assert code(hand.judge(hand.task()["item_id"], said)) == (422, "invalid")


def test_an_answer_removes_the_draft(anns: Any) -> None:
    item = anns.task()["item_id"]
    anns.draft(item, comment="Hm")
    assert anns.task()["draft"] == {"text": "", "comment": "Hm"}
    anns.judge(item, A)
    assert anns.client.get(f"/api/items/{item}").json()["draft"] is None


def test_somebody_paused_is_asked_and_says_nothing_more(anns: Any, answered: Database) -> None:
    body = anns.body(anns.task()["item_id"], A)
    anns.client.post("/api/judgments", json=body)
    held = anns.task()["item_id"]
    answered.write(lambda connection: assignments.pause(connection, "ann", "on leave"))
    shown = anns.next()
    assert (shown["tasks"], shown["is_paused"]) == ([], True)
    assert shown["notice"].startswith("You are paused for now.")
    assert "leave" not in shown["notice"]
    assert code(anns.judge(held, A)) == (403, "paused")
    assert code(anns.undo()) == (403, "paused")
    # what was on disk before is still acknowledged
    assert anns.client.post("/api/judgments", json=body).json()["replayed"] is True
    assert anns.draft(held, text="kept").is_success
