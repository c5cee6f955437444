"""Best-of-n and the optimum over the base's draws, by hand."""

import pytest

from frontier_base import Drawn, best_of_n_points, best_of_n_weights, optimum, tilt


def test_the_best_of_n_is_exact() -> None:
    # of 0, 1, 2 the pairs are 01, 02, 12: best 1, 2, 2
    assert best_of_n_weights(3, 2) == pytest.approx([0, 1 / 3, 2 / 3])
    # of four, C(i, 1) = 0, 1, 2, 3 of C(4, 2) = 6 pairs have the i-th as their best
    assert best_of_n_weights(4, 2) == pytest.approx([0, 1 / 6, 2 / 6, 3 / 6])
    assert best_of_n_weights(4, 1) == [0.25] * 4  # the mean
    assert best_of_n_weights(4, 4) == [0, 0, 0, 1]  # the largest


def test_best_of_n_weighs_everything_alike() -> None:
    first = [Drawn(0.0, 3, True), Drawn(0.3, 6, False), Drawn(0.9, 9, True)]
    second = [Drawn(-1.0, 4, False), Drawn(0.0, 4, False), Drawn(1.0, 4, True)]
    one, two = best_of_n_points([first, second], (1, 2))
    assert (one["setting"], one["kl"]) == (1, 0)
    assert one["gold"] == pytest.approx(0.2)  # (0.4 + 0) / 2
    assert one["eos_rate"] == pytest.approx(0.5)  # 3 of 6
    assert two["kl"] == pytest.approx(0.193147, abs=1e-6)  # log 2 − 1/2
    # (0.3 + 2·0.9)/3 = 0.7 and (0 + 2·1)/3 = 0.6667, on average 0.68333
    assert two["gold"] == pytest.approx(0.683333, abs=1e-6)
    assert two["mean_length"] == pytest.approx(6.0)  # (6 + 2·9)/3 = 8 and 4
    assert two["eos_rate"] == pytest.approx(2 / 3)  # the last of each, with weight 2/3


def test_a_tilted_distribution() -> None:
    # weights 1 and e^{ln 3} = 3: chances 1/4 and 3/4; ¼·ln ½ + ¾·ln 3/2 = 0.130812
    assert tilt([0.0, 1.098612], 1.0) == pytest.approx((0.130812, 0.823959), abs=1e-5)
    assert tilt([0.5, 0.5, 0.5], 0.1) == pytest.approx((0, 0.5))


def test_the_optimum_rises_until_few_completions_speak() -> None:
    line = optimum([[-1.0, 0.0, 0.0, 0.2, 0.4, 0.5, 0.7, 1.0], [0.1] * 8])
    assert (line[0]["kl"], line[0]["gold"]) == pytest.approx((0, 0.1625))  # (0.225 + 0.1) / 2
    kl, gold = ([one[name] for one in line] for name in ("kl", "gold"))
    assert kl == sorted(kl) and gold == sorted(gold)
    assert len(optimum([[0.0] * 99 + [1.0] * 1] * 2)) < len(line)  # 99 of 100 soon say nothing
