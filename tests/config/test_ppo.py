"""Settings of PPO that do not go together are refused before anything is loaded."""

import pytest

from rather.config.loading import load
from rather.config.ppo import KL, PPO
from rather.errors import UsageError


@pytest.mark.parametrize("estimator", ["k2", "k3"])
def test_an_estimator_with_a_gradient_can_be_a_loss(estimator: str) -> None:
    config = load(None, {"ppo.kl.penalty": "loss", "ppo.kl.estimator": estimator})
    assert config.ppo.kl == KL(penalty="loss", estimator=estimator)


def test_k1_as_a_loss_is_refused() -> None:
    with pytest.raises(UsageError, match=r"kl\.penalty: loss needs kl\.estimator k2 or k3"):
        load(None, {"ppo.kl.penalty": "loss"})


@pytest.mark.parametrize("advantage", ["rloo", "grpo"])
def test_a_group_needs_two(advantage: str) -> None:
    with pytest.raises(UsageError, match="num_completions must be 2 or more"):
        load(None, {"ppo.advantage": advantage, "ppo.num_completions": "1"})
    assert load(None, {"ppo.advantage": "reinforce++", "ppo.num_completions": "1"}).ppo == PPO(
        advantage="reinforce++", num_completions=1
    )
