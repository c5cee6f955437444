"""What makes a reward model too weak to tune against."""

import pytest

from rather.records import ModelVersion
from rather.stages.gate import weakness


def measured(**metrics: float) -> ModelVersion:
    return ModelVersion("reward-1", "reward", "base", (), "", "", "", metrics, {})


def test_a_weak_one_is_described() -> None:
    # Six of ten; Wilson's interval of that is 31 % to 83 %.
    said = weakness(measured(accuracy=0.6, accuracy_low=0.31, num_pairs=10), least=0.55)
    assert said == (
        "reward-1 orders 60% of 10 held-out pairs as people did (95 % interval from 31%), "
        "too little to tune against"
    )
    assert weakness(measured(accuracy=0.54, accuracy_low=0.51, num_pairs=900), least=0.55)


@pytest.mark.parametrize("metrics", [{}, {"accuracy": 0.7, "accuracy_low": 0.51, "num_pairs": 90}])
def test_a_fit_one_and_one_that_was_not_measured_are_not(metrics: dict[str, float]) -> None:
    assert weakness(measured(**metrics), least=0.55) == ""
