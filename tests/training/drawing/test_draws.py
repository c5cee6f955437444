"""Rollouts of an older policy: exactly so old, whatever the timing, and the same after a stop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rather.config.ppo import PPO, Shaping, StopRules
from rather.errors import StoppedByRule
from rather.models.library import weights_digest
from rather.models.roles import Policy
from rather.models.tuning import Tuned
from rather.records import Message, Prompt
from rather.rollout.local import sample_policy
from rather.rollout.requests import Request, Sampled, Settings
from rather.rollout.rollout import Roles
from rather.rollout.saved import to_tensors
from rather.training.cast import Cast, Task
from rather.training.checkpoints import Kept
from rather.training.drawing.correction import Correction
from rather.training.drawing.draws import Draws
from rather.training.learner import Learner
from rather.training.loop import Run
from rather.training.ppo import Trainer, train_ppo
from rather.training.ranks import ALONE

STOPS = tuple(range(3, 40))
TASKS = [
    Task(Prompt(f"p{n}", (Message("user", str(n)),), "train"), (41, 42, 50 + n)) for n in range(6)
]
SECTION = PPO(
    advantage="rloo",
    learning_rate=5e-3,
    batch_size=3,
    num_completions=4,
    max_new_tokens=6,
    num_steps=5,
    checkpoint_every=2,
    num_minibatches=2,
    schedule="constant",
    warmup_fraction=0.0,
    shaping=Shaping(missing_eos_penalty=0.0),
    rules=StopRules(min_entropy_share=None, min_distinct_share=None, max_update_kl=None),
)


def even_tokens(prompts: Sequence[Prompt], rows: Sequence[Any]) -> list[list[float]]:
    return [[sum(t % 2 == 0 for t in c) / len(c) for c in row.completions] for row in rows]


class Landed:
    """A flight that is there already."""

    def __init__(self, drawn: list[list[Sampled]]) -> None:
        self.drawn, self.is_cancelled = drawn, False

    def result(self, advance: Callable[[int], None]) -> list[list[Sampled]]:
        assert not self.is_cancelled
        return self.drawn

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class Servers:
    """Servers that draw at once, with this machine's engine; they remember which weights."""

    begun: list[tuple[str, int]] = field(default_factory=list)
    """Of every flight: the policy's digest and the first seed."""

    def __call__(
        self,
        policy: Policy,
        requests: Sequence[Request],
        settings: Settings,
        advance: Callable[[int], None],
    ) -> list[list[Sampled]]:
        return sample_policy(policy, requests, settings, advance)

    def begin(self, policy: Policy, requests: Sequence[Request], settings: Settings) -> Landed:
        self.begun.append((digest(policy), requests[0].seeds[0]))
        return Landed(sample_policy(policy, requests, settings, lambda tokens: None))


def digest(policy: Policy) -> str:
    assert policy.adapter is not None
    return weights_digest(dict(policy.backbone.adapter_parameters(policy.adapter)))


def cast_of(tuned: Tuned, servers: Any, staleness: int) -> Cast:
    roles = Roles(
        Policy(tuned.backbone, tuned.adapter),
        Policy(tuned.backbone),
        None,
        even_tokens,
        sampler=servers,
    )
    cast = Cast(roles, dict(tuned.parameters), STOPS, correction=Correction(2.0, 2.0))
    return replace(cast, staleness=staleness)


def run_of(recorded: Any, looks: list[str], policy: Policy) -> Run:
    """Remembers the policy's digest after every step."""

    def look(steps_done: int, is_end: bool) -> None:
        del looks[steps_done:]
        looks.append(digest(policy))

    return replace(recorded.run, look=look)


def trained(
    new_tuned: Any, recorded: Any, staleness: int, servers: Servers, looks: list[str]
) -> Cast:
    cast = cast_of(new_tuned(), servers, staleness)
    train_ppo(SECTION, cast, TASKS, run_of(recorded, looks, cast.roles.policy), seed=1)
    return cast


@pytest.mark.parametrize("staleness", [1, 2])
def test_a_step_learns_from_the_policy_of_so_many_steps_before(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any], staleness: int
) -> None:
    servers, looks, recorded = Servers(), list[str](), new_run()
    trained(new_tuned, recorded, staleness, servers, looks)
    after = looks[:5]
    assert len(set(after)) == 5, "every step has another policy"
    wanted = {1: [0, 0, 1, 2, 3], 2: [0, 0, 0, 1, 2]}[staleness]
    assert [seen for seen, _ in servers.begun] == [after[steps] for steps in wanted]
    # seeds are those of the steps: (seed · 1,000,003 + step) · 3 prompts · 4 completions
    assert [first for _, first in servers.begun] == [(1_000_003 + n) * 12 for n in range(5)]
    ages = recorded.of("sampler/staleness")
    assert ages == {1: [0, 1, 1, 1, 1], 2: [0, 1, 2, 2, 2]}[staleness]
    apart = recorded.of("objective/mismatch_kl")
    assert apart[0] < 1e-6 < 1e-4 < min(apart[1:])


def test_every_row_of_a_rollout_says_how_old_its_policy_is(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    cast = cast_of(new_tuned(), Servers(), staleness=1)
    learner = Learner(cast.parameters, SECTION, 10)
    trainer = Trainer(SECTION, cast, learner, TASKS, new_run().run, seed=1)
    trainer.step(0)
    rollout = trainer.rollout_of(1)
    assert rollout.staleness is not None
    assert rollout.staleness.tolist() == [1] * 12
    assert to_tensors(rollout)["staleness"].tolist() == [1] * 12
    fresh = cast_of(new_tuned(), Servers(), staleness=0)
    learner = Learner(fresh.parameters, SECTION, 10)
    own = Trainer(SECTION, fresh, learner, TASKS, new_run("own").run, seed=1).rollout_of(0)
    assert own.staleness is None
    assert "staleness" not in to_tensors(own)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("staleness", "dies_after"),
    [(1, 2), *(pytest.param(1, n, marks=pytest.mark.slow) for n in (1, 3, 4)),
     (3, 3), *(pytest.param(3, n, marks=pytest.mark.slow) for n in (1, 2, 4))],
)  # fmt: skip
def test_a_killed_run_draws_again_from_the_same_policies(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any], staleness: int, dies_after: int
) -> None:
    whole = new_run("whole")
    wanted = trained(new_tuned, whole, staleness, Servers(), [])
    with pytest.raises(KeyboardInterrupt):
        trained(new_tuned, new_run("broken", dies_after), staleness, Servers(), [])
    again = new_run("broken")
    found = trained(new_tuned, again, staleness, Servers(), [])
    for step, metrics in again.metrics.items():
        assert metrics == whole.metrics[step]
    assert max(again.metrics) == 4
    for name, weight in wanted.parameters.items():
        assert torch.equal(weight, found.parameters[name]), name


def test_a_policy_that_runs_away_from_its_rollouts_is_stopped(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    rules = SECTION.rules.model_copy(update={"max_drift_kl": 0.002, "max_ratio": None})
    section = SECTION.model_copy(update={"learning_rate": 0.05, "rules": rules})
    recorded = new_run()
    with pytest.raises(StoppedByRule, match=r"away from what drew this rollout 1 steps before"):
        train_ppo(section, cast_of(new_tuned(), Servers(), 1), TASKS, recorded.run, seed=1)
    assert {alarm.rule for _, alarm in recorded.alarms if alarm.severity == "stop"} == {"drift_kl"}


def kept_in(folder: Path) -> set[str]:
    from safetensors.torch import load_file

    path = folder / "policies.safetensors"
    return {name.partition("/")[0] for name in load_file(path)} if path.exists() else set()


def test_a_checkpoint_keeps_the_policies_that_are_still_drawn_from(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    for staleness, kept in ((0, set()), (1, {"3"}), (3, {"1", "2", "3"})):
        recorded = new_run(str(staleness))
        trained(new_tuned, recorded, staleness, Servers(), [])
        # steps 5, 6, ... learn from what the policies of after 4 − k + 1, ... steps draw
        assert kept_in(recorded.run.directory / "checkpoint-4") == kept


def draws_of(tuned: Tuned, servers: Servers, staleness: int, kept: Kept) -> Draws:
    def requests_of(number: int) -> list[Request]:
        return [Request((41, 42), (number,))]

    policy = Policy(tuned.backbone, tuned.adapter)
    settings = Settings(1.0, 3, STOPS)
    return Draws(policy, servers, settings, requests_of, 9, ALONE, staleness, kept.policies)


def move(tuned: Tuned) -> None:
    with torch.no_grad():
        for parameter in tuned.parameters.values():
            parameter += 0.01


def test_a_run_that_goes_back_draws_anew(new_tuned: Callable[..., Tuned]) -> None:
    servers, kept, tuned = Servers(), Kept(), new_tuned()
    draws = draws_of(tuned, servers, 1, kept)
    begun = []
    for number in (0, 1, 1):  # the third time the gradients were not finite
        draws.begin(number, is_drawn=False)
        draws.of_step(number, [0], lambda tokens: None)
        begun.append([seed for _, seed in servers.begun])
        if number == 0:
            draws.keep(number)
            move(tuned)
    assert begun == [[0, 1], [0, 1, 2], [0, 1, 2, 1, 2]]
    # step 1 is drawn again from the policy step 0 kept, step 2 from that of now
    assert servers.begun[3][0] == servers.begun[1][0] != servers.begun[4][0]


def test_in_the_middle_of_a_step_only_later_ones_are_begun(
    new_tuned: Callable[..., Tuned],
) -> None:
    servers, kept, tuned = Servers(), Kept(), new_tuned()
    first = draws_of(tuned, servers, 1, kept)
    first.begin(0, is_drawn=False)
    first.keep(0)
    begun = servers.begun[1]
    move(tuned)  # an update, and then a kill
    resumed = draws_of(tuned, servers, 1, kept)
    now = digest(resumed.policy)
    resumed.begin(0, is_drawn=True)
    assert servers.begun[2:] == [begun]
    assert digest(resumed.policy) == now != begun[0]


def test_an_older_policy_that_nobody_kept_is_no_silent_newer_one(
    new_tuned: Callable[..., Tuned],
) -> None:
    draws = draws_of(new_tuned(), Servers(), 1, Kept())
    with pytest.raises(AssertionError, match="nothing is kept of the policy after 2 steps"):
        draws.begin(3, is_drawn=False)
