"""`report`: gather from the store and the newest evaluations what the page shows."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rather.extras import software
from rather.feedback import gold
from rather.records import CHECK_SOURCES, Judgment
from rather.report.curves import learning_curves
from rather.report.metrics import METRICS
from rather.report.model import Alarm, CurveSet, Dropped, LineageEntry, Report
from rather.report.page import save
from rather.report.verdict import verdict_of
from rather.stages.examples import load_comparisons
from rather.stages.measuring import swept
from rather.stages.measuring.kept import is_outdated, newest_evaluation
from rather.stages.reported import people, policies, rewards, use
from rather.stages.reported.cards import write_cards
from rather.store import judgments, labellers, runs, versions
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


def report(ws: Workspace, *, dry_run: bool) -> dict[str, Any]:
    """Write the page, its numbers and the cards of the evaluated versions."""
    found = gather_report(ws)
    if dry_run:
        return {"summary": f"would write {ws.root / 'report.html'}."}
    page = save(found, ws.root)
    written = write_cards(ws, found)
    return {
        "summary": f"{verdict_of(found)} See {page}.",
        "report": str(page),
        "cards": [str(path) for path in written],
    }


def keep_page(ws: Workspace, number: int) -> Path:
    """The page as it stands at the end of a round, in a folder of the round's own."""
    folder = ws.root / "rounds" / f"{number:03d}"
    folder.mkdir(parents=True, exist_ok=True)
    return save(gather_report(ws), folder)


def gather_report(ws: Workspace) -> Report:
    """Everything the page shows, as far as it exists."""
    result = newest_evaluation(ws) or {}
    live = [one for one in judgments.live(ws.db) if one.source not in CHECK_SOURCES]
    known = {one.id: one for one in labellers.all(ws.db)}
    contests = policies.held_contests(ws)
    sweeps = swept.newest_results(ws)
    scorers = result.get("scorers", {})
    return Report(
        title=ws.root.name,
        created_at=str(result.get("created_at", ""))[:19].replace("T", " "),
        criterion=_described(ws, scorers.get("gold")),
        guidelines=ws.config.label.guidelines,
        cautions=_cautions(ws, live, result),
        num_heldout_prompts=result.get("num_prompts", 0),
        gold=_described(ws, scorers.get("gold")),
        judge=_described(ws, scorers.get("judge")),
        llm_judge=policies.llm_judge_note(result),
        policies=tuple(policies.policies(result, contests)),
        contests=tuple(contests),
        ratings=tuple(policies.rating_tables(ws, result)),
        in_use=use.reported(ws),
        frontiers=policies.frontiers(result, sweeps),
        sweeps=tuple(swept.sentence(one) for one in sweeps),
        collected=tuple(people.collected(live, known)),
        agreement=tuple(people.agreement(live)),
        guideline_versions=tuple(people.guideline_versions(ws, live)),
        reward_models=tuple(rewards.reward_models(ws)),
        disagreements=tuple(rewards.disagreements(ws, known)),
        curves=tuple(_curves(ws)),
        samples=tuple(policies.samples(ws, result)),
        alarms=tuple(_alarms(ws)),
        dropped=tuple(_dropped(ws)),
        config=ws.config.model_dump(mode="json"),
        lineage=tuple(_lineage(ws)),
        software=software(),
    )


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
    said += result.get("cautions", [])
    if is_outdated(ws):
        said.append("The newest evaluation is of an older release; run `rather evaluate` again.")
    if result.get("num_prompts", 100) < 40:
        said.append("Few held-out prompts: the intervals are wide.")
    return tuple(said)


def _curves(ws: Workspace) -> list[CurveSet]:
    found = []
    for version in versions.all(ws.db):
        steps: dict[int, dict[str, float]] = {}
        for step, name, value in runs.metrics(ws.db, version.run_id):
            steps.setdefault(step, {})[name] = value
        if len(steps) > 1:
            found.append(learning_curves(version.name, list(steps.items()), PANELS[version.stage]))
    return found


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
