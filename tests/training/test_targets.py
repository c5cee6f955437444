"""Scores shaped in order, and advantages of every kind, by hand."""

from typing import Any

import pytest
import torch

from rather.config.ppo import KL, PPO, Critic, Shaping
from rather.data.batch import Row
from rather.rollout.rollout import Rollout
from rather.training.targets import remember_scores, shaped_scores, take_targets

MASK = torch.tensor([[True, True], [True, False], [True, True], [True, True]])


def rollout(**changed: Any) -> Rollout:
    """Two prompts of two completions; scores 1, 3, 0, 2."""
    given: dict[str, Any] = {
        "rows": (Row((1,), ((5, 6), (7,))), Row((2,), ((8, 9), (5, 5)))),
        "stopped": torch.tensor([True, True, False, True]),
        "scores": torch.tensor([1.0, 3.0, 0.0, 2.0]),
        "completion_mask": MASK,
        "logprobs": torch.full((4, 2), -1.0) * MASK,
        "sampler_logprobs": torch.zeros(4, 2),
        "ref_logprobs": torch.full((4, 2), -1.5) * MASK,
        "values": torch.zeros(4, 2),
    }
    return Rollout(**(given | changed))


FREE = Shaping(missing_eos_penalty=0.0)


def shaped(shaping: Shaping, made: Rollout | None = None) -> list[float]:
    section, memory = PPO(shaping=shaping), dict[str, Any]()
    made = made or rollout()
    remember_scores(section, made, memory)
    return shaped_scores(section, made, memory).tolist()


def test_scores_pass_through_what_is_asked() -> None:
    assert shaped(FREE) == [1.0, 3.0, 0.0, 2.0]
    assert shaped(Shaping(missing_eos_penalty=0.5)) == [1.0, 3.0, -0.5, 2.0]
    # the first rollout's mean is 1.5
    assert shaped(FREE.model_copy(update={"center_on_reference": True})) == [-0.5, 1.5, -1.5, 0.5]
    assert shaped(FREE.model_copy(update={"score_clip": 1.5})) == [1.0, 1.5, 0.0, 1.5]
    # one token is free: completions of 2 pay 0.25
    paid = {"length_coefficient": 0.25, "free_length": 1}
    assert shaped(FREE.model_copy(update=paid)) == [0.75, 3.0, -0.25, 1.75]
    # mean 1.5, variance 1.25
    expected = [-0.5 / 1.25**0.5, 1.5 / 1.25**0.5, -1.5 / 1.25**0.5, 0.5 / 1.25**0.5]
    assert shaped(FREE.model_copy(update={"standardize": True})) == pytest.approx(expected)


def test_the_penalty_comes_after_the_clip() -> None:
    shaping = Shaping(score_clip=1.0, missing_eos_penalty=2.0)
    assert shaped(shaping, rollout(scores=torch.tensor([9.0, 0.0, 9.0, 0.0]))) == [
        1.0, 0.0, -1.0, 0.0,
    ]  # fmt: skip


def test_running_numbers_go_over_rollouts() -> None:
    section, memory = PPO(shaping=FREE.model_copy(update={"center_on_reference": True})), {}
    memory = dict[str, Any](memory)
    remember_scores(section, rollout(), memory)
    later = rollout(scores=torch.tensor([5.5, 5.5, 5.5, 5.5]))
    remember_scores(section, later, memory)
    assert memory["reference_mean"] == 1.5  # of the first rollout, the reference's own
    assert shaped_scores(section, later, memory).tolist() == [4.0] * 4
    # centred: −0.5, 1.5, −1.5, 0.5 and four times 4: mean 2, Σ squares 5 + 64 − 8·4
    assert memory["moments"] == pytest.approx([8.0, 2.0, 37.0])


def targets(section: PPO, made: Rollout | None = None, kl_coefficient: float = 0.0) -> Any:
    memory: dict[str, Any] = {}
    made = made or rollout()
    remember_scores(section, made, memory)
    return take_targets(section, made, kl_coefficient=kl_coefficient, memory=memory)


def test_the_penalty_is_on_every_token_and_the_score_on_the_last() -> None:
    found = targets(PPO(shaping=FREE), kl_coefficient=0.2)
    # log-ratio 0.5 a token
    rewards = [[-0.1, 0.9], [2.9, 0.0], [-0.1, -0.1], [-0.1, 1.9]]
    assert found.token_rewards.tolist() == [pytest.approx(row) for row in rewards]
    in_loss = PPO(shaping=FREE, kl=KL(penalty="loss", estimator="k2"))
    assert targets(in_loss, kl_coefficient=0.2).token_rewards.tolist() == [
        [0.0, 1.0], [3.0, 0.0], [0.0, 0.0], [0.0, 2.0],
    ]  # fmt: skip
    # k2 in the reward: ½·0.25 a token
    half = targets(PPO(shaping=FREE, kl=KL(estimator="k2")), kl_coefficient=0.8)
    assert half.token_rewards[0].tolist() == pytest.approx([-0.1, 0.9])


def test_a_function_of_tokens_adds_to_their_rewards() -> None:
    made = rollout(token_scores=torch.tensor([[1.0, 0], [0, 0], [0, 0], [0, 0.5]]))
    found = targets(PPO(shaping=FREE), made).token_rewards
    assert found.tolist() == [[1.0, 1.0], [3.0, 0.0], [0.0, 0.0], [0.0, 2.5]]


def test_gae_is_whitened_and_returns_are_not() -> None:
    found = targets(PPO(shaping=FREE, critic=Critic(gae_lambda=1.0)))
    # values 0, λ = γ = 1: every token returns its completion's score
    assert found.returns.tolist() == [[1.0, 1.0], [3.0, 0.0], [0.0, 0.0], [2.0, 2.0]]
    real = found.advantages[MASK]
    assert real.mean().item() == pytest.approx(0.0, abs=1e-6)
    assert real.var(correction=0).item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("advantage", "more", "expected"),
    [
        # against the other completion of the prompt: 1 − 3, 3 − 1, 0 − 2, 2 − 0
        ("rloo", {}, [[-2.0, -2.0], [2.0, 0.0], [-2.0, -2.0], [2.0, 2.0]]),
        # against the prompt's mean, 2 and 1
        ("grpo", {"scale_by_std": False}, [[-1.0, -1.0], [1.0, 0.0], [-1.0, -1.0], [1.0, 1.0]]),
    ],
)
def test_completions_of_a_prompt_are_compared(
    advantage: Any, more: dict[str, Any], expected: list[list[float]]
) -> None:
    found = targets(PPO(shaping=FREE, advantage=advantage, **more))
    assert found.advantages.tolist() == expected
    assert found.returns is None


def test_grpo_divides_by_the_spread() -> None:
    found = targets(PPO(shaping=FREE, advantage="grpo"))
    # the sample's standard deviation of (1, 3) and of (0, 2) is √2
    assert found.advantages[1, 0].item() == pytest.approx(1 / (2**0.5 + 1e-4), abs=1e-6)


def test_reinforce_plus_plus_looks_at_the_whole_batch() -> None:
    found = targets(PPO(shaping=FREE, advantage="reinforce++"))
    real = found.advantages[MASK]
    # returns 1, 1, 3, 0, 0, 2, 2: mean 9/7, variance 19/7 − 81/49 = 52/49
    assert real.tolist() == pytest.approx(
        [(g - 9 / 7) / (52 / 49) ** 0.5 for g in (1, 1, 3, 0, 0, 2, 2)], abs=1e-6
    )
    assert (found.advantages[~MASK] == 0).all()
