"""The whole of RLHF, one function a stage, in the order of the loop: start reading here.

    prompts ─▶ sample ─▶ label ─▶ reward ─▶ ppo / dpo ─▶ evaluate ─▶ report ─▶ next round

Every function takes the workspace (its configuration says how), does its stage, stores what came
of it and returns a JSON-able dictionary whose `summary` is a sentence for people. Rooms that need
torch are imported inside the functions, so that `status` and `--help` answer at once, and whoever
only collects judgments need not install it: the stages marked `needs_training` say what is missing.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from rather.config.stages import Config
from rather.data.exporting import ExportFormat
from rather.data.importing import ImportKind, OnError
from rather.errors import DataError, UsageError
from rather.extras import needs_training
from rather.records import WrittenPrecision
from rather.stages.exchange import feedback
from rather.stages.reported import holding
from rather.store import prompts
from rather.workspace import Workspace

Result = dict[str, Any]


def import_file(
    ws: Workspace,
    path: Path,
    kind: ImportKind | None = None,
    on_error: OnError = "stop",
    dry_run: bool = False,
) -> Result:
    """Bring prompts or feedback into the workspace; rows that cannot be used are listed."""
    return feedback.import_file(ws, path, kind, on_error=on_error, dry_run=dry_run)


def export(
    ws: Workspace, format: ExportFormat, out: Path | None = None, dry_run: bool = False
) -> Result:
    """Write prompts, completions and feedback in a format other tools read."""
    return feedback.export(ws, format, out, dry_run=dry_run)


@needs_training
def export_merged(
    ws: Workspace,
    version: str,
    out: Path | None,
    precision: WrittenPrecision,
    dry_run: bool = False,
) -> Result:
    """Write a version as a plain Hugging Face folder, its adapter merged into its base."""
    from rather.stages.exchange import merging

    return merging.export_merged(ws, version, out, precision, dry_run)


@needs_training
def sample(ws: Workspace, dry_run: bool = False) -> Result:
    """Let models answer the prompts; what is there already is not sampled again."""
    from rather.stages.sampling import plan, sample_all

    if not any(prompts.count(ws.db).values()):
        raise DataError("There are no prompts yet; bring some with `rather import FILE`.")
    missing = sum(number for *_, number in plan(ws, ws.config.sample))
    if dry_run:
        return {"summary": f"would sample {missing} completions.", "missing": missing}
    made = sample_all(ws, ws.config.sample)
    too_long = f", {made.too_long} left out as their prompts are too long" if made.too_long else ""
    return {
        "summary": f"sampled {made.stored} new completions ({made.tokens} tokens); "
        f"{made.duplicates} were given up as duplicates or empty{too_long}.",
        "stored": made.stored,
        "duplicates": made.duplicates,
        "too_long": made.too_long,
        "tokens": made.tokens,
    }


@needs_training
def choose(ws: Workspace, dry_run: bool = False) -> Result:
    """Pick the questions worth a person's time, and some by chance; only these are asked then."""
    from rather.stages.rounds import choosing

    return choosing.choose(ws, dry_run=dry_run)


def label(ws: Workspace, dry_run: bool = False, expose: bool = False) -> Result:
    """Collect judgments: from people in the web app, or from a declared simulated labeller."""
    from rather.stages import labelling

    if ws.config.label.simulate is None:
        return labelling.serve_people(ws, dry_run=dry_run, expose=expose)
    return labelling.simulate(ws, ws.config.label.simulate, dry_run=dry_run)


def invite(
    ws: Workspace, name: str, role: Literal["admin", "labeller"], dry_run: bool = False
) -> Result:
    """Take somebody in; the link to send them is in the summary."""
    from rather.stages import inviting

    return inviting.invite(ws, name, role, dry_run=dry_run)


@needs_training
def sft(ws: Workspace, dry_run: bool = False, fresh: bool = False) -> Result:
    """Learn from demonstrations and corrections, or from plain text."""
    from rather.stages import tuning
    from rather.stages.together.following import led

    return led(ws, lambda: tuning.sft(ws, dry_run=dry_run, fresh=fresh))


@needs_training
def reward(ws: Workspace, dry_run: bool = False, fresh: bool = False) -> Result:
    """Learn from comparisons what people prefer."""
    from rather.stages import tuning
    from rather.stages.together.following import led

    return led(ws, lambda: tuning.reward(ws, dry_run=dry_run, fresh=fresh))


@needs_training
def ppo(ws: Workspace, dry_run: bool = False, fresh: bool = False, force: bool = False) -> Result:
    """Tune the policy against the reward, close to its reference."""
    from rather.stages import reinforcing
    from rather.stages.together.following import led

    return led(ws, lambda: reinforcing.ppo(ws, dry_run=dry_run, fresh=fresh, force=force))


@needs_training
def dpo(ws: Workspace, dry_run: bool = False, fresh: bool = False) -> Result:
    """Tune the policy on the comparisons directly."""
    from rather.stages import tuning
    from rather.stages.together.following import led

    return led(ws, lambda: tuning.dpo(ws, dry_run=dry_run, fresh=fresh))


@needs_training
def evaluate(
    ws: Workspace, names: Sequence[str] = (), dry_run: bool = False, human: bool = False
) -> Result:
    """Compare versions with the baseline on held-out prompts, or measure reward models; with
    `human`, put two versions' answers before people."""
    from rather.stages.measuring import verb

    return verb.evaluate(ws, names, dry_run=dry_run, human=human)


@needs_training
def sweep(ws: Workspace, version: str = "newest", dry_run: bool = False) -> Result:
    """Measure the kept checkpoints of a version's run: the frontier of reward and KL."""
    from rather.stages.measuring import sweep as sweeping

    return sweeping.sweep(ws, version, dry_run=dry_run)


@needs_training
def promote(
    ws: Workspace,
    version: str = "newest",
    step: int | None = None,
    as_it_is: bool = False,
    dry_run: bool = False,
    alias: str | None = None,
) -> Result:
    """Publish the checkpoint that the frontier of a version's run chooses, or that of a step; with
    `as_it_is` only put the version in force for the next round."""
    from rather.stages.measuring import promoting
    from rather.stages.rounds.by_hand import promote_as_it_is

    if as_it_is:
        if step is not None or alias is not None:
            raise UsageError(
                "--as-it-is takes no checkpoint and no alias: leave --step out, and give "
                "`rather alias` for a name."
            )
        return promote_as_it_is(ws, version, dry_run=dry_run)
    return promoting.promote(ws, version, step=step, dry_run=dry_run, alias=alias)


@needs_training
def score(ws: Workspace, model: str, rows: Sequence[dict[str, Any]]) -> Result:
    """Score rows of {"prompt", "completion"} with a reward model."""
    from rather.stages.answering import score_texts

    return score_texts(ws, model, rows)


@needs_training
def serve(ws: Workspace, dry_run: bool = False, expose: bool = False) -> Result:
    """Serve the base and every version behind one OpenAI-compatible API, until it is stopped."""
    from rather.stages.serving import verb

    return verb.serve(ws, dry_run=dry_run, expose=expose)


@needs_training
def chat(ws: Workspace, models: Sequence[str], prompt: str | None = None) -> Result:
    """Talk to one or more models side by side; with a prompt, answer it once."""
    from rather.stages.chat import verb

    return verb.chat(ws, models, prompt)


def chat_at(
    url: str,
    config: Config,
    models: Sequence[str],
    prompt: str | None = None,
    consent: bool = True,
) -> Result:
    """Talk to models of a running server; picks and edits are sent to it as feedback."""
    from rather.stages.chat import verb

    return verb.chat_at(url, config, models, prompt, consent=consent)


def report(ws: Workspace, dry_run: bool = False) -> Result:
    """Write report.html, report.json and model cards: what was collected, learnt and won."""
    from rather.stages import reporting

    return reporting.report(ws, dry_run=dry_run)


STAGES: dict[str, Callable[..., Result]] = {
    "sample": sample,
    "choose": choose,
    "label": label,
    "reward": reward,
    "ppo": lambda ws: ppo(ws, force=ws.config.run.force),
    "dpo": dpo,
    "evaluate": evaluate,
    "report": report,
}


@needs_training
def run(ws: Workspace, dry_run: bool = False) -> Result:
    """Do the loop, round by round; it stops where a human is needed and goes on from there."""
    from rather.stages.rounds import cycle

    return cycle.run(ws, STAGES, dry_run=dry_run)


def status(ws: Workspace) -> Result:
    """What the workspace holds, and the next sensible command."""
    return holding.status(ws)


@needs_training
def doctor(ws: Workspace, dry_run: bool = False) -> Result:
    """Check model, tokenizer, template, data and machine; a problem is raised with all findings."""
    from rather.doctor import examination

    return examination.planned() if dry_run else examination.outcome(ws)
