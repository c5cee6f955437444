"""`report`: gather from the store and the newest evaluation what the page shows."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rather.evaluation.policy import shown_samples
from rather.feedback import gold
from rather.records import CHECK_SOURCES, Judgment, Labeller, Prompt
from rather.report.curves import learning_curves
from rather.report.metrics import METRICS
from rather.report.model import (
    Alarm,
    Answer,
    Collected,
    CurveSet,
    Dropped,
    LineageEntry,
    PolicyResult,
    Rate,
    Report,
    RewardResult,
    Sample,
)
from rather.stages.evaluating import newest_result
from rather.stages.examples import load_comparisons
from rather.stages.runs import software
from rather.store import judgments, labellers, prompts, runs, versions
from rather.workspace import Workspace

PANELS = {
    "reward": {
        METRICS["loss"].label: {"loss": "loss"},
        METRICS["accuracy"].label: {"accuracy": "accuracy"},
    },
    "sft": {METRICS["loss"].label: {"loss": "loss"}},
    "dpo": {
        METRICS["loss"].label: {"loss": "loss"},
        "Implicit reward": {"rewards/chosen": "chosen", "rewards/rejected": "rejected"},
        METRICS["rewards/accuracies"].label: {"rewards/accuracies": "accuracy"},
    },
    "ppo": {
        METRICS["objective/scores"].label: {
            "objective/scores": "score",
            "objective/rlhf_reward": "score − λ·KL",
        },
        METRICS["objective/kl"].label: {"objective/kl": "KL"},
        METRICS["length"].label: {"length": "length"},
        METRICS["eos_rate"].label: {"eos_rate": "stopped"},
    },
}


def gather_report(ws: Workspace) -> Report:
    """Everything the page shows, as far as it exists."""
    result = newest_result(ws) or {}
    live = [one for one in judgments.live(ws.db) if one.source not in CHECK_SOURCES]
    people = {one.id: one for one in labellers.all(ws.db)}
    return Report(
        title=ws.root.name,
        created_at=str(result.get("created_at", ""))[:19].replace("T", " "),
        criterion=_described(ws, result.get("scorers", {}).get("gold")),
        guidelines=ws.config.label.guidelines,
        cautions=_cautions(ws, live, result),
        num_heldout_prompts=result.get("num_prompts", 0),
        gold=_described(ws, result.get("scorers", {}).get("gold")),
        judge=_described(ws, result.get("scorers", {}).get("judge")),
        policies=tuple(_policy(name, one, result) for name, one in _models(result)),
        collected=tuple(collected(live, people)),
        reward_models=tuple(_reward_models(ws)),
        curves=tuple(_curves(ws)),
        samples=tuple(_samples(ws, result)),
        alarms=tuple(_alarms(ws)),
        dropped=tuple(_dropped(ws)),
        config=ws.config.model_dump(mode="json"),
        lineage=tuple(_lineage(ws)),
        software=software(),
    )


def collected(live: Sequence[Judgment], people: dict[str, Labeller]) -> list[Collected]:
    """What each labeller gave, in the order of their first judgment."""
    by_labeller: dict[str, list[Judgment]] = {}
    for judgment in live:
        by_labeller.setdefault(judgment.labeller_id, []).append(judgment)
    return [
        Collected(
            labeller=people[id].name,
            is_simulated=people[id].is_simulated,
            counts=dict(Counter(judgment.kind for judgment in theirs)),
            num_ties=sum(_is_tie(judgment) for judgment in theirs),
            detail=", ".join(f"{k} {v}" for k, v in sorted(people[id].settings.items())),
        )
        for id, theirs in by_labeller.items()
    ]


def _is_tie(judgment: Judgment) -> bool:
    ranks = judgment.answer.get("ranks", ())
    return judgment.answer.get("choice") == "tie" or len(set(ranks)) < len(ranks)


def _described(ws: Workspace, name: str | None) -> str:
    return gold.resolve(name, ws.config.rules).description if name else ""


def _cautions(ws: Workspace, live: Sequence[Judgment], result: dict[str, Any]) -> tuple[str, ...]:
    said = []
    simulated = sum(judgment.is_simulated for judgment in live)
    if simulated and simulated == len(live):
        said.append("All judgments were simulated; nothing here says what people prefer.")
    elif simulated:
        said.append(f"{simulated} of {len(live)} judgments were simulated.")
    said += [
        f"{version.name} was stopped by a rule and is the policy of step "
        f"{version.provenance['kept_step']}: {version.provenance['stopped']}"
        for version in versions.all(ws.db)
        if version.provenance.get("stopped")
    ]
    if result.get("num_prompts", 100) < 40:
        said.append("Few held-out prompts: the intervals are wide.")
    return tuple(said)


def _models(result: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return list(result.get("models", {}).items())


def _policy(name: str, one: dict[str, Any], result: dict[str, Any]) -> PolicyResult:
    rates = {key: Rate(**rate) for key, rate in one["win_rates"].items()}
    return PolicyResult(
        name=name,
        stage=name.rsplit("-", 1)[0],
        is_baseline=name == result["baseline"],
        gold_win_rate=rates.get("gold"),
        reward_win_rate=rates.get("reward"),
        judge_win_rate=rates.get("judge"),
        gold_mean=one["means"].get("gold"),
        reward_mean=one["means"].get("reward"),
        kl=None if name == result["baseline"] else one["kl"],
        mean_length=one["mean_length"],
        eos_rate=one["eos_rate"],
        base_perplexity=one["base_perplexity"],
        scores=tuple(one["scores"].get("reward", ())),
        golds=tuple(one["scores"].get("gold", ())),
        lengths=tuple(one["lengths"]),
    )


def _reward_models(ws: Workspace) -> list[RewardResult]:
    found = []
    for version in versions.all(ws.db, "reward"):
        m = version.metrics
        if "accuracy" not in m or math.isnan(m["accuracy"]):
            continue
        found.append(
            RewardResult(
                name=version.name,
                accuracy=Rate(
                    m["accuracy"], m["accuracy_low"], m["accuracy_high"], int(m["num_pairs"])
                ),
                num_training_comparisons=int(m["num_training_comparisons"]),
                baselines={"longer wins": m["longer_wins"], "shorter wins": m["shorter_wins"]},
                note=_of_arms(m),
            )
        )
    return found


def _of_arms(metrics: Mapping[str, float]) -> str:
    """Whether chosen questions taught more than those by chance, where both were asked."""
    if "arms/num_pairs" not in metrics:
        return ""
    return (
        f"Of {metrics['arms/num_pairs']:.0f} judged pairs each, a head fitted to the chosen "
        f"questions orders {metrics['arms/chosen']:.0%} of the held-out pairs, one fitted to those "
        f"by chance {metrics['arms/chance']:.0%}."
    )


def _curves(ws: Workspace) -> list[CurveSet]:
    found = []
    for version in versions.all(ws.db):
        steps: dict[int, dict[str, float]] = {}
        for step, name, value in runs.metrics(ws.db, version.run_id):
            steps.setdefault(step, {})[name] = value
        if len(steps) > 1:
            found.append(learning_curves(version.name, list(steps.items()), PANELS[version.stage]))
    return found


def _samples(ws: Workspace, result: dict[str, Any]) -> list[Sample]:
    if not result:
        return []
    by_id = {prompt.id: prompt for prompt in prompts.all(ws.db)}
    asked = [by_id[id] for id in result["prompts"]]
    places = shown_samples(asked, result["settings"]["num_samples_shown"])
    return [
        Sample(
            prompt=_text(asked[place]),
            answers=tuple(
                Answer(
                    policy=name,
                    text=one["texts"][place],
                    scores={key: scores[place] for key, scores in one["scores"].items()},
                    is_cut_off=one["cut_off"][place],
                )
                for name, one in _models(result)
            ),
        )
        for place in places
    ]


def _text(prompt: Prompt) -> str:
    if len(prompt.messages) == 1:
        return prompt.messages[0].content
    return "\n\n".join(f"{message.role}: {message.content}" for message in prompt.messages)


def _alarms(ws: Workspace) -> list[Alarm]:
    """What the stop rules said, a row for each rule of a run; stops first."""
    names = {version.run_id: version.name for version in versions.all(ws.db)}
    found: dict[tuple[str, str], Alarm] = {}
    times: Counter[tuple[str, str]] = Counter()
    for run in runs.all(ws.db):
        for step, alarm in runs.alarms(ws.db, run.id):
            key = (run.id, alarm.rule)
            times[key] += 1
            found[key] = Alarm(
                run=names.get(run.id, run.id),
                rule=alarm.rule,
                is_stop=alarm.severity == "stop",
                num_steps=times[key],
                last_step=step + 1,
                sentence=alarm.sentence,
            )
    return sorted(found.values(), key=lambda one: not one.is_stop)


def _dropped(ws: Workspace) -> list[Dropped]:
    _, left_out = load_comparisons(ws, "train")
    return [
        Dropped(reason, count, "comparisons", tuple(left_out.examples[reason]))
        for reason, count in left_out.counts.items()
    ]


def _lineage(ws: Workspace) -> list[LineageEntry]:
    return [
        LineageEntry(
            name=version.name,
            stage=version.stage,
            parents=version.parents,
            created_at=version.created_at[:19].replace("T", " "),
            num_judgments=version.provenance.get("num_judgments"),
            digest=str(version.provenance.get("data_digest", ""))[:12],
        )
        for version in versions.all(ws.db)
    ]
