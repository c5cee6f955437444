"""A microbatch's loss: the pass that looked at its rollout serves the first update."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from rather.config.ppo import Critic
from rather.models.roles import Policy
from rather.models.tuning import Tuned
from rather.rollout.rollout import Looking
from rather.training.learner import Learner
from rather.training.ppo import Trainer
from tests.training.test_ppo import SECTION, TASKS, cast_of, trained


@pytest.mark.parametrize("value_model", ["adapter", "trunk"])
def test_what_the_first_update_takes_over_from_the_rollout_changes_nothing(
    new_tuned: Callable[..., Tuned],
    new_run: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    value_model: str,
) -> None:
    """Two microbatches, of which the first is taken over in every step."""
    critic = Critic(value_model=value_model)
    section = SECTION.model_copy(update={"microbatch_tokens": 64, "critic": critic})
    passes: list[str] = []
    look = Policy.look

    def counted(self: Policy, *arguments: Any) -> Any:
        passes.append("with" if torch.is_grad_enabled() else "without")
        return look(self, *arguments)

    monkeypatch.setattr(Policy, "look", counted)

    def ends(name: str, looking: Any) -> tuple[dict[str, Any], int, int]:
        passes.clear()
        monkeypatch.setattr(Trainer, "looking", looking)
        cast = trained(new_tuned, new_run(name), section)
        return dict(cast.parameters), passes.count("with"), passes.count("without")

    def closed(self: Trainer, number: int) -> Looking:
        return Looking(self.section.temperature, self.section.microbatch_tokens)

    taken_over, *passes_of_it = ends("taken over", Trainer.looking)
    anew, *passes_of_all = ends("anew", closed)
    assert taken_over.keys() == anew.keys()
    for name, weight in anew.items():
        assert torch.equal(taken_over[name], weight), name
    # 4 steps of 2 microbatches: with a gradient, and without one of reference and policy
    assert (passes_of_it, passes_of_all) == ([8, 8 + 4], [8, 8 + 8])


def test_nobody_takes_over_where_the_first_update_is_not_of_the_whole_rollout(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    def opened(number: int, **more: Any) -> bool:
        section = SECTION.model_copy(update=more)
        cast = cast_of(new_tuned())
        learner = Learner(cast.parameters, section, 4)
        trainer = Trainer(section, cast, learner, TASKS, new_run().run, seed=1)
        return trainer.looking(number).open_looks is not None

    assert opened(0)
    assert not opened(0, num_minibatches=2)
    warming = {"critic": Critic(warmup_steps=2)}
    assert [opened(number, **warming) for number in range(4)] == [False, False, True, True]
