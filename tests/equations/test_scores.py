"""Ensembles, penalties, limits and running moments, against numbers worked by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rather.equations.scores import (
    ENSEMBLES,
    Moments,
    clip,
    length_penalty,
    merge,
    missing_eos,
    standardize,
)

SCORES = st.lists(st.floats(-100, 100), max_size=8)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mean", [2.0, 4.0]),
        ("minimum", [1.0, 4.0]),
        ("mean_minus_std", [0.0, 4.0]),  # (1, 3) has std 1, and 2 − 2·1; (4, 4) has 0
    ],
)
def test_ensembles_by_hand(name: str, expected: list[float]) -> None:
    members = torch.tensor([[1.0, 4.0], [3.0, 4.0]])
    assert ENSEMBLES[name](members, std_coefficient=2.0).tolist() == expected
    assert ENSEMBLES[name](members.flip(0), std_coefficient=2.0).tolist() == expected


@pytest.mark.parametrize("name", sorted(ENSEMBLES))
def test_an_ensemble_of_one_is_its_member(name: str) -> None:
    member = torch.tensor([[1.5, -2.0, 0.25]])
    assert ENSEMBLES[name](member, std_coefficient=3.0).tolist() == [1.5, -2.0, 0.25]


@pytest.mark.parametrize("name", sorted(ENSEMBLES))
def test_what_every_member_adds_the_ensemble_adds(name: str) -> None:
    members = torch.tensor([[1.0, -4.0, 0.5], [3.0, 2.0, 0.0], [-1.0, 7.0, 2.5]])
    shifted = ENSEMBLES[name](members + 8, std_coefficient=0.5)
    torch.testing.assert_close(shifted, ENSEMBLES[name](members, std_coefficient=0.5) + 8)


def test_only_tokens_beyond_the_free_length_cost() -> None:
    lengths = torch.tensor([0, 3, 5, 9])
    assert length_penalty(lengths, coefficient=0.5, free_length=5).tolist() == [0.0, 0.0, 0.0, 2.0]


def test_a_completion_that_did_not_stop_loses_the_penalty() -> None:
    scores, stopped = torch.tensor([2.0, 2.0, -1.0]), torch.tensor([True, False, False])
    assert missing_eos(scores, stopped, penalty=1.5).tolist() == [2.0, 0.5, -2.5]


def test_scores_are_held_within_the_limit() -> None:
    scores = torch.tensor([-1e4, -5.0, 0.5, float("inf")])
    assert clip(scores, limit=5.0).tolist() == [-5.0, -5.0, 0.5, 5.0]


def test_moments_by_hand() -> None:
    # 1, 2, 3: mean 2, squares 1 + 0 + 1;  with 6: mean 3, squares 4 + 1 + 0 + 9
    first = merge(Moments(), torch.tensor([1.0, 2.0, 3.0]))
    assert first == Moments(num_scores=3, mean=2.0, squares=2.0)
    assert merge(first, torch.tensor([6.0])) == Moments(num_scores=4, mean=3.0, squares=14.0)
    # (5 − 3) / √(14/4) = 2 / 1.870829
    found = standardize(torch.tensor([5.0, 3.0]), Moments(4, 3.0, 14.0))
    assert found.tolist() == pytest.approx([1.069045, 0.0])


@settings(deadline=None, max_examples=40)
@given(parts=st.lists(SCORES, max_size=5), offset=st.sampled_from([0.0, 1e7]))
def test_moments_do_not_depend_on_how_the_scores_were_cut(
    parts: list[list[float]], offset: float
) -> None:
    moments = Moments()
    for part in parts:
        moments = merge(moments, torch.tensor(part, dtype=torch.float64) + offset)
    every = torch.tensor([score for part in parts for score in part], dtype=torch.float64) + offset
    assert moments.num_scores == len(every)
    if len(every):
        assert moments.mean == pytest.approx(every.mean().item(), abs=1e-6)
        variance = every.var(correction=0).item()
        assert moments.squares / moments.num_scores == pytest.approx(variance, rel=1e-6, abs=1e-6)


def test_no_scores_change_nothing() -> None:
    seen = Moments(4, 3.0, 14.0)
    assert merge(seen, torch.tensor([])) == seen
    scores = torch.tensor([2.0, -7.0])
    assert standardize(scores, Moments()).tolist() == [2.0, -7.0]


def test_standardized_scores_have_mean_0_and_variance_1_whatever_the_scale() -> None:
    scores = torch.tensor([0.0, 1.0, 5.0, -2.0], dtype=torch.float64)
    for scale, shift in ((1.0, 0.0), (250.0, -40.0)):
        moved = scale * scores + shift
        found = standardize(moved, merge(Moments(), moved))
        assert found.mean().item() == pytest.approx(0, abs=1e-9)
        assert found.var(correction=0).item() == pytest.approx(1, abs=1e-6)


def test_equal_scores_become_zero() -> None:
    for score in (3.0, 0.1):  # 0.1 is no exact number, nor is the mean of three
        scores = torch.full((3,), score)
        assert standardize(scores, merge(Moments(), scores)).abs().max().item() < 1e-3
