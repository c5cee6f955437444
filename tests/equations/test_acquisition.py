"""Disagreement and closeness by hand, ranks, and choosing with an eye on coverage."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rather.equations.acquisition import (
    closeness,
    disagreement,
    percentile,
    pick,
    win_probabilities,
)


def test_win_probabilities_by_hand() -> None:
    first = torch.tensor([[math.log(3.0), 0.0]])
    assert win_probabilities(first, torch.zeros(1, 2)).tolist() == [
        [pytest.approx(0.75, abs=1e-6), 0.5]
    ]


def test_disagreement_by_hand() -> None:
    # one coin, certain each way: log 2. Both undecided, or both sure alike: nothing to learn
    found = disagreement(torch.tensor([[1.0, 0.5, 1.0, 0.75], [0.0, 0.5, 1.0, 0.25]]))
    # H(½) − H(¾) = 0.693147 − (0.75·0.287682 + 0.25·1.386294) = 0.693147 − 0.562335
    assert found.tolist() == pytest.approx([0.693147, 0.0, 0.0, 0.130812], abs=1e-6)
    assert disagreement(torch.tensor([[0.3, 0.9]])).tolist() == [0.0, 0.0]  # one model alone


def test_closeness_by_hand() -> None:
    found = closeness(torch.tensor([[1.0, 0.5, 1.0, 0.75], [0.0, 0.5, 1.0, 0.75]]))
    # H(¾)/log 2 = 0.562335/0.693147
    assert found.tolist() == pytest.approx([1.0, 1.0, 0.0, 0.811278], abs=1e-6)


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=5))
def test_bounds(members: list[list[float]]) -> None:
    probabilities = torch.tensor(members, dtype=torch.float64)
    apart, near = disagreement(probabilities), closeness(probabilities)
    assert ((apart >= 0) & (apart <= math.log(2) * near + 1e-9)).all()
    assert ((near >= 0) & (near <= 1 + 1e-9)).all()
    flipped = disagreement(1 - probabilities)  # which one is called first does not matter
    assert torch.allclose(apart, flipped, atol=1e-9)


def test_percentiles_by_hand() -> None:
    # below each: 0, 1, 1, 3; equals count half
    assert percentile(torch.tensor([1.0, 5.0, 5.0, 9.0])).tolist() == [0.125, 0.5, 0.5, 0.875]
    assert percentile(torch.tensor([2.0, 2.0])).tolist() == [0.5, 0.5]


def test_without_coverage_the_best_are_picked() -> None:
    assert pick([0.1, 0.9, 0.5], ["a", "a", "a"], 2, coverage=0.0, seen={}) == [1, 2]
    assert pick([0.5, 0.5], ["a", "b"], 9, coverage=0.0, seen={}) == [
        0,
        1,
    ]  # no more than there are
    assert pick([], [], 3, coverage=1.0, seen={}) == []


def test_coverage_spreads_over_the_groups() -> None:
    values, groups = [0.9, 0.8, 0.7, 0.3], ["a", "a", "a", "b"]
    # with weight 1: 1.9, 1.8, 1.7 and 1.3; after one of a they are 1.3 and 1.2; equals: the first
    assert pick(values, groups, 3, coverage=1.0, seen={}) == [0, 1, 3]
    # a was asked about three times before: its first is worth 0.9 + 1/4, b's 1.3
    assert pick(values, groups, 2, coverage=1.0, seen={"a": 3}) == [3, 0]


@given(
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from("abc")), min_size=1, max_size=12),
    st.integers(1, 12),
)
def test_a_pick_is_what_looking_at_all_each_time_gives(
    candidates: list[tuple[float, str]], number: int
) -> None:
    values, groups = [value for value, _ in candidates], [group for _, group in candidates]
    asked, left, expected = dict.fromkeys("abc", 0), list(range(len(values))), []
    while left and len(expected) < number:
        best = max(left, key=lambda i: (values[i] + 0.5 / (1 + asked[groups[i]]), -i))
        expected.append(best)
        left.remove(best)
        asked[groups[best]] += 1
    assert pick(values, groups, number, coverage=0.5, seen={}) == expected
