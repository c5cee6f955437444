"""Skips give an item to others, flags hide it, both can be taken back; drafts are kept."""

from collections.abc import Callable
from typing import Any

import pytest

from rather.records import Labeller, Remark
from rather.store import labellers, remarks
from rather.store.database import Database


def code(reply: Any) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def admin_says(db: Database, what: Any, item: str, number: int) -> None:
    remarks.record(db, Remark(f"r{number}", what, item, "bob", "", "", "2026", f"r{number}"))


def test_a_skipped_item_goes_to_others_and_never_comes_back(anns: Any, bobs: Any) -> None:
    item = anns.task()["item_id"]
    assert anns.remark(item, reason="too_hard").json() == {"replayed": False}
    other = anns.next()
    assert other["progress"]["remaining"] == 3
    assert item in {bobs.judge_next()["item_id"] for _ in range(3)}
    assert anns.judge_next() == other["tasks"][0]
    assert anns.tasks() == []


def test_what_was_skipped_can_be_judged_all_the_same(anns: Any) -> None:
    item = anns.task()["item_id"]
    anns.remark(item)
    assert anns.judge(item, {"kind": "pair", "choice": "A"}).is_success


def test_a_skip_is_taken_back(anns: Any) -> None:
    item = anns.task()["item_id"]
    anns.remark(item, idempotency_key="skip-00000001")
    assert anns.task()["item_id"] != item
    first = anns.withdraw("skip-00000001", idempotency_key="back-00000001")
    assert first.json() == {"replayed": False}
    again = anns.withdraw("skip-00000001", idempotency_key="back-00000001")
    assert again.json() == {"replayed": True}
    assert item in [one["item_id"] for one in anns.tasks(count=5)]
    assert anns.withdraw("skip-00000001").status_code == 409


def test_only_ones_own_remarks_are_taken_back(anns: Any, bobs: Any) -> None:
    anns.remark(anns.task()["item_id"], idempotency_key="skip-00000001")
    assert code(bobs.withdraw("skip-00000001")) == (404, "unknown_remark")


def test_a_replayed_remark_counts_once(anns: Any, answered: Database) -> None:
    item = anns.task()["item_id"]
    for replayed in (False, True):
        reply = anns.remark(item, idempotency_key="skip-00000001")
        assert reply.json() == {"replayed": replayed}
    assert len(remarks.all(answered)) == 1
    other = anns.remark(item, what="flag", idempotency_key="skip-00000001")
    assert code(other) == (409, "key_reused")


@pytest.mark.parametrize("change", [{"reason": "bored"}, {"what": "retire"}, {"item": "x"}])
def test_a_malformed_remark_is_refused(anns: Any, answered: Database, change: Any) -> None:
    assert anns.remark(anns.task()["item_id"], **change).status_code == 422
    assert remarks.all(answered) == []


def test_what_was_not_shown_is_not_remarked_on(anns: Any, bobs: Any) -> None:
    item = anns.task()["item_id"]
    assert code(bobs.remark(item)) == (404, "unknown_item")
    assert code(bobs.draft(item, text="mine")) == (404, "unknown_item")


def test_enough_flags_hide_an_item_until_an_admin_looks(
    new_hand: Callable[..., Any], answered: Database
) -> None:
    labellers.add(answered, [Labeller("cat", "Cat", False)])
    ann = new_hand(kind="demonstration")
    bob, cat = (new_hand(who, app=ann.client.app) for who in ("bob", "cat"))
    task = ann.task()
    name = f"demonstration:p_{task['prompt'][0]['text']}"
    other = bob.judge_next()["item_id"]  # the only other one
    assert other != task["item_id"]
    for hand in (ann, bob):
        assert hand.task() == task
        hand.remark(task["item_id"], what="flag")
        assert hand.tasks() == []
    assert cat.tasks() == []
    admin_says(answered, "restore", name, 1)
    assert cat.task() == task
    # one flag after the restore is not two
    cat.remark(task["item_id"], what="flag", idempotency_key="flag-00000001")
    assert cat.tasks() == []
    cat.withdraw("flag-00000001")
    assert cat.task() == task
    admin_says(answered, "retire", name, 2)
    assert cat.tasks() == []
    admin_says(answered, "restore", name, 3)
    assert cat.task() == task


def test_two_flags_of_one_person_hide_nothing(anns: Any, bobs: Any) -> None:
    item = anns.task()["item_id"]
    anns.remark(item, what="flag")
    anns.remark(item, what="flag")
    assert item in {bobs.judge_next()["item_id"] for _ in range(4)}


def test_a_draft_is_kept_until_it_is_empty(anns: Any, new_hand: Callable[..., Any]) -> None:
    item = anns.task()["item_id"]
    assert anns.draft(item, text="Dear").json() == {"replayed": False}
    anns.draft(item, text="Dear all")
    assert new_hand().task()["draft"] == {"text": "Dear all", "comment": ""}
    anns.draft(item)
    assert anns.task()["draft"] is None


def test_drafts_are_ones_own(new_hand: Callable[..., Any]) -> None:
    from rather.config.labelling import Overlap

    ann = new_hand(kind="demonstration", overlap=Overlap(judges=2, shared_fraction=0))
    bob = new_hand("bob", app=ann.client.app)
    ids = set()
    for _ in range(2):
        item = ann.task()["item_id"]
        ann.draft(item, text="secret thought")
        ids.add(item)
        ann.judge_next()
    seen = [bob.judge_next() for _ in range(2)]
    assert {one["item_id"] for one in seen} == ids
    assert [one["draft"] for one in seen] == [None, None]
