"""Draws are exact, at the edges too, and top-p keeps the smallest set that is enough."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rather.equations.sampling import filter_top_p, odds

ALMOST_ONE = 1 - 2**-53
"""The largest float64 below 1."""


def draw(probabilities: list[float], uniforms: list[float]) -> list[int]:
    logits = torch.tensor(probabilities).log().expand(len(uniforms), -1)
    return odds(logits).draw(torch.tensor(uniforms, dtype=torch.float64)).tolist()


def test_a_uniform_number_falls_into_its_token() -> None:
    # cumulative: 0.1, 0.3, 0.6, 1.0
    uniforms = [0.0, 0.09, 0.11, 0.29, 0.31, 0.59, 0.61, 0.99]
    assert draw([0.1, 0.2, 0.3, 0.4], uniforms) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_the_edges_never_draw_what_has_no_probability() -> None:
    edges = [0.0, 1e-300, 0.5, ALMOST_ONE]
    assert draw([0.0, 0.0, 1.0, 0.0], edges) == [2, 2, 2, 2]
    assert draw([0.0, 0.5, 0.0, 0.5, 0.0], [0.0, 0.25, 0.75, ALMOST_ONE]) == [1, 1, 3, 3]


@pytest.mark.parametrize("vocabulary", [1, 255, 256, 257, 1000])
def test_blocks_do_not_show(vocabulary: int) -> None:
    # equal weights: token v owns [v/V, (v+1)/V)
    uniforms = torch.tensor([(v + 0.5) / vocabulary for v in range(vocabulary)])
    drawn = odds(torch.zeros(vocabulary, vocabulary)).draw(uniforms)
    assert drawn.tolist() == list(range(vocabulary))
    last = odds(torch.zeros(1, vocabulary)).draw(torch.tensor([ALMOST_ONE]).double())
    assert last.tolist() == [vocabulary - 1]


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
