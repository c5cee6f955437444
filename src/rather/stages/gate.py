"""Whether a reward model is good enough to tune against, by what was measured of it; no torch."""

from rather.records import ModelVersion


def weakness(version: ModelVersion, least: float) -> str:
    """What makes a reward version too weak, as a clause; empty where it is fit or unmeasured.

    Fit is a held-out accuracy of at least `least` whose 95 % interval lies above one half.
    """
    metrics = version.metrics
    if "accuracy" not in metrics:
        return ""
    accuracy, low = metrics["accuracy"], metrics["accuracy_low"]
    if accuracy >= least and low > 0.5:
        return ""
    return (
        f"{version.name} orders {accuracy:.0%} of {metrics['num_pairs']:.0f} held-out pairs as "
        f"people did (95 % interval from {low:.0%}), too little to tune against"
    )
