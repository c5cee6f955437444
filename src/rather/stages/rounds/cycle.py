"""`run`: round after round; it stops where a human is needed and goes on from there.

What a stage answered is written down when it is done, so that it is not done again, and the end of
a round is one transaction: the policy in force is the old one or the new one, never between. Broken
off anywhere, the same command goes on and ends as it would have.
"""

from collections.abc import Callable, Mapping
from typing import Any

from rather.durable import exclusive, verify
from rather.errors import DataError, GateClosed, StoppedByRule
from rather.failpoints import failpoint
from rather.records import Round
from rather.stages.reporting import keep_page
from rather.stages.rounds.promotion import Rates, decide
from rather.stages.rounds.standing import next_stage, waiting
from rather.stages.rounds.turn import TUNING, first_policy, settings_of
from rather.store import rounds, versions
from rather.workspace import Workspace

Result = dict[str, Any]
Stages = Mapping[str, Callable[..., Result]]
KEPT = ("summary", "version", "run_id", "stopped", "stored", "judgments", "picked", "random")
"""What is kept of a stage's answer."""


def run(ws: Workspace, stages: Stages, *, dry_run: bool) -> Result:
    """Do rounds until there are `run.rounds` of them."""
    section = ws.config.run
    have = sum(one.status != "running" for one in rounds.all(ws.db))
    if dry_run:
        summary = f"would do {max(0, section.rounds - have)} round(s) of "
        return {"summary": f"{summary}{', '.join(section.stages)}; {have} are done already."}
    steps: list[Result] = []
    with exclusive(ws.runs_dir / "rounds.lock"):
        for _ in range(have, section.rounds):
            turn = rounds.begin(ws.db, first_policy(ws))
            failpoint("round.begun")
            waits = _play(ws, stages, turn, steps)
            if waits:
                return {"summary": waits, "rounds": steps, "waits_for": "judgments"}
    last = rounds.all(ws.db)[-1]
    summary = (
        f"{section.rounds} round(s) done. {last.why}" if have < section.rounds else
        f"{have} round(s) are done already; `rather run --rounds {have + 1}` does the next."
    )  # fmt: skip
    return {"summary": summary, "rounds": steps, "policy": rounds.policy_in_force(ws.db)}


def _play(ws: Workspace, stages: Stages, turn: Round, steps: list[Result]) -> str:
    """Do what is left of a round; what it waits for, empty when it is finished."""
    while (stage := next_stage(ws, turn)) is not None:
        if stage == "label" and (waits := waiting(ws, turn)):
            return waits
        result = _do(ws, stages, turn, stage)
        failpoint("stage.done")
        kept = {key: result[key] for key in KEPT if key in result}
        if stage == "evaluate":
            kept["win_rates"] = {n: one["win_rates"] for n, one in result["models"].items()}
        if stage == "label":
            rounds.close_labels(ws.db, turn.number, kept)
            failpoint("labels.closed")
        else:
            rounds.note(ws.db, turn.number, stage, kept)
            failpoint("stage.noted")
        ws.progress.say(f"round {turn.number}, {stage}: {result['summary']}")
        steps.append({"round": turn.number, "stage": stage, **result})
        turn = rounds.all(ws.db)[turn.number - 1]
    _end(ws, turn)
    return ""


def _do(ws: Workspace, stages: Stages, turn: Round, stage: str) -> Result:
    """One stage with the round's settings; a tuning that a rule stopped leaves its last good."""
    set_up = ws.configured(settings_of(ws, turn))
    if stage == "label" and ws.config.label.simulate is None:
        return {"summary": "people have judged enough."}
    if stage == "evaluate" and any(tuning in turn.done for tuning in TUNING):
        candidates = _made(turn)
        nothing = {"summary": "nothing was tuned that could be compared.", "models": {}}
        return stages[stage](set_up, candidates) if candidates else nothing
    try:
        return stages[stage](set_up)
    except GateClosed:
        # more judgments may open it: the round waits for them, and learns again
        rounds.reopen(ws.db, turn.number, ("choose", "label", "reward"))
        raise
    except StoppedByRule as rule:
        ws.progress.say(f"warning, {stage}: {rule}")
        return {"summary": str(rule), "version": rule.version, "stopped": str(rule)}


def _made(turn: Round) -> list[str]:
    """The policies a round has tuned."""
    found = [turn.done.get(stage, {}).get("version") for stage in TUNING]
    return [name for name in found if name is not None]


def _end(ws: Workspace, turn: Round) -> None:
    """Decide which policy is in force from now on, after its files were looked at once more."""
    measured: Mapping[str, Rates] = turn.done.get("evaluate", {}).get("win_rates", {})
    candidates = {name: measured.get(name, {}) for name in _made(turn)}
    decision = decide(ws.config.run.promote, turn.start, candidates)
    stopped = [one["stopped"] for one in turn.done.values() if one.get("stopped")]
    why = " ".join([decision.why, *stopped])
    version = versions.get(ws.db, decision.policy)
    if version is not None and (problems := verify(ws.root / version.path)):
        raise DataError(f"{version.name} is damaged and cannot be promoted: {problems[0]}.")
    page = keep_page(ws, turn.number)
    failpoint("round.decided")
    rounds.finish(ws.db, turn.number, decision.status, decision.policy, why)
    failpoint("round.finished")
    ws.progress.say(f"round {turn.number}: {decision.policy} is in force; {why} See {page}.")
