"""A reward model's numbers as JSON and as the metrics of its version."""

import math

import pytest

from rather.data.batch import Row
from rather.data.judged import Judged, Opinion
from rather.evaluation.reward_model import Accuracy
from rather.evaluation.statistics import wilson
from rather.stages.measuring.reward_numbers import accuracy_metrics, calibration_json, numbers


def test_accuracy_as_metrics() -> None:
    by_strength = {1: wilson(3, 5), 3: wilson(5, 5)}
    found = accuracy_metrics(Accuracy(wilson(8, 10), 0.25, 0.75, by_strength, -0.4))
    assert {key: round(value, 3) for key, value in found.items()} == {
        "accuracy": 0.8,
        "accuracy_low": 0.49,
        "accuracy_high": 0.943,
        "num_pairs": 10.0,
        "longer_wins": 0.25,
        "shorter_wins": 0.75,
        "accuracy_strength_1": 0.6,
        "accuracy_strength_3": 1.0,
        "score_length_correlation": -0.4,
    }
    # one strength says no more than all pairs, and what is not a number is not said
    bare = accuracy_metrics(Accuracy(wilson(8, 10), 0.25, 0.75, {1: wilson(8, 10)}, math.nan))
    assert bare.keys() == found.keys() - {
        "accuracy_strength_1",
        "accuracy_strength_3",
        "score_length_correlation",
    }


def test_one_model_and_an_ensemble() -> None:
    row = Row((1, 2), ((3,), (4, 5)))
    judged = [Judged(row, (Opinion((0, 1), (1, 2)),)), Judged(row, (Opinion((1, 0), (1, 2)),))]
    right, wrong = [[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]
    found = numbers(judged, [right])
    assert (found["accuracy"]["value"], found["accuracy"]["n"]) == (1.0, 2)
    assert (found["longer_wins"], found["shorter_wins"]) == (0.5, 0.5)
    assert found["spread"] is None
    torn = numbers(judged, [right, wrong])
    assert torn["accuracy"]["value"] == 0.5  # their means are equal everywhere
    # two members, 1 and 0 for each completion: a deviation of ½
    assert torn["spread"]["mean_std"] == pytest.approx(0.5)


def test_calibration_without_a_usable_temperature() -> None:
    found = calibration_json([1.0, 2.0])
    assert (found["temperature"], found["error_at_temperature"]) == (None, None)
    # 3 of 4 at ±2·ln 3: T = 2 makes it exact
    margin = 2 * math.log(3)
    fitted = calibration_json([margin] * 3 + [-margin])
    assert fitted["temperature"] == pytest.approx(2.0)
    assert fitted["error"] == pytest.approx(0.9 - 0.75)
    assert fitted["error_at_temperature"] == pytest.approx(0.0, abs=1e-9)
