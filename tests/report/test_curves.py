"""Recorded metrics to panels."""

from rather.report.curves import learning_curves
from rather.report.model import CurveSet, Line, Panel


def test_metrics_become_lines_and_what_was_never_recorded_is_left_out() -> None:
    metrics = [(1, {"loss": 0.7}), (2, {"loss": 0.6, "accuracy": 0.5}), (3, {"accuracy": 0.75})]
    panels = {
        "Loss": {"loss": "training", "heldout_loss": "held-out"},
        "Accuracy": {"accuracy": "held-out"},
        "KL": {"kl": "KL"},
    }
    assert learning_curves("reward-1", metrics, panels) == CurveSet(
        "reward-1",
        (
            Panel("Loss", (Line("training", (1, 2), (0.7, 0.6)),)),
            Panel("Accuracy", (Line("held-out", (2, 3), (0.5, 0.75)),)),
        ),
    )
