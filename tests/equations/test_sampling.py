"""Draws are exact, at the edges too, and top-p keeps the smallest set that is enough."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rather.equations.sampling import filter_top_p, gumbels, odds

ALMOST_ONE = 1 - 2**-53
"""The largest float64 below 1."""


def draw(probabilities: list[float], uniforms: list[float]) -> list[int]:
    logits = torch.tensor(probabilities).log().expand(len(uniforms), -1)
    return odds(logits).draw(torch.tensor(uniforms, dtype=torch.float64)).tolist()


def test_noise_of_a_uniform_number() -> None:
    # SplitMix64 from 0 gives e220a8397b1dcdaf, 6e789e6aa1b965f4, 06c45d188009454f; of 2^64 that is
    # 0.883311, 0.431528, 0.026434, and -ln(-ln 0.883311) = 2.086844
    assert gumbels(torch.zeros(1), 3)[0].tolist() == pytest.approx(
        [2.086844, 0.173850, -1.290090], abs=1e-6
    )
    # from 2^52: half of 2^53
    half = torch.tensor([0.0, 0.5], dtype=torch.float64)
    assert gumbels(half, 2)[1].tolist() == pytest.approx([-0.553940, -0.156884], abs=1e-6)


def test_noise_has_the_mean_and_spread_of_gumbel_numbers() -> None:
    uniforms = torch.rand(2000, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    noise = gumbels(uniforms, 300)
    assert noise.mean().item() == pytest.approx(0.577216, abs=0.008)  # five standard errors
    assert noise.var().item() == pytest.approx(1.644934, abs=0.03)
    assert abs(torch.corrcoef(noise.t()[:40]).fill_diagonal_(0)).max() < 0.12
    assert noise.dtype == torch.float64
    assert gumbels(torch.tensor([ALMOST_ONE], dtype=torch.float64), 1000).isfinite().all()


def test_the_largest_noisy_logit_is_drawn() -> None:
    # noise of 0 after a block's own number: 0.173850, -1.290090; ln 0.2 = -1.609, ln 0.8 = -0.223
    assert draw([0.2, 0.8], [0.0]) == [0]  # -1.436 and -1.513
    assert draw([0.18, 0.82], [0.0]) == [1]  # -1.541 and -1.489


def test_the_edges_never_draw_what_has_no_probability() -> None:
    edges = [0.0, 1e-300, 0.5, ALMOST_ONE]
    assert draw([0.0, 0.0, 1.0, 0.0], edges) == [2, 2, 2, 2]
    assert set(draw([0.0, 0.5, 0.0, 0.5, 0.0], [0.0, 0.1, 0.2, 0.5, 0.7, ALMOST_ONE])) == {1, 3}


@pytest.mark.parametrize("vocabulary", [1, 255, 256, 257, 1000])
def test_blocks_do_not_show(vocabulary: int) -> None:
    uniforms = torch.rand(40 * vocabulary, generator=torch.Generator().manual_seed(3))
    logits = torch.zeros(1, vocabulary).expand(vocabulary, -1)
    drawn = torch.cat([odds(logits).draw(part) for part in uniforms.split(vocabulary)])
    found = torch.bincount(drawn, minlength=vocabulary)
    assert len(found) == vocabulary
    # equal weights, 40 expected of each: χ² with V - 1 degrees of freedom
    chi_square = ((found - 40) ** 2 / 40).sum().item()
    assert abs(chi_square - (vocabulary - 1)) <= 4 * math.sqrt(2 * vocabulary)


def test_a_last_digit_seldom_draws_another_token() -> None:
    """Along the cumulative distribution 35 of these 5000 draws change."""
    generator = torch.Generator().manual_seed(4)
    logits = 3 * torch.randn(50, 20_000, generator=generator)
    rounded = logits * (1 + 1e-6 * torch.randn(logits.shape, generator=generator))
    one, other = odds(logits), odds(rounded)
    changed = 0
    for _ in range(100):
        uniforms = torch.rand(50, dtype=torch.float64, generator=generator)
        changed += int((one.draw(uniforms) != other.draw(uniforms)).sum())
    assert changed <= 1


@settings(deadline=None, max_examples=60)
@given(
    data=st.data(),
    vocabulary=st.integers(2, 600),
    uniform=st.one_of(
        st.floats(0, 1, exclude_max=True), st.sampled_from([0.0, ALMOST_ONE, 1 - 2**-24])
    ),
)
def test_impossible_tokens_are_never_drawn(
    data: st.DataObject, vocabulary: int, uniform: float
) -> None:
    possible = data.draw(st.sets(st.integers(0, vocabulary - 1), min_size=1, max_size=5))
    logits = torch.full((1, vocabulary), float("-inf"))
    logits[0, sorted(possible)] = torch.linspace(-30, 30, len(possible))
    drawn = odds(logits).draw(torch.tensor([uniform], dtype=torch.float64))
    assert drawn.item() in possible


def test_the_sum_of_the_odds_by_hand() -> None:
    # ln(1 + 2 + 3) = 1.791759, and 1000 + ln 2 = 1000.693147 does not overflow
    logits = torch.tensor([[1.0, 2.0, 3.0]]).log()
    assert odds(logits).log_total.tolist() == pytest.approx([1.791759], abs=1e-6)
    large = odds(torch.tensor([[1000.0, 1000.0, -1000.0]])).log_total
    assert large.tolist() == pytest.approx([1000.693147], abs=1e-4)


def test_temperatures_divide_each_row_by_hand() -> None:
    # at 1/2 the weights are 1, 4, 9: ln 14 = 2.639057; at 2 they are 1, √2, √3: ln 4.146264
    logits = torch.tensor([[1.0, 2.0, 3.0]] * 3).log()
    found = odds(logits, torch.tensor([0.5, 1.0, 2.0]))
    assert found.log_total.tolist() == pytest.approx([2.639057, 1.791759, 1.422208], abs=1e-6)
    twice_ln_3 = found.of(torch.tensor([[2], [2], [2]]))[0].item()
    assert twice_ln_3 == pytest.approx(2.197225, abs=1e-6)


def test_parts_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(6)
    logits = (3 * torch.randn(9, 700, generator=generator)).bfloat16()
    temperatures = torch.linspace(0.5, 2, 9)
    uniforms = torch.rand(9, dtype=torch.float64, generator=generator)
    whole = odds(logits, temperatures)
    monkeypatch.setattr("rather.equations.sampling.NEAR", 4 * 700)  # rows: 4, 4 and 1
    parts = odds(logits, temperatures)
    assert torch.equal(parts.masses, whole.masses)
    assert torch.equal(parts.draw(uniforms), whole.draw(uniforms))
    assert parts.log_total.tolist() == pytest.approx(
        (logits.double() / temperatures[:, None]).logsumexp(dim=-1).tolist(), rel=1e-6
    )


def test_many_draws_have_the_right_shares() -> None:
    # 400 tokens with weights 1 … 400, 100,000 draws: χ² has 399 degrees of freedom, σ = √798 ≈ 28
    weights = torch.arange(1.0, 401.0)
    count = 100_000
    uniforms = torch.rand(count, generator=torch.Generator().manual_seed(5))
    logits = weights.log().expand(1000, -1)
    drawn = torch.cat([odds(logits).draw(part) for part in uniforms.split(1000)])
    expected = count * weights / 80_200  # 400·401/2
    found = torch.bincount(drawn, minlength=400)
    chi_square = ((found - expected) ** 2 / expected).sum().item()
    assert abs(chi_square - 399) < 4 * 28


def test_a_row_does_not_depend_on_the_rows_beside_it() -> None:
    generator = torch.Generator().manual_seed(1)
    logits, uniforms = torch.randn(9, 700, generator=generator), torch.rand(9, generator=generator)
    together = odds(logits).draw(uniforms).tolist()
    alone = [odds(logits[i : i + 1]).draw(uniforms[i : i + 1]).item() for i in range(9)]
    assert together == alone


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [
        (0.4, [1]),  # 0.5 alone is enough
        (0.6, [1, 3]),  # 0.5, then 0.3
        (0.85, [0, 1, 3]),  # 0.5 + 0.3 = 0.8 is not
        (0.99, [0, 1, 2, 3]),
        (1.0, [0, 1, 2, 3]),
        (0.01, [1]),  # one always stays
    ],
)
def test_top_p_keeps_the_smallest_set_that_reaches_p(top_p: float, kept: list[int]) -> None:
    logits = torch.tensor([[0.15, 0.5, 0.05, 0.3]]).log()
    filtered = filter_top_p(logits, torch.tensor([top_p]))
    assert torch.isfinite(filtered)[0].nonzero().flatten().tolist() == kept
    assert filtered[0, kept].tolist() == logits[0, kept].tolist()
    assert filtered[0].softmax(dim=-1)[1].item() == pytest.approx(
        {1: 1.0, 2: 5 / 8, 3: 10 / 19, 4: 0.5}[len(kept)]
    )


def test_top_p_looks_at_each_row_by_itself() -> None:
    logits = torch.tensor([[math.log(0.9), math.log(0.1)], [math.log(0.1), math.log(0.9)]])
    kept = torch.isfinite(filter_top_p(logits, torch.tensor([0.5, 0.5])))
    assert kept.tolist() == [[True, False], [False, True]]
    mixed = torch.isfinite(filter_top_p(logits, torch.tensor([0.5, 1.0])))
    assert mixed.tolist() == [[True, False], [True, True]]
