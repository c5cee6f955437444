"""Best of n against all the draws there are."""

from itertools import combinations

import pytest

from rather.equations.best_of_n import best_of_n


def test_every_draw_counted() -> None:
    proxies, golds = [0.1, 0.9, 0.4, 0.7, 0.2], [5.0, 1.0, 3.0, 2.0, 4.0]
    for n in range(1, 6):
        draws = list(combinations(range(5), n))
        chosen = [golds[max(draw, key=lambda i: proxies[i])] for draw in draws]
        assert best_of_n(proxies, golds, n) == pytest.approx(sum(chosen) / len(draws))


def test_one_is_the_mean_and_all_is_the_best() -> None:
    assert best_of_n([1.0, 2.0, 6.0], [1.0, 2.0, 6.0], 1) == pytest.approx(3.0)
    assert best_of_n([1.0, 2.0, 6.0], [1.0, 2.0, 6.0], 3) == 6.0


def test_equal_proxies_share_their_places() -> None:
    # of the two best, one is taken with probability ½: (4 + 8) / 2
    assert best_of_n([1.0, 1.0, 0.0], [4.0, 8.0, 0.0], 3) == 6.0
    # two of three: {4, 8} -> 6, {4, 0} -> 4, {8, 0} -> 8
    assert best_of_n([1.0, 1.0, 0.0], [4.0, 8.0, 0.0], 2) == pytest.approx(6.0)


def test_more_than_there_are() -> None:
    with pytest.raises(AssertionError):
        best_of_n([1.0], [1.0], 2)
