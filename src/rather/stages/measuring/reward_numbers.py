"""What is measured of a reward model's scores, as JSON."""

import math
from collections.abc import Sequence
from typing import Any

from rather.data.judged import Judged
from rather.equations.calibration import fitted_temperature, reliability
from rather.evaluation.reward_model import (
    Accuracy,
    Case,
    Key,
    Scores,
    Share,
    Spread,
    accuracy_of,
    cases_of,
    mean_scores,
    share,
    shares_by,
    spread_of,
)

Result = dict[str, Any]


def numbers(judged: Sequence[Judged], columns: Sequence[Scores]) -> Result:
    """Accuracy, calibration and spread of the mean of several members' scores (one column each)."""
    scores = mean_scores(columns)
    cases = cases_of(judged, scores)
    return {
        **share_json(share(cases)),
        "score_length_correlation": accuracy_of(judged, scores).score_length_correlation,
        "calibration": calibration_json([case.margin for case in cases]),
        "spread": spread_json(spread_of(judged, columns)),
    }


def shares_json(cases: Sequence[Case], key: Key) -> dict[str, Result]:
    """The shares of groups, by name."""
    return {name: share_json(one) for name, one in sorted(shares_by(cases, key).items())}


def share_json(one: Share) -> Result:
    """Accuracy with its interval, beside the two rules that read nothing."""
    return {
        "accuracy": one.accuracy._asdict(),
        "longer_wins": one.longer_wins,
        "shorter_wins": one.shorter_wins,
    }


def calibration_json(margins: Sequence[float]) -> Result:
    """Reliability curve and error as the model is, and at the temperature that fits best."""
    curve, temperature = reliability(margins), fitted_temperature(margins)
    is_usable = 0 < temperature < math.inf
    return {
        "bins": [one._asdict() for one in curve.bins],
        "error": curve.error,
        "temperature": temperature if is_usable else None,
        "error_at_temperature": reliability(margins, temperature).error if is_usable else None,
    }


def spread_json(spread: Spread | None) -> Result | None:
    """How far an ensemble's members differ; None of a single model."""
    if spread is None:
        return None
    return {
        "mean_std": spread.mean_std,
        "accuracy_agreeing": spread.agreeing._asdict(),
        "accuracy_differing": spread.differing._asdict(),
    }


def accuracy_metrics(accuracy: Accuracy) -> dict[str, float]:
    """A reward model's held-out accuracy as the metrics of its version; what is nan is left out."""
    value, low, high, n = accuracy.accuracy
    found = {
        "accuracy": value,
        "accuracy_low": low,
        "accuracy_high": high,
        "num_pairs": float(n),
        "longer_wins": accuracy.longer_wins,
        "shorter_wins": accuracy.shorter_wins,
    }
    if len(accuracy.by_strength) > 1:
        for strength, interval in accuracy.by_strength.items():
            found[f"accuracy_strength_{strength}"] = interval.value
    if not math.isnan(accuracy.score_length_correlation):
        found["score_length_correlation"] = accuracy.score_length_correlation
    return found
