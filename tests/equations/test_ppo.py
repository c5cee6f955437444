"""PPO's two losses, clipped by hand."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from rather.equations.ppo import policy_loss, value_loss

EVERY = torch.ones(1, 4, dtype=torch.bool)


def test_the_four_corners_of_the_clip() -> None:
    # ρ 1.5, A 1: max(−1.5, −1.2) = −1.2, clipped    ρ 1.5, A −1: max(1.5, 1.2) = 1.5
    # ρ 0.5, A 1: max(−0.5, −0.8) = −0.5             ρ 0.5, A −1: max(0.5, 0.8) = 0.8, clipped
    logprobs = torch.tensor([[1.5, 1.5, 0.5, 0.5]]).log() - 3
    advantages = torch.tensor([[1.0, -1.0, 1.0, -1.0]])
    found = policy_loss(logprobs, torch.full((1, 4), -3.0), advantages, EVERY, clip_range=0.2)
    assert found.loss.item() == pytest.approx(-1.2 + 1.5 - 0.5 + 0.8, abs=1e-5)
    assert found.clipped.item() == 2
    assert found.ratio.item() == pytest.approx(4.0, abs=1e-5)
    # ½·2·(ln²1.5 + ln²0.5) = 0.164402 + 0.480453
    assert found.approx_kl.item() == pytest.approx(0.644855, abs=1e-5)


def test_clipped_tokens_give_no_gradient() -> None:
    logprobs = torch.tensor([[1.5, 1.5, 0.5, 0.5]]).log().requires_grad_()
    advantages = torch.tensor([[1.0, -1.0, 1.0, -1.0]])
    policy_loss(logprobs, torch.zeros(1, 4), advantages, EVERY, clip_range=0.2).loss.backward()
    # −A·ρ where it is not clipped
    assert logprobs.grad is not None
    assert logprobs.grad[0].tolist() == pytest.approx([0.0, 1.5, -0.5, 0.0], abs=1e-6)


def test_the_first_minibatch_has_ratio_1_and_whitened_advantages_give_loss_0() -> None:
    logprobs = torch.tensor([[-1.0, -2.0, -0.5, -7.0]])
    advantages = torch.tensor([[1.5, -0.5, -1.5, 0.5]])
    found = policy_loss(logprobs, logprobs, advantages, EVERY, clip_range=0.2)
    assert (found.loss.item(), found.ratio.item()) == (0.0, 4.0)
    assert (found.clipped.item(), found.approx_kl.item()) == (0, 0.0)


def test_masked_tokens_do_not_count() -> None:
    mask = torch.tensor([[True, False]])
    logprobs, old = torch.tensor([[0.0, 500.0]]), torch.tensor([[0.0, -500.0]])
    found = policy_loss(logprobs, old, torch.tensor([[2.0, 3.0]]), mask, clip_range=0.2)
    assert (found.loss.item(), found.ratio.item(), found.approx_kl.item()) == (-2.0, 1.0, 0.0)
    value = value_loss(logprobs, old, torch.tensor([[1.0, 9.0]]), mask, value_clip_range=0.2)
    assert (value.loss.item(), value.clipped.item()) == (0.5, 0)


def test_a_value_may_move_by_the_clip_range_only() -> None:
    # V 1, held at 0.2, R 2: ½·max(1, 3.24) = 1.62, clipped;  V 0.1, R 1: ½·0.81 = 0.405
    # V 1, held at 0.2, R 0: ½·max(1, 0.04) = 0.5: the plain term is the larger one
    found = value_loss(
        torch.tensor([[1.0, 0.1, 1.0]]),
        torch.zeros(1, 3),
        torch.tensor([[2.0, 1.0, 0.0]]),
        torch.ones(1, 3) > 0,
        value_clip_range=0.2,
    )
    assert found.loss.item() == pytest.approx(1.62 + 0.405 + 0.5)
    assert found.clipped.item() == 1


def test_gradients_are_slopes() -> None:
    old = torch.tensor([[-1.0, -2.0, -3.0]], dtype=torch.float64)
    new = (old + torch.tensor([[0.05, -0.1, math.log(2)]])).requires_grad_()
    advantages = torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64)
    mask = torch.tensor([[True, True, True]])
    assert gradcheck(lambda x: policy_loss(x, old, advantages, mask, clip_range=0.2).loss, (new,))
    assert gradcheck(
        lambda x: value_loss(x, old, advantages, mask, value_clip_range=0.2).loss, (new,)
    )
