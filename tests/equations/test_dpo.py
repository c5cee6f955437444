"""Preference losses against numbers worked by hand, their gradients, and what must not matter."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from rather.equations.dpo import (
    LOSSES,
    REFERENCE_FREE,
    PairLogprobs,
    apo_zero,
    dpo_positive,
    hinge,
    ipo,
    ipo_mean,
    length_desensitized_sum,
    log_ratio_margin,
    negative_log_likelihood,
    orpo,
    robust,
    settings_of,
    sigmoid,
    simpo,
)

LN_2, LN_3, LN_4 = math.log(2), math.log(3), math.log(4)
NAMES = sorted(LOSSES)
MARGINS = st.floats(-40, 40)


def with_margin(*margins: float) -> PairLogprobs:
    """Pairs whose log-ratios differ by the margins, all from the chosen side."""
    chosen = torch.tensor(margins, dtype=torch.float64) - 30
    others = [torch.full_like(chosen, x) for x in (-20.0, -30.0, -20.0, 4.0, 5.0)]
    return PairLogprobs(chosen, *others)


def random_pairs(num_pairs: int = 5) -> PairLogprobs:
    generator = torch.Generator().manual_seed(3)
    sums = [-20 * torch.rand(num_pairs, generator=generator).double() - 1 for _ in range(4)]
    lengths = [torch.randint(2, 9, (num_pairs,), generator=generator) for _ in range(2)]
    return PairLogprobs(*sums, *lengths)


def values(loss: Tensor) -> list[float]:
    return [round(x, 5) for x in loss.tolist()]


def test_the_margin_is_the_difference_of_log_ratios() -> None:
    # (−10 − −12) − (−20 − −19) = 2 − −1 = 3
    pairs = PairLogprobs(*(torch.tensor([x]) for x in (-10.0, -20.0, -12.0, -19.0, 3.0, 4.0)))
    assert log_ratio_margin(pairs).tolist() == [3.0]


@pytest.mark.parametrize(
    ("name", "beta", "scalars", "expected"),
    [
        ("sigmoid", 0.05, {}, LN_2),
        ("sigmoid", 0.5, {}, LN_2),
        ("sigmoid", 0.1, {"label_smoothing": 0.1}, LN_2),
        ("robust", 0.1, {"label_smoothing": 0.2}, LN_2),  # (0.8 − 0.2)·ln 2 / 0.6
        ("dpo_positive", 0.1, {}, LN_2),
        ("ipo", 0.1, {}, 25.0),  # (1/0.2)²
        ("ipo", 0.5, {"label_smoothing": 0.3}, 1.0),
        ("ipo_mean", 0.1, {}, 25.0),
        ("hinge", 0.1, {}, 1.0),
        ("apo_zero", 0.1, {}, 1.0),  # 1 − ½ + ½
        ("hinge", 0.1, {"label_smoothing": 0.4}, 1.0),
    ],
)
def test_where_policy_is_reference(
    name: str, beta: float, scalars: dict[str, float], expected: float
) -> None:
    found = LOSSES[name](with_margin(0.0), beta=beta, **scalars)
    assert found.item() == pytest.approx(expected)


def test_sigmoid_by_hand() -> None:
    # β·h = ln 3: σ = 3/4 and 1/4; −ln(3/4) = 0.287682, −ln(1/4) = 1.386294
    pairs = with_margin(10 * LN_3, -10 * LN_3)
    assert values(sigmoid(pairs, beta=0.1)) == [0.28768, 1.38629]
    # 0.9·0.287682 + 0.1·1.386294 = 0.397543;  0.9·1.386294 + 0.1·0.287682 = 1.276433
    assert values(sigmoid(pairs, beta=0.1, label_smoothing=0.1)) == [0.39754, 1.27643]


def test_robust_by_hand() -> None:
    # β·h = ln 3: (0.9·0.287682 − 0.1·1.386294) / 0.8 = 0.120284 / 0.8
    pairs = with_margin(10 * LN_3)
    assert values(robust(pairs, beta=0.1, label_smoothing=0.1)) == [0.15036]
    assert values(robust(pairs, beta=0.1, label_smoothing=0.0)) == [0.28768]


@settings(deadline=None, max_examples=40)
@given(margin=MARGINS, flipped=st.floats(0, 0.45))
def test_robust_sees_through_flipped_labels(margin: float, flipped: float) -> None:
    right, wrong = (
        robust(with_margin(h), beta=0.3, label_smoothing=flipped).item() for h in (margin, -margin)
    )
    clean = sigmoid(with_margin(margin), beta=0.3).item()
    assert (1 - flipped) * right + flipped * wrong == pytest.approx(clean, abs=1e-9)


def test_ipo_by_hand() -> None:
    # β = 0.1: target 5; h = 3: 4; smoothed 0.9·4 + 0.1·64 = 10
    assert values(ipo(with_margin(3.0, 5.0), beta=0.1)) == [4.0, 0.0]
    assert values(ipo(with_margin(3.0), beta=0.1, label_smoothing=0.1)) == [10.0]


def test_ipo_mean_divides_each_ratio_by_its_length() -> None:
    # chosen −10 − −16 = 6 over 3 tokens, rejected −12 − −8 = −4 over 4: 2 − −1 = 3, as above
    pairs = PairLogprobs(*(torch.tensor([x]) for x in (-10.0, -12.0, -16.0, -8.0, 3.0, 4.0)))
    assert values(ipo_mean(pairs, beta=0.1)) == [4.0]
    assert values(ipo_mean(pairs, beta=0.1, label_smoothing=0.1)) == [10.0]


def test_hinge_by_hand() -> None:
    # β = 0.5: h = 1 gives 1 − 0.5; h = 4 is beyond the margin; h = −2 gives 1 + 1
    assert values(hinge(with_margin(1.0, 4.0, -2.0), beta=0.5)) == [0.5, 0.0, 2.0]
    # smoothed at h = 4: 0.75·0 + 0.25·(1 + 2)
    assert values(hinge(with_margin(4.0), beta=0.5, label_smoothing=0.25)) == [0.75]


def test_simpo_by_hand() -> None:
    # −6 over 3 and −12 over 4 tokens: 2·(−2 − −3) − γ = 2 − γ = ln 3 for γ = 2 − ln 3
    pairs = PairLogprobs(*(torch.tensor([x]) for x in (-6.0, -12.0, 0.0, 0.0, 3.0, 4.0)))
    assert values(simpo(pairs, beta=2.0, target_margin=2 - LN_3)) == [0.28768]
    # equal means, γ = ln 3: −ln σ(−ln 3) = ln 4;  γ = 0: ln 2
    equal = pairs._replace(rejected=torch.tensor([-8.0]))
    assert values(simpo(equal, beta=2.0, target_margin=LN_3)) == [1.38629]
    assert values(simpo(equal, beta=2.0, target_margin=0.0)) == [0.69315]


def test_orpo_by_hand() -> None:
    # p = 1/2 and 1/4 a token: odds 1 and 1/3, log odds ratio ln 3; ln 2 + 0.5·0.287682 = 0.836988
    pairs = PairLogprobs(*(torch.tensor([x]) for x in (-2 * LN_2, -3 * LN_4, 0.0, 0.0, 2.0, 3.0)))
    assert values(orpo(pairs, beta=0.5)) == [0.83699]
    # alike: ln 2 + 0.5·ln 2
    alike = pairs._replace(rejected=pairs.chosen, rejected_length=pairs.chosen_length)
    assert values(orpo(alike, beta=0.5)) == [1.03972]


def test_dpo_positive_by_hand() -> None:
    # chosen fell by 2, rejected by 5: h = 3, less 0.5·2 = 2; β = ½·ln 3: −ln σ(ln 3)
    pairs = PairLogprobs(*(torch.tensor([x]) for x in (-10.0, -20.0, -8.0, -15.0, 3.0, 4.0)))
    assert values(dpo_positive(pairs, beta=LN_3 / 2, dpop_coefficient=0.5)) == [0.28768]
    # with 50: h = 3 − 100, −log σ(−48.5) = 48.5
    assert values(dpo_positive(pairs, beta=0.5)) == [48.5]
    # a chosen that rose costs nothing extra
    assert values(dpo_positive(with_margin(10 * LN_3), beta=0.1)) == [0.28768]


def test_apo_zero_by_hand() -> None:
    # chosen rose by 2·ln 3, rejected fell by 2·ln 2; β = ½: 1 − 3/4 + 1/3
    chosen, rejected = -10 + 2 * LN_3, -20 - 2 * LN_2
    pairs = PairLogprobs(*(torch.tensor([x]) for x in (chosen, rejected, -10.0, -20.0, 3.0, 4.0)))
    assert values(apo_zero(pairs, beta=0.5)) == [0.58333]
    # both fell by 2·ln 3: 1 − 1/4 + 1/4, where DPO's margin sees nothing
    sunk = pairs._replace(
        chosen=torch.tensor([-10 - 2 * LN_3]), rejected=torch.tensor([-20 - 2 * LN_3])
    )
    assert values(apo_zero(sunk, beta=0.5)) == [1.0]
    assert values(sigmoid(sunk, beta=0.5)) == [0.69315]


def test_the_added_nll_is_the_mean_per_token() -> None:
    found = negative_log_likelihood(torch.tensor([-6.0, 0.0]), torch.tensor([3, 0]))
    assert found.tolist() == [2.0, 0.0]


@pytest.mark.parametrize(("alpha", "expected"), [(1.0, -7.0), (0.5, -5.0), (0.0, -3.0)])
def test_tokens_beyond_the_shorter_completion_count_less(alpha: float, expected: float) -> None:
    # −1 − 2, then −4 beyond the shorter one's two tokens; the last is masked
    logprobs = torch.tensor([[-1.0, -2.0, -4.0, float("nan")], [-1.0, -2.0, 5.0, 5.0]])
    mask = torch.tensor([[True, True, True, False], [True, True, False, False]])
    found = length_desensitized_sum(logprobs, mask, torch.tensor([2, 2]), alpha=alpha)
    assert found.tolist() == [expected, -3.0]


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_slopes(name: str) -> None:
    pairs = random_pairs()
    sums = [x.requires_grad_() for x in pairs[:4]]
    assert gradcheck(lambda *x: LOSSES[name](PairLogprobs(*x, *pairs[4:]), beta=0.3), sums)
    if "label_smoothing" in settings_of(name):
        assert gradcheck(
            lambda *x: LOSSES[name](PairLogprobs(*x, *pairs[4:]), beta=0.3, label_smoothing=0.2),
            sums,
        )


def test_the_gradient_of_the_desensitized_sum() -> None:
    logprobs = torch.zeros(1, 4, requires_grad=True)
    mask = torch.tensor([[True, True, True, False]])
    length_desensitized_sum(logprobs, mask, torch.tensor([1]), alpha=0.25).sum().backward()
    assert logprobs.grad is not None and logprobs.grad.tolist() == [[1.0, 0.25, 0.25, 0.0]]


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_lifts_chosen_and_lowers_rejected(name: str) -> None:
    margin_of_one = with_margin(1.0)._replace(chosen_length=torch.tensor([30.0]))
    chosen, rejected = (x.clone().requires_grad_() for x in margin_of_one[:2])
    LOSSES[name](PairLogprobs(chosen, rejected, *margin_of_one[2:]), beta=0.1).sum().backward()
    assert chosen.grad is not None and rejected.grad is not None
    assert chosen.grad.item() < 0 < rejected.grad.item()


@pytest.mark.parametrize("name", NAMES)
def test_pairs_do_not_see_one_another(name: str) -> None:
    pairs = random_pairs()
    order = torch.tensor([3, 0, 4, 2, 1])
    together = LOSSES[name](pairs, beta=0.3)
    shuffled = LOSSES[name](PairLogprobs(*(x[order] for x in pairs)), beta=0.3)
    alone = [LOSSES[name](PairLogprobs(*(x[i : i + 1] for x in pairs)), beta=0.3) for i in range(5)]
    torch.testing.assert_close(shuffled, together[order], rtol=0, atol=0)
    torch.testing.assert_close(torch.cat(alone), together)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_huge_differences_stay_finite(name: str, size: float) -> None:
    sums = [torch.tensor([x]).requires_grad_() for x in (min(size, 0.0), min(-size, 0.0), 0.0, 0.0)]
    lengths = [torch.ones(1), torch.ones(1)]
    loss = LOSSES[name](PairLogprobs(*sums, *lengths), beta=1.0)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert all(x.grad is None or torch.isfinite(x.grad).all() for x in sums)


@pytest.mark.parametrize("name", NAMES)
def test_empty_completions_stay_finite(name: str) -> None:
    nothing = PairLogprobs(*(torch.zeros(1) for _ in range(6)))
    assert torch.isfinite(LOSSES[name](nothing, beta=0.1)).all()


@pytest.mark.parametrize("name", NAMES)
def test_reference_free_losses_do_not_read_the_reference(name: str) -> None:
    pairs = random_pairs()
    nothing = torch.full_like(pairs.ref_chosen, float("nan"))
    found = LOSSES[name](pairs._replace(ref_chosen=nothing, ref_rejected=nothing), beta=0.3)
    assert bool(found.isnan().any()) == (name not in REFERENCE_FREE)


def test_every_loss_has_a_name_and_says_what_it_takes() -> None:
    assert {name: sorted(settings_of(name)) for name in LOSSES} == {
        "sigmoid": ["beta", "label_smoothing"],
        "robust": ["beta", "label_smoothing"],
        "ipo": ["beta", "label_smoothing"],
        "ipo_mean": ["beta", "label_smoothing"],
        "hinge": ["beta", "label_smoothing"],
        "simpo": ["beta", "target_margin"],
        "orpo": ["beta"],
        "dpo_positive": ["beta", "dpop_coefficient"],
        "apo_zero": ["beta"],
    }
    assert {"simpo", "orpo"} == REFERENCE_FREE
