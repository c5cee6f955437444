"""Rounds: begun once, noted stage by stage, ended at once."""

from dataclasses import replace

from rather.feedback.events import new_judgment
from rather.feedback.thumb import Thumb
from rather.records import Labeller
from rather.store import judgments, rounds
from rather.store.database import Database

ANN = Labeller("ann", "Ann", False)


def say(db: Database, number: int) -> None:
    judgments.record_many(
        db, [new_judgment("p1", ANN, Thumb(f"c{n}", True)) for n in range(number)]
    )


def test_a_round_is_begun_once(db: Database) -> None:
    first = rounds.begin(db, "base")
    assert (first.number, first.start, first.status, first.judgments_before) == (
        1, "base", "running", 0,
    )  # fmt: skip
    assert rounds.begin(db, "ppo-9") == first == rounds.running(db)
    assert rounds.policy_in_force(db) is None


def test_stages_are_noted_and_forgotten(db: Database) -> None:
    rounds.begin(db, "base")
    rounds.note(db, 1, "sample", {"summary": "so"})
    rounds.note(db, 1, "reward", {"version": "reward-1"})
    (turn,) = rounds.all(db)
    assert turn.done == {"sample": {"summary": "so"}, "reward": {"version": "reward-1"}}
    rounds.reopen(db, 1, ("reward", "ppo"))
    assert rounds.all(db)[0].done == {"sample": {"summary": "so"}}


def test_judgments_belong_to_one_round(ready: Database) -> None:
    rounds.begin(ready, "base")
    say(ready, 3)
    assert rounds.close_labels(ready, 1, {"summary": "three"}) == 3
    say(ready, 2)  # while it trains
    assert judgments.count_after(ready, 0) == 5
    (turn,) = rounds.all(ready)
    assert (turn.judgments_until, turn.done) == (3, {"label": {"summary": "three"}})
    rounds.finish(ready, 1, "promoted", "ppo-1", "it is better.")
    second = rounds.begin(ready, "ppo-1")
    assert (second.number, second.judgments_before) == (2, 3)
    assert judgments.count_after(ready, second.judgments_before) == 2
    rounds.close_labels(ready, 2, {})
    rounds.reopen(ready, 2, ("label",))
    assert rounds.all(ready)[1] == replace(second, done={})


def test_an_end_is_one_change(db: Database) -> None:
    rounds.begin(db, "base")
    rounds.finish(db, 1, "rolled_back", "base", "it was worse.")
    (turn,) = rounds.all(db)
    assert (turn.status, turn.policy, turn.why) == ("rolled_back", "base", "it was worse.")
    assert turn.finished_at is not None
    assert rounds.running(db) is None
    assert rounds.policy_in_force(db) == "base"
    rounds.begin(db, "base")
    assert rounds.policy_in_force(db) == "base"


def test_what_is_promoted_by_hand_is_in_force_until_the_next_round_ends(db: Database) -> None:
    assert rounds.promote(db, "ppo-7") is None
    assert rounds.policy_in_force(db) is None
    rounds.begin(db, "base")
    running = rounds.promote(db, "ppo-7")
    assert running is not None
    assert running.status == "running"  # it decides at its end, and nothing else
    rounds.finish(db, 1, "promoted", "ppo-1", "it is better.")
    assert rounds.policy_in_force(db) == "ppo-1"
    for name in ("ppo-2", "ppo-3"):
        rounds.promote(db, name)
        assert rounds.policy_in_force(db) == name
    assert rounds.all(db)[0].policy == "ppo-1"  # what the round decided stays as it was
    rounds.begin(db, "ppo-3")
    assert rounds.policy_in_force(db) == "ppo-3"
    rounds.finish(db, 2, "rolled_back", "ppo-3", "it was worse.")
    assert rounds.policy_in_force(db) == "ppo-3"
    rounds.begin(db, "ppo-3")
    rounds.finish(db, 3, "promoted", "ppo-4", "it is better.")
    assert rounds.policy_in_force(db) == "ppo-4"
