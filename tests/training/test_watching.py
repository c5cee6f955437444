"""Glimpses: the same prompts at the right steps, and nothing that is learnt notices."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from rather.config.ppo import PPO, Shaping, StopRules
from rather.data.batch import Row
from rather.errors import StoppedByRule
from rather.models.heads import ScalarHead
from rather.models.library import weights_digest
from rather.models.roles import Policy, ValueModel
from rather.models.tuning import Tuned
from rather.records import Glimpse, Message, Prompt
from rather.rollout.rollout import Roles
from rather.training.cast import Cast, Task
from rather.training.ppo import train_ppo
from rather.training.watching import Watched, Watcher

STOPS = tuple(range(3, 40))
TASKS = [
    Task(Prompt(f"p{n}", (Message("user", str(n)),), "train"), (*range(40, 43 + n % 3), 50 + n))
    for n in range(6)
]
SECTION = PPO(
    learning_rate=1e-2,
    batch_size=3,
    num_completions=2,
    max_new_tokens=6,
    num_steps=5,
    checkpoint_every=1,
    shaping=Shaping(missing_eos_penalty=0.0),
    rules=StopRules(
        min_entropy_share=None,
        min_distinct_share=None,
        max_update_kl=None,
        max_length_growth=None,
        min_eos_share=None,
    ),
)


def longer_is_better(prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
    return [[float(len(completion)) for completion in row.completions] for row in rows]


class Seen:
    """Everything a watcher hands out, and the weights of each moment."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.steps: list[int] = []
        self.answers: dict[int, list[Glimpse]] = {}
        self.weights: dict[int, str] = {}

    def record(self, step: int, answers: list[Glimpse]) -> None:
        self.steps.append(step)
        self.answers[step] = answers
        self.weights[step] = weights_of(self.cast)

    def watcher(self, every: int, **about: Any) -> Watcher:
        roles = self.cast.roles
        who = Watched(roles.policy, roles.reference, 64, 4, scorer=roles.scorer)
        watched = replace(who, **about)
        return Watcher(watched, TASKS[:2], every, STOPS, str, self.record)


def cast_of(tuned: Tuned) -> Cast:
    policy = Policy(tuned.backbone, tuned.adapter)
    head = ScalarHead.zero(tuned.backbone.hidden_size)
    value = ValueModel(tuned.backbone, tuned.adapter, head)
    roles = Roles(policy, Policy(tuned.backbone), value, longer_is_better)
    return Cast(roles, {**tuned.parameters, "value.head": head.weight}, STOPS)


def weights_of(cast: Cast) -> str:
    return weights_digest({**cast.parameters})


def watched_run(
    new_tuned: Any, recorded: Any, section: PPO = SECTION, every: int = 2
) -> tuple[Cast, Seen]:
    cast = cast_of(new_tuned())
    seen = Seen(cast)
    train_ppo(section, cast, TASKS, replace(recorded.run, look=seen.watcher(every)), seed=1)
    return cast, seen


def test_weights_and_numbers_are_the_same_without_it(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    plain, looked_at = new_run("plain"), new_run("looked_at")
    alone = cast_of(new_tuned())
    train_ppo(SECTION, alone, TASKS, plain.run, seed=1)
    cast, seen = watched_run(new_tuned, looked_at, every=1)
    assert weights_of(cast) == weights_of(alone)
    assert looked_at.metrics == plain.metrics
    assert seen.steps == [0, 1, 2, 3, 4, 5]


def test_it_looks_before_the_first_step_every_so_many_and_at_the_end(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    cast, seen = watched_run(new_tuned, new_run())
    assert seen.steps == [0, 2, 4, 5]
    assert len(set(seen.weights.values())) == 4
    assert seen.weights[5] == weights_of(cast)
    for step, answers in seen.answers.items():
        assert [(one.step, one.prompt_id) for one in answers] == [(step, "p0"), (step, "p1")]
    assert [one.kl for one in seen.answers[0]] == [0.0, 0.0]  # nothing is learnt yet
    assert any(one.kl != 0.0 for one in seen.answers[5])


def test_an_answer_says_how_it_ended_and_what_it_is_worth(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    seen = Seen(cast_of(new_tuned()))
    seen.watcher(1)(0, False)
    for one in seen.answers[0]:
        ids = [int(piece) for piece in one.text.strip("(),").split(",")]
        assert len(ids) == one.num_tokens <= 4
        assert one.score == float(len(ids))
        assert one.finish_reason == ("stop" if ids[-1] in STOPS else "length")
    before = seen.answers[0]
    seen.watcher(1)(0, False)
    assert seen.answers[0] == before  # greedy: asked again, it says the same
    seen.watcher(1, scorer=None)(0, False)
    assert [one.score for one in seen.answers[0]] == [None, None]


@pytest.mark.parametrize(
    "dies_after", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3))]
)
def test_a_run_that_was_killed_has_the_same_answers(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any], dies_after: int
) -> None:
    _, whole = watched_run(new_tuned, new_run("whole"))
    first = cast_of(new_tuned())
    seen = Seen(first)
    killed = new_run("killed", dies_after)
    with pytest.raises(KeyboardInterrupt):
        run = replace(killed.run, look=seen.watcher(2))
        train_ppo(SECTION, first, TASKS, run, seed=1)
    _, rest = watched_run(new_tuned, new_run("killed"))
    assert {**seen.answers, **rest.answers} == whole.answers


def test_what_a_rule_stopped_is_shown(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    rules = SECTION.rules.model_copy(update={"max_kl": 1e-3})
    section = SECTION.model_copy(update={"rules": rules, "kl_coefficient": 0.0})
    cast = cast_of(new_tuned())
    seen = Seen(cast)
    with pytest.raises(StoppedByRule) as stop:
        run = replace(new_run().run, look=seen.watcher(100))
        train_ppo(section, cast, TASKS, run, seed=1)
    # the policy of the step that was stopped, and not the one that was kept
    assert len(seen.steps) == 2
    assert seen.steps[1] > (stop.value.kept_step or 0)
    assert seen.weights[seen.steps[1]] != weights_of(cast)
