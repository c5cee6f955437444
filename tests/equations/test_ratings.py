"""Bradley–Terry where the answer is known, and which ratings may be compared."""

import math

import numpy as np
import pytest

from rather.equations.ratings import ELO, bradley_terry_strengths, components

ALL = ~np.eye(3, dtype=bool)


def test_two_players_by_hand() -> None:
    # 8 wins to 2 with half a win each: odds 8.5 : 2.5
    wins = np.array([[0.0, 8.0], [2.0, 0.0]])
    found = bradley_terry_strengths(wins, ~np.eye(2, dtype=bool))
    assert float(found[0] - found[1]) == pytest.approx(math.log(8.5 / 2.5))
    assert float(found.sum()) == pytest.approx(0.0)
    assert ELO * math.log(10) == pytest.approx(400)


def test_results_that_fit_exactly_are_found_again() -> None:
    strengths = np.array([0.9, 0.1, -1.0])
    chances = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
    wins = 1e6 * chances * ALL
    found = bradley_terry_strengths(wins, ALL)
    assert np.allclose(found, strengths - strengths.mean(), atol=1e-5)


def test_many_tables_at_once_are_each_their_own() -> None:
    tables = np.array(
        [
            [[0.0, 5.0, 1.0], [2.0, 0.0, 9.0], [3.0, 0.0, 0.0]],
            [[0.0, 50.0, 50.0], [0.0, 0.0, 50.0], [0.0, 0.0, 0.0]],
        ]
    )
    both = bradley_terry_strengths(tables, ALL)
    for table, found in zip(tables, both, strict=True):
        assert np.allclose(found, bradley_terry_strengths(table, ALL), atol=1e-8)
    assert np.isfinite(both).all()  # also where one never lost
    assert both[1, 0] > both[1, 1] > both[1, 2]


def test_a_chain_ties_players_together_that_never_met() -> None:
    # A beats B 3 : 1, B beats C 3 : 1 (with the half wins: 3.5 : 1.5), A and C never met
    compared = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=bool)
    wins = np.array([[0.0, 3.0, 0.0], [1.0, 0.0, 3.0], [0.0, 1.0, 0.0]])
    found = bradley_terry_strengths(wins, compared)
    assert float(found[0] - found[2]) == pytest.approx(2 * math.log(3.5 / 1.5))


def test_groups_without_a_chain() -> None:
    assert components([(0, 1), (2, 3), (3, 4)], 6) == [[0, 1], [2, 3, 4], [5]]
    assert components([(2, 0), (1, 2)], 3) == [[0, 1, 2]]
