"""Scorers put together: weighted sums, and an ensemble whose members' spread is kept."""

from collections.abc import Sequence

import pytest

from rather.config.ppo import Shaping
from rather.data.batch import Row
from rather.records import Message, Prompt
from rather.rollout.mix import Ensemble, Mix
from rather.rollout.rollout import DoubtingScorer, Scorer

ASKED = [Prompt(f"p_{n}", (Message("user", "Why?"),), "train") for n in range(2)]
ROWS = [Row((1,), ((5,), (6,))), Row((1,), ((7,),))]


def saying(*numbers: list[float]) -> Scorer:
    def scorer(prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
        return list(numbers)

    return scorer


FIRST, SECOND = saying([1.0, 2.0], [4.0]), saying([3.0, 2.0], [0.0])


def test_a_weighted_sum() -> None:
    mix = Mix(((2.0, FIRST), (-1.0, SECOND)))
    assert mix(ASKED, ROWS) == [[-1.0, 2.0], [8.0]]
    assert mix.with_spread(ASKED, ROWS) == ([[-1.0, 2.0], [8.0]], None)
    assert isinstance(mix, DoubtingScorer)
    assert not isinstance(FIRST, DoubtingScorer)


@pytest.mark.parametrize(
    ("kind", "expected"),
    # means 2, 2, 2; biased deviations 1, 0, 2
    [
        ("mean", [[2.0, 2.0], [2.0]]),
        ("minimum", [[1.0, 2.0], [0.0]]),
        ("mean_minus_std", [[1.5, 2.0], [1.0]]),
    ],
)
def test_an_ensemble_and_how_far_it_is_apart(kind: str, expected: list[list[float]]) -> None:
    shaping = Shaping.model_validate({"ensemble": kind, "std_coefficient": 0.5})
    ensemble = Ensemble((FIRST, SECOND), shaping)
    assert ensemble(ASKED, ROWS) == expected
    assert ensemble.with_spread(ASKED, ROWS)[1] == [[1.0, 0.0], [2.0]]


def test_a_mix_scales_and_adds_the_doubt_of_its_ensembles() -> None:
    ensemble = Ensemble((FIRST, SECOND), Shaping(ensemble="mean"))
    mix = Mix(((-3.0, ensemble), (1.0, FIRST), (4.0, ensemble)))
    scores, spread = mix.with_spread(ASKED, ROWS)
    assert scores == [[3.0, 4.0], [6.0]]  # 2·(4 − 3) and the first one's own
    assert spread == [[5.0, 0.0], [10.0]]  # √(3² + 4²) times 1, 0, 2
