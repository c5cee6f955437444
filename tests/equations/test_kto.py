"""KTO against numbers worked by hand, and the directions in which it pulls."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from rather.equations.kto import kl_baseline, kto

THUMBS = torch.tensor([True, False])


@pytest.mark.parametrize(
    ("log_ratios", "expected"),
    [([1.0, 2.0, 3.0], 2.0), ([1.0, 2.0, -6.0], 0.0), ([-0.5], 0.0)],  # −1 is held at 0
)
def test_the_baseline_is_the_mean_and_never_negative(
    log_ratios: list[float], expected: float
) -> None:
    found = kl_baseline(torch.tensor(log_ratios, requires_grad=True))
    assert found.item() == expected
    assert not found.requires_grad


def test_where_policy_is_reference_every_thumb_costs_a_half() -> None:
    zeros = torch.zeros(2)
    assert kto(zeros, THUMBS, kl_baseline(zeros), beta=0.1).tolist() == [0.5, 0.5]


def test_kto_by_hand() -> None:
    # β·(r − z₀) = ½·(1 + 2·ln 3 − 1) = ln 3, σ = 3/4: desirable 1/4, undesirable 1 − 1/4
    log_ratios = torch.full((2,), 1 + 2 * math.log(3))
    baseline = torch.tensor(1.0)
    assert kto(log_ratios, THUMBS, baseline, beta=0.5).tolist() == pytest.approx([0.25, 0.75])
    weighted = kto(
        log_ratios, THUMBS, baseline, beta=0.5, desirable_weight=2.0, undesirable_weight=4.0
    )
    assert weighted.tolist() == pytest.approx([0.5, 3.0])


def test_gradients_are_slopes_and_point_the_right_way() -> None:
    log_ratios = torch.tensor([0.3, -1.2], dtype=torch.float64, requires_grad=True)
    baseline = torch.tensor(0.4, dtype=torch.float64)
    assert gradcheck(
        lambda r: kto(r, THUMBS, baseline, beta=0.7, desirable_weight=1.3), (log_ratios,)
    )
    kto(log_ratios, THUMBS, baseline, beta=0.7).sum().backward()
    assert log_ratios.grad is not None
    assert log_ratios.grad[0].item() < 0 < log_ratios.grad[1].item()


@settings(deadline=None, max_examples=30)
@given(
    rows=st.lists(st.tuples(st.floats(-1e4, 1e4), st.booleans()), min_size=1, max_size=6),
    data=st.data(),
)
def test_the_order_of_a_batch_does_not_matter_and_nothing_overflows(
    rows: list[tuple[float, bool]], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(rows))))
    log_ratios = torch.tensor([r for r, _ in rows])
    is_desirable = torch.tensor([up for _, up in rows])
    found = kto(log_ratios, is_desirable, 0.5, beta=1.0)
    assert ((found >= 0) & (found <= 1)).all()
    torch.testing.assert_close(
        kto(log_ratios[order], is_desirable[order], 0.5, beta=1.0), found[order]
    )
