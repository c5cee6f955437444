"""What the report says of reward models: accuracy, on what, how surely, and where they disagree."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rather.records import Labeller, ModelVersion
from rather.report.evaluated import CalibrationBin, Disagreement, Rate, RewardResult, Share
from rather.report.format import percent
from rather.stages.measuring.kept import newest_of_rewards
from rather.stages.reported.policies import text_of
from rather.store import judgments, prompts, versions
from rather.workspace import Workspace

Result = dict[str, Any]
BREAKDOWNS = {
    "by_agreement": "By agreement of the people",
    "by_length_gap": "By length",
    "by_strength": "By how much better they found it",
    "by_tag": "By tag of the prompt",
    "by_labeller": "By labeller",
}


def reward_models(ws: Workspace) -> list[RewardResult]:
    """Every reward model that was measured, those evaluated last in detail."""
    result = newest_of_rewards(ws) or {"reward_models": {}}
    measured: Mapping[str, Result] = result["reward_models"]
    found = [
        _evaluated(version, measured[version.name], result)
        if version.name in measured
        else _as_trained(version)
        for version in versions.all(ws.db, "reward")
        if version.name in measured or not math.isnan(version.metrics.get("accuracy", math.nan))
    ]
    together = {name: one for name, one in measured.items() if "," in name}
    return found + [_ensemble(name, one, result) for name, one in together.items()]


def disagreements(ws: Workspace, people: Mapping[str, Labeller]) -> list[Disagreement]:
    """Held-out pairs that the newest evaluated model orders the other way than somebody."""
    result = newest_of_rewards(ws) or {"reward_models": {}}
    models = list(result["reward_models"].values())
    if not models:
        return []
    asked = {prompt.id: prompt for prompt in prompts.all(ws.db, "heldout")}
    given = {one.id: people[one.labeller_id] for one in judgments.live(ws.db)}
    return [
        Disagreement(
            prompt=text_of(asked[one["prompt_id"]]),
            better=one["better"],
            worse=one["worse"],
            margin=one["margin"],
            labeller=given[one["judgment_id"]].name,
            is_simulated=given[one["judgment_id"]].is_simulated,
        )
        for one in models[-1]["disagreements"]
        if one["judgment_id"] in given  # it may have been taken back since
    ]


def _as_trained(version: ModelVersion) -> RewardResult:
    m = version.metrics
    return RewardResult(
        name=version.name,
        accuracy=Rate(m["accuracy"], m["accuracy_low"], m["accuracy_high"], int(m["num_pairs"])),
        num_training_comparisons=int(m["num_training_comparisons"]),
        baselines={"longer wins": m["longer_wins"], "shorter wins": m["shorter_wins"]},
        note=_of_arms(m),
    )


def _evaluated(version: ModelVersion, one: Result, result: Result) -> RewardResult:
    learnt_from = int(version.metrics.get("num_training_comparisons", 0))
    told = _result(version.name, one, result, learnt_from)
    return replace(told, note=" ".join(filter(None, (told.note, _of_arms(version.metrics)))))


def _of_arms(metrics: Mapping[str, float]) -> str:
    """Whether chosen questions taught more than those by chance, where both were asked."""
    if "arms/num_pairs" not in metrics:
        return ""
    return (
        f"Of {metrics['arms/num_pairs']:.0f} judged pairs each, a head fitted to the chosen "
        f"questions orders {percent(metrics['arms/chosen'])} of the held-out pairs, one fitted to "
        f"those by chance {percent(metrics['arms/chance'])}."
    )


def _ensemble(name: str, one: Result, result: Result) -> RewardResult:
    return _result(name, one, result, 0)


def _result(name: str, one: Result, result: Result, learnt_from: int) -> RewardResult:
    return RewardResult(
        name=name,
        accuracy=Rate(**one["accuracy"]),
        num_training_comparisons=learnt_from,
        baselines={
            "longer wins": one["longer_wins"],
            "shorter wins": one["shorter_wins"],
            **_ceilings(result),
        },
        note=_note(one, result),
        breakdowns={
            title: tuple(
                Share(group, Rate(**share["accuracy"]), share["longer_wins"])
                for group, share in one[key].items()
            )
            for key, title in BREAKDOWNS.items()
            if len(one[key]) > 1
        },
        calibration=tuple(
            CalibrationBin(found["confidence"], found["accuracy"], found["n"])
            for found in one["calibration"]["bins"]
            if found["n"]
        ),
    )


def _ceilings(result: Result) -> dict[str, float]:
    return {
        f"people with each other ({kind}s)": one["value"]
        for kind, one in result["ceiling"].items()
        if one["value"] is not None
    }


def _note(one: Result, result: Result) -> str:
    calibration, spread = one["calibration"], one["spread"]
    said = []
    if calibration["error"] is not None:
        said.append(f"Its certainty is off by {percent(calibration['error'])} on average.")
    if calibration["temperature"] is not None:
        said.append(
            f"Divided by {calibration['temperature']:.2g} its scores would fit best, off by "
            f"{percent(calibration['error_at_temperature'])}."
        )
    if spread is not None:
        said.append(
            f"Its members differ by {spread['mean_std']:.2g}; where they differ least it is right "
            f"in {percent(spread['accuracy_agreeing']['value'])}, where most in "
            f"{percent(spread['accuracy_differing']['value'])}."
        )
    above = [
        kind
        for kind, ceiling in result["ceiling"].items()
        if ceiling["high"] is not None and one["accuracy"]["low"] > ceiling["high"]
    ]
    if above:
        said.append(
            "It agrees with people more than they do with each other: look whether held-out "
            "judgments reached its training."
        )
    return " ".join(said)
