"""Control items and repeats: mixed in unseen, told from work only in the store."""

from collections.abc import Callable
from typing import Any

import pytest

from rather.config.labelling import Checks
from rather.feedback.learning import comparisons
from rather.records import Completion, Judgment, Message, Prompt
from rather.stages.controls import GOLD
from rather.store import assignments, completions, judgments, labellers, prompts
from rather.store.database import Database

ALWAYS_GOLD = Checks(gold="gold.jsonl", gold_fraction=0.5, repeat_fraction=0, min_gold=2)
NUM_GOLD = 8


@pytest.fixture
def checked(answered: Database) -> Database:
    """Eight control items beside the work: of each, the first answer is the right one."""
    labellers.add(answered, [GOLD])
    for n in range(NUM_GOLD):
        asked = Prompt(f"g_{n}", (Message("user", f"gold {n}"),), "train", source="gold")
        prompts.add(answered, [asked])
        both = [Completion(f"g_{n}_{text}", f"g_{n}", text, "imported") for text in ("ok", "no")]
        completions.add(answered, both)
        answer = {
            "left_completion_id": f"g_{n}_ok",
            "right_completion_id": f"g_{n}_no",
            "choice": "A",
        }
        truth = Judgment(f"t{n}", "pair", f"g_{n}", "gold", answer, "2026", f"t{n}", True, "gold")
        judgments.record(answered, truth)
    for n in range(30):  # work enough
        asked = Prompt(f"w_{n}", (Message("user", f"work {n}"),), "train")
        prompts.add(answered, [asked])
        both = [Completion(f"w_{n}_{text}", f"w_{n}", text, "base") for text in ("one", "two")]
        completions.add(answered, both)
    return answered


def answer_all(hand: Any, is_right: bool, times: int) -> list[dict[str, Any]]:
    """Answer so many; on control items rightly or wrongly. The replies."""
    replies = []
    for _ in range(times):
        (task,) = hand.tasks() or [None]
        if task is None:
            break
        texts = [one["text"] for one in task["answers"]]
        wanted = "ok" if is_right else "no"
        choice = "AB"[texts.index(wanted)] if wanted in texts else "A"
        replies.append(hand.judge(task["item_id"], {"kind": "pair", "choice": choice}).json())
    return replies


def test_control_items_are_mixed_in_and_stored_as_such(
    checked: Database, new_hand: Callable[..., Any]
) -> None:
    hand = new_hand(checks=ALWAYS_GOLD)
    answer_all(hand, is_right=True, times=20)
    sources = [one.source for one in judgments.live(checked, labeller_id="ann")]
    assert sources.count("gold_check") == NUM_GOLD  # drawn every second time, until none is left
    assert sources.count("label") == 12
    assert hand.next()["progress"]["done"] == 20
    # they close nobody else's: Bob gets all of them too
    other = new_hand("bob", app=hand.client.app)
    answer_all(other, is_right=True, times=20)
    found = [one.source for one in judgments.live(checked, labeller_id="bob")]
    assert found.count("gold_check") == NUM_GOLD


def test_nobody_learns_from_checks_and_no_round_counts_them(
    checked: Database, new_hand: Callable[..., Any]
) -> None:
    answer_all(new_hand(checks=ALWAYS_GOLD), is_right=True, times=20)
    assert judgments.count(checked)["pair"] == {"people": 12, "simulated": 0}
    learnt, dropped = comparisons(
        judgments.live(checked), prompts.all(checked), completions.all(checked)
    )
    assert len(learnt) == 12
    assert dropped.counts == {
        "the known answer of a control item": NUM_GOLD,
        "an answer to a control item": NUM_GOLD,
    }
    assert prompts.count(checked) == {"train": 32, "heldout": 0}
    assert completions.count(checked) == {"secret-model": 6, "base": 60}


def test_wrong_answers_are_told_and_then_pause_until_an_admin_resumes(
    checked: Database, new_hand: Callable[..., Any], clock: Any
) -> None:
    hand = new_hand(checks=ALWAYS_GOLD)
    replies = answer_all(hand, is_right=False, times=40)
    assert replies[-1]["notice"].startswith("You are paused for now.")
    wrong = [one for one in judgments.live(checked, labeller_id="ann") if one.source != "label"]
    assert len(wrong) == 2
    assert hand.next()["is_paused"] is True
    assert labellers.get(checked, "ann").paused == "accuracy on control items"  # type: ignore[union-attr]
    # a restart changes nothing, and nothing is thrown away
    again = new_hand(checks=ALWAYS_GOLD)
    assert again.next()["is_paused"] is True
    assert len(judgments.live(checked, labeller_id="ann")) == len(replies)
    checked.write(lambda connection: assignments.pause(connection, "ann", ""))
    clock.pass_minutes(1)
    assert again.next()["is_paused"] is False
    assert again.next()["notice"] is None
    # of the answers after that, one wrong is not two
    more = answer_all(again, is_right=False, times=1)
    while judgments.live(checked, labeller_id="ann")[-1].source != "gold_check":
        more += answer_all(again, is_right=False, times=1)
    assert more[-1]["notice"] is None
    more += answer_all(again, is_right=False, times=40)
    assert more[-1]["notice"].startswith("You are paused")


def test_a_few_wrong_answers_only_warn(checked: Database, new_hand: Callable[..., Any]) -> None:
    checks = ALWAYS_GOLD.model_copy(update={"pause_below": 0.2, "warn_below": 0.6})
    hand = new_hand(checks=checks)
    is_right = True
    notices = []
    while len(checked_answers := [
        one for one in judgments.live(checked, labeller_id="ann") if one.source == "gold_check"
    ]) < 3:  # fmt: skip
        is_right = len(checked_answers) == 0
        notices += [one["notice"] for one in answer_all(hand, is_right, 1)]
    # right, wrong, wrong: 1 of 2 and 1 of 3 are both below 0.6
    assert notices[0] is None
    assert notices[-1].startswith("Several of your answers differ")
    assert hand.next()["is_paused"] is False


def test_no_checks_without_a_file(checked: Database, new_hand: Callable[..., Any]) -> None:
    checks = Checks(gold=None, gold_fraction=0.5, repeat_fraction=0)
    answer_all(new_hand(checks=checks), is_right=True, times=20)
    assert {one.source for one in judgments.live(checked, labeller_id="ann")} == {"label"}


def test_items_are_repeated_swapped_after_five_others(
    checked: Database, new_hand: Callable[..., Any]
) -> None:
    hand = new_hand(checks=Checks(gold_fraction=0, repeat_fraction=0.5))
    seen: list[dict[str, Any]] = []
    for _ in range(30):
        seen.append(hand.judge_next())
    given = judgments.live(checked, labeller_id="ann")
    repeats = [n for n, one in enumerate(given) if one.source == "repeat"]
    assert len(repeats) > 3
    assert len({one["item_id"] for one in seen}) == 30  # each looks like any other
    for place in repeats:
        again = given[place].answer
        first = next(
            n
            for n, one in enumerate(given)
            if one.source == "label"
            and one.answer["left_completion_id"] == again["right_completion_id"]
            and one.answer["right_completion_id"] == again["left_completion_id"]
        )
        assert place - first > 5
    # none was repeated twice, and all of them closed nothing
    names = {frozenset(given[place].answer.items() - {("choice", "A")}) for place in repeats}
    assert len(names) == len(repeats)
    assert judgments.count(checked)["pair"]["people"] == 30 - len(repeats)


def test_what_is_written_is_neither_checked_nor_repeated(
    checked: Database, new_hand: Callable[..., Any]
) -> None:
    hand = new_hand(kind="correction", checks=Checks(gold_fraction=0, repeat_fraction=0.5))
    for _ in range(20):
        hand.judge_next()
    assert {one.source for one in judgments.live(checked, labeller_id="ann")} == {"label"}
