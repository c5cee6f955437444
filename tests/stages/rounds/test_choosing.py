"""Chosen questions: a third by chance and marked, held-out prompts never picked, nothing twice."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from rather import pipeline
from rather.errors import DataError, UsageError
from rather.records import Prompt
from rather.stages import labelling, tuning
from rather.stages.rounds import choosing
from rather.stages.rounds.choosing import choose, drawn
from rather.stages.rounds.open_questions import look
from rather.store import judgments, prompts, questions
from rather.workspace import Workspace
from tests.stages.conftest import judge

NUM_PAIRS = 33  # three a prompt, of eight training prompts and three held-out ones


def set_to(ws: Workspace, **choice: Any) -> Workspace:
    return ws.configured({"choose": choice})


def asked_of(ws: Workspace) -> dict[str, Prompt]:
    return {prompt.id: prompt for prompt in prompts.all(ws.db)}


def test_without_a_reward_model_chance_chooses(answered: Workspace) -> None:
    ws = set_to(answered, num_questions=20)
    dry = choose(ws, dry_run=True)
    assert dry["summary"] == "would choose 20 of 33 questions; 0 are open already."
    assert questions.all(ws.db) == []
    made = choose(ws, dry_run=False)
    assert (made["picked"], made["random"], made["heldout"], made["open"]) == (0, 20, 3, 20)
    asked = asked_of(ws)
    found = questions.all(ws.db)
    assert all(one.is_random for one in found)
    assert Counter(asked[one.prompt_id].split for one in found) == {"train": 17, "heldout": 3}


def test_given_again_it_tops_up_what_was_answered(answered: Workspace) -> None:
    ws = set_to(answered, num_questions=10).configured({"label": {"simulate": "concision"}})
    choose(ws, dry_run=False)
    assert choose(ws, dry_run=False)["random"] == 0
    labelling.simulate(ws.configured({"label": {"num_judgments": 4}}), "concision", dry_run=False)
    again = choose(ws, dry_run=False)
    assert (again["random"], again["open"]) == (4, 10)
    assert len(questions.all(ws.db)) == 14
    judged = {one.item for one in questions.all(ws.db)[:10]}
    assert len(judged) == 10


def test_only_what_was_chosen_is_asked(answered: Workspace) -> None:
    ws = set_to(answered, num_questions=6)
    choose(ws, dry_run=False)
    made = labelling.simulate(ws, "concision", dry_run=False)
    assert made["judgments"] == 6
    everything = ws.configured({"label": {"only_chosen": False}})
    assert labelling.simulate(everything, "concision", dry_run=False)["judgments"] == NUM_PAIRS - 6


@pytest.fixture
def taught(answered: Workspace) -> Workspace:
    """With an ensemble of two, learnt from Ann's eight pairs."""
    judge(answered)
    reward = {"ensemble": 2, "num_epochs": 2, "learning_rate": 0.01}
    tuning.reward(answered.configured({"reward": reward}), dry_run=False, fresh=False)
    return answered


def test_doubt_picks_and_chance_keeps_its_share(taught: Workspace) -> None:
    # five answers a prompt now: ten pairs, of which Ann judged one
    ws = set_to(taught, num_questions=20)
    made = choose(ws, dry_run=False)
    assert (made["picked"], made["random"], made["heldout"]) == (14, 6, 3)
    found, asked = questions.all(ws.db), asked_of(ws)
    picked = [one for one in found if not one.is_random]
    assert {asked[one.prompt_id].split for one in picked} == {"train"}
    assert all(one.reasons.keys() == {"disagreement", "closeness", "drift", "coverage"}
               for one in picked)  # fmt: skip
    assert all(one.reasons["drift"] == 0 for one in picked)  # there is no policy but base
    assert any(one.reasons["disagreement"] > 0 for one in picked)
    assert all(one.reasons == {} for one in found if one.is_random)
    known = {one.item for one in found}
    assert known.isdisjoint(item.name for item in look(ws, asked).free)


def test_weights_decide(taught: Workspace) -> None:
    weights = {"disagreement": 0.0, "closeness": 0.0, "drift": 0.0}
    ws = set_to(taught, num_questions=10, coverage=1.0, **weights)
    choose(ws, dry_run=False)
    picked = [one for one in questions.all(ws.db) if not one.is_random]
    assert len(picked) == 7
    # eight training prompts, Ann judged each once: those drawn by chance come last
    assert max(Counter(one.prompt_id for one in picked).values()) == 1
    by_chance = Counter(one.prompt_id for one in questions.all(ws.db) if one.is_random)
    assert sum(one.prompt_id in by_chance for one in picked) <= 1


def test_the_most_doubted_come_first(taught: Workspace) -> None:
    weights = {"closeness": 0.0, "drift": 0.0, "coverage": 0.0}
    ws = set_to(taught, num_questions=20, **weights)
    choose(ws, dry_run=False)
    picked = [one.reasons["disagreement"] for one in questions.all(ws.db) if not one.is_random]
    assert picked == sorted(picked, reverse=True)
    spread = set_to(taught, num_questions=60, **weights)
    choose(spread, dry_run=False)
    later = [one for one in questions.all(ws.db)[20:] if not one.is_random]
    assert max(one.reasons["disagreement"] for one in later) <= min(picked)


def test_choosing_is_the_same_twice(new_judged_ws: Callable[..., Workspace]) -> None:
    found = []
    for name in ("one", "two"):
        ws = new_judged_ws(name)
        pipeline.sample(ws)
        tuning.reward(ws, dry_run=False, fresh=False)
        choose(set_to(ws, num_questions=20), dry_run=False)
        found.append([(one.item, one.is_random, one.reasons) for one in questions.all(ws.db)])
    assert found[0] == found[1]
    assert len(found[0]) == 20


def test_a_draw_depends_on_no_neighbour(answered: Workspace) -> None:
    asked = asked_of(answered)
    items = look(answered, asked).free
    drawn_ = drawn(items, asked, 6, 1, "0:0")
    without = [item for item in items if item not in drawn_[3:]]
    assert drawn(without, asked, 3, 1, "0:0") == drawn_[:3]
    assert [asked[item.prompt_id].split for item in drawn_] == ["heldout", *["train"] * 5]
    assert drawn(items, asked, 6, 1, "1:0") != drawn_
    assert len(drawn(items, asked, 99, 5, "0:0")) == NUM_PAIRS  # what one split lacks


def test_what_cannot_be_chosen_is_refused(ws: Workspace) -> None:
    with pytest.raises(UsageError, match="picks pairs or rankings"):
        choose(ws.configured({"label": {"kind": "thumb"}}), dry_run=False)
    with pytest.raises(DataError, match="rather sample"):
        choose(ws, dry_run=False)


def test_what_models_cannot_hold_is_counted(
    taught: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(taught.progress, "say", heard.append)
    from rather.stages.rounds import doubt

    real = doubt.examples.encode
    first = prompts.all(taught.db, "train")[0].id

    def encode(codec: Any, prompt: Prompt, texts: Any, left_out: Any, name: str) -> Any:
        if prompt.id == first:
            left_out.add("longer than the model's context", name)
            return None
        return real(codec, prompt, texts, left_out, name)

    monkeypatch.setattr(doubt.examples, "encode", encode)
    made = choosing.choose(set_to(taught, num_questions=20), dry_run=False)
    assert made["left_out"] == {"longer than the model's context": 1}
    picked = [one for one in questions.all(taught.db) if not one.is_random]
    assert first not in {one.prompt_id for one in picked}
    assert any("left out 1: longer than" in line for line in heard)
    assert len(judgments.live(taught.db)) == 22
