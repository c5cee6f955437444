"""Evidence: by hand, and that looking often does not make it up."""

import random

import pytest

from rather.equations.sequential import ENOUGH, evidence, still_needed


def test_by_hand() -> None:
    assert evidence(0, 0) == pytest.approx(1.0)
    # ∫p² dp · 4 = 4/3; ∫p(1−p) dp · 4 = 4/6
    assert evidence(2, 0) == pytest.approx(4 / 3)
    assert evidence(1, 1) == pytest.approx(2 / 3)
    # ∫p⁷ dp · 2⁷ = 128/8 = 16, and one more: 256/9 = 28.4
    assert evidence(7, 0) == pytest.approx(16.0)
    assert evidence(0, 8) == pytest.approx(256 / 9)
    assert evidence(3000, 0) > ENOUGH  # without overflow


def test_a_fair_coin_is_seldom_called_unfair_however_often_one_looks() -> None:
    drawn = random.Random(5)
    called = 0
    for _ in range(400):
        wins = 0
        for number in range(1, 301):
            wins += drawn.random() < 0.5
            if evidence(wins, number - wins) >= ENOUGH:
                called += 1
                break
    assert called / 400 <= 0.05


def test_how_many_more() -> None:
    assert still_needed(8, 0) == 0
    assert still_needed(7, 0) == 1  # as computed above
    assert still_needed(0, 0) is None
    assert still_needed(50, 50) is None
    more = still_needed(12, 8)  # 60 %: a hundred and more
    assert more is not None
    total = 20 + more
    assert evidence(round(0.6 * total), total - round(0.6 * total)) >= ENOUGH
    assert 100 < total < 300
