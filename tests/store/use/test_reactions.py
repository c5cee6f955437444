"""Reactions are stored once, with their lessons or not at all; the last word counts."""

from dataclasses import replace

import pytest

from rather.errors import DataError
from rather.feedback.events import Circumstances, new_judgment
from rather.feedback.pair import Pair
from rather.feedback.thumb import Thumb
from rather.feedback.use.reactions import counting
from rather.feedback.use.records import Reaction
from rather.records import Completion, Labeller, Message, Prompt
from rather.store import completions, judgments, labellers, prompts
from rather.store.database import Database
from rather.store.use import reactions
from rather.store.use.reactions import Lesson, withdraw

CLIENT = Labeller("use_1", "client 1", False)
PROMPT = Prompt("p9", (Message("user", "How?"),), "train", source="use")
LEFT = Completion("c1", "p9", "So.", "ppo-1", {"purpose": "use"})
RIGHT = Completion("c2", "p9", "Thus.", "base", {"purpose": "use"})


def said(id: str, **changed: object) -> Reaction:
    values: dict[str, object] = {
        "id": id,
        "kind": "pair",
        "client": "use_1",
        "asked": "prod",
        "served_ids": ("s1", "s2"),
        "models": ("ppo-1", "base"),
        "ranks": (1, 2),
        "has_consent": False,
        "judgment_id": None,
        "idempotency_key": f"use_1:{id}",
        "request": "digest",
        "created_at": "2026-01-01T00:00:00.000000+00:00",
    }
    return Reaction(**(values | changed))  # type: ignore[arg-type]


def lesson(key: str, choice: str = "A") -> Lesson:
    answer = Pair("c1", "c2", choice)  # type: ignore[arg-type]
    given = Circumstances("use", f"use_1:{key}")
    return Lesson(new_judgment("p9", CLIENT, answer, given), CLIENT, PROMPT, (LEFT, RIGHT))


def agreed(id: str, choice: str = "A") -> tuple[Reaction, Lesson]:
    learnt = lesson(id, choice)
    return said(id, has_consent=True, judgment_id=learnt.judgment.id), learnt


def test_without_consent_nothing_is_there_to_learn_from(db: Database) -> None:
    assert reactions.record(db, said("r1"), None) == (said("r1"), False)
    assert reactions.all(db) == [said("r1")]
    assert (judgments.all(db), prompts.all(db), completions.all(db)) == ([], [], [])
    assert labellers.all(db) == []


def test_with_consent_it_is_a_judgment(db: Database) -> None:
    reaction, learnt = agreed("r1")
    reactions.record(db, reaction, learnt)
    assert judgments.live(db) == [learnt.judgment]
    assert prompts.all(db) == [PROMPT]
    assert completions.all(db) == [LEFT, RIGHT]
    assert labellers.all(db) == [CLIENT]


def test_the_same_key_has_its_effect_once(db: Database) -> None:
    first = agreed("r1")
    reactions.record(db, *first)
    reaction, learnt = agreed("r2", "B")
    again = replace(reaction, idempotency_key="use_1:r1")
    assert reactions.record(db, again, learnt) == (first[0], True)
    assert [one.answer["choice"] for one in judgments.all(db)] == ["A"]
    assert len(reactions.all(db)) == 1


def test_a_second_opinion_takes_the_place_of_the_first(db: Database) -> None:
    first, second = agreed("r1", "A"), agreed("r2", "B")
    reactions.record(db, *first)
    swapped = replace(second[0], served_ids=("s2", "s1"))
    reactions.record(db, swapped, second[1])
    (counts,) = judgments.live(db)
    assert (counts.answer["choice"], counts.supersedes) == ("B", first[1].judgment.id)
    assert counting(reactions.all(db)) == [swapped]


def test_who_no_longer_agrees_takes_it_back(db: Database) -> None:
    reactions.record(db, *agreed("r1"))
    reactions.record(db, said("r2"), None)
    assert judgments.live(db) == []
    third = agreed("r3", "B")
    reactions.record(db, *third)
    assert judgments.live(db) == [third[1].judgment]


def test_others_and_other_completions_are_other_matters(db: Database) -> None:
    reactions.record(db, *agreed("r1"))
    reactions.record(db, said("r2", client="use_2", idempotency_key="use_2:k"), None)
    reactions.record(db, said("r3", served_ids=("s1",), kind="thumb", models=("ppo-1",)), None)
    assert len(judgments.live(db)) == 1
    assert len(counting(reactions.all(db))) == 3


def test_a_lesson_that_cannot_be_stored_undoes_the_reaction(db: Database) -> None:
    reaction, learnt = agreed("r1")
    bad = replace(learnt, completions=(replace(LEFT, text="a\x00b"),))
    with pytest.raises(DataError, match="NUL"):
        reactions.record(db, reaction, bad)
    assert (reactions.all(db), prompts.all(db), judgments.all(db)) == ([], [], [])


def test_a_prompt_that_was_held_out_stays_so(ready: Database) -> None:
    learnt = lesson("r1")
    known = replace(PROMPT, id="p2")
    thumb = new_judgment("p2", CLIENT, Thumb("c1", True), Circumstances("use", "use_1:r1"))
    moved = replace(
        learnt, prompt=known, judgment=thumb, completions=(replace(LEFT, prompt_id="p2"),)
    )
    reactions.record(ready, said("r1", has_consent=True, judgment_id=thumb.id), moved)
    assert {one.id: one.split for one in prompts.all(ready)} == {"p1": "train", "p2": "heldout"}


def test_what_is_withdrawn_is_counted_no_more(db: Database) -> None:
    reactions.record(db, *agreed("r1"))
    other = said("r2", client="use_2", idempotency_key="use_2:k")
    reactions.record(db, other, None)
    (judgment,) = judgments.live(db)
    assert withdraw(db, judgment_ids={judgment.id}) == 1
    assert reactions.all(db) == [other]
    assert withdraw(db, client="use_1") == 0
    assert withdraw(db, client="use_2", judgment_ids={judgment.id}) == 0
    assert withdraw(db, client="use_2") == 1
    assert reactions.all(db) == []
