"""DPO's losses against numbers worked by hand, and the signs of their gradients."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from rather.equations.dpo import LOSSES, hinge, ipo, log_ratio_margin, sigmoid


def test_the_margin_is_the_difference_of_log_ratios() -> None:
    # (−10 − −12) − (−20 − −19) = 2 − −1 = 3
    margin = log_ratio_margin(*(torch.tensor([x]) for x in (-10.0, -20.0, -12.0, -19.0)))
    assert margin.tolist() == [3.0]


@pytest.mark.parametrize("beta", [0.05, 0.1, 0.5])
def test_where_policy_is_reference_the_loss_is_ln_2(beta: float) -> None:
    assert sigmoid(torch.zeros(1), beta=beta).item() == pytest.approx(math.log(2))
    smoothed = sigmoid(torch.zeros(1), beta=beta, label_smoothing=0.1)
    assert smoothed.item() == pytest.approx(math.log(2))


def test_sigmoid_by_hand() -> None:
    # β·h = ln 3: σ = 3/4 and 1/4; −ln(3/4) = 0.287682, −ln(1/4) = 1.386294
    margin = torch.tensor([10 * math.log(3)])
    assert sigmoid(margin, beta=0.1).item() == pytest.approx(0.287682, abs=1e-5)
    # 0.9·0.287682 + 0.1·1.386294 = 0.397543
    smoothed = sigmoid(margin, beta=0.1, label_smoothing=0.1)
    assert smoothed.item() == pytest.approx(0.397543, abs=1e-5)


def test_ipo_by_hand() -> None:
    # β = 0.1: target 5; h = 3: 4; smoothed 0.9·4 + 0.1·64 = 10
    margin = torch.tensor([3.0, 5.0])
    assert ipo(margin, beta=0.1).tolist() == pytest.approx([4.0, 0.0])
    assert ipo(margin, beta=0.1, label_smoothing=0.1)[0].item() == pytest.approx(10.0, abs=1e-4)


def test_hinge_by_hand() -> None:
    # β = 0.5: h = 1 gives 1 − 0.5; h = 4 is beyond the margin; h = −2 gives 1 + 1
    assert hinge(torch.tensor([1.0, 4.0, -2.0]), beta=0.5).tolist() == [0.5, 0.0, 2.0]
    # smoothed at h = 4: 0.75·0 + 0.25·(1 + 2)
    smoothed = hinge(torch.tensor([4.0]), beta=0.5, label_smoothing=0.25)
    assert smoothed.item() == pytest.approx(0.75)


@pytest.mark.parametrize("name", ["sigmoid", "ipo", "hinge"])
def test_a_better_margin_lowers_the_loss_and_the_gradient_is_the_slope(name: str) -> None:
    margin = torch.tensor([-1.3, 0.2, 0.7], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(LOSSES[name](margin, beta=0.5).sum(), margin)
    assert (slope < 0).all()
    assert gradcheck(lambda h: LOSSES[name](h, beta=0.5, label_smoothing=0.1), (margin,))


def test_every_loss_has_a_name() -> None:
    assert sorted(LOSSES) == ["hinge", "ipo", "sigmoid"]
