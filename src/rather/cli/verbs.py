"""The verbs: each reads its arguments, calls one function of the pipeline, returns its result.

Those of labelling and of training stand in files of their own.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from cyclopts import App

from rather import __version__
from rather.cli import completion, database_verbs, late
from rather.cli.chat_verb import chat
from rather.cli.exchange_verbs import export, import_
from rather.cli.flags import COMMON, EVERYTHING, Common, add_settings, overrides, takes_settings
from rather.cli.history_verbs import forget, lineage, purge, withdraw
from rather.cli.label_verbs import choose, invite, label
from rather.cli.late import Result, Switch
from rather.cli.plan_verb import plan
from rather.cli.serving_verbs import alias, key, serve
from rather.cli.storage_verbs import pull, push
from rather.cli.training_verbs import dpo, ppo, reward, sft
from rather.config.loading import load
from rather.extras import require_training
from rather.progress import Progress


def init(directory: Path, *, common: Common = COMMON, **settings: Any) -> Result:
    """Make DIRECTORY a workspace, with a commented rather.yaml.

    Parameters
    ----------
    directory
        The folder; it is made where there is none.
    """
    # Imported here: SQLAlchemy would slow `--help` down.
    from rather.store import prompts
    from rather.workspace import Workspace

    config = load(None, overrides(settings))
    if common.dry_run:
        return {"summary": f"would make {directory} a workspace", "workspace": str(directory)}
    with Workspace.create(directory, config) as ws:
        asked = sum(prompts.count(ws.db).values())
    joins = f" on a database with {asked} prompts" if asked else ""  # a team's
    then = "rather status" if asked else "rather import FILE"
    summary = f"{directory} is a workspace{joins}; next: cd {directory} && {then}"
    return {"summary": summary, "workspace": str(ws.root)}


def sample(*, common: Common = COMMON, **settings: Any) -> Result:
    """Let models answer the prompts, several times each."""
    with common.open(settings) as ws:
        return late.pipeline().sample(ws, dry_run=common.dry_run)


def evaluate(
    *versions: str, human: Switch = False, common: Common = COMMON, **settings: Any
) -> Result:
    """Compare VERSIONS (without any: the newest) with the baseline on held-out prompts.

    Reward versions are measured on held-out judgments, or on --benchmark FILE.

    Parameters
    ----------
    versions
        Versions of the workspace: policies or, to measure them, reward models.
    human
        Put two versions' answers, blind, into the labelling app, and say how they stand.
    """
    with common.open(settings) as ws:
        return late.pipeline().evaluate(ws, versions, dry_run=common.dry_run, human=human)


def sweep(version: str = "newest", *, common: Common = COMMON, **settings: Any) -> Result:
    """Measure the kept checkpoints of VERSION's run: reward against KL, and where to stop.

    Parameters
    ----------
    version
        A policy version; newest is the last that was tuned.
    """
    with common.open(settings) as ws:
        return late.pipeline().sweep(ws, version, dry_run=common.dry_run)


def promote(
    version: str = "newest",
    *,
    step: int | None = None,
    as_it_is: Switch = False,
    alias: str | None = None,
    common: Common = COMMON,
    **settings: Any,
) -> Result:
    """Publish the best checkpoint of VERSION's run as a version, and say why it is that one.

    Parameters
    ----------
    version
        A policy version; newest is the last that was tuned; with --as-it-is also base.
    step
        Publish the checkpoint of this step instead.
    as_it_is
        Measure and publish nothing: only let the next round begin from VERSION (or base).
    alias
        Let this name, for example prod, mean it from then on.
    """
    with common.open(settings) as ws:
        return late.pipeline().promote(
            ws, version, step=step, as_it_is=as_it_is, alias=alias, dry_run=common.dry_run
        )


def score(
    file: Path | None = None,
    *,
    prompt: str | None = None,
    completion: str | None = None,
    model: str = "newest",
    common: Common = COMMON,
    **settings: Any,
) -> Result:
    """Score one completion, or every row of a JSONL FILE, with a reward model.

    Parameters
    ----------
    prompt
        The prompt of the one completion, in the place of FILE.
    completion
        The completion itself.
    file
        Rows of {"prompt": ..., "completion": ...}.
    model
        A reward version.
    """
    # Imported here: only this verb reads rows itself.
    from rather.cli.rows import scored_rows

    rows = scored_rows(file, prompt, completion)
    with common.open(settings) as ws:
        if common.dry_run:
            what = f"would score {len(rows)} completions with {model}"
            return {"summary": what, "rows": len(rows)}
        return late.pipeline().score(ws, model, rows)


def report(*, common: Common = COMMON, **settings: Any) -> Result:
    """Write report.html: one self-contained page on what was collected, trained and measured."""
    with common.open(settings) as ws:
        return late.pipeline().report(ws, dry_run=common.dry_run)


def run(*, common: Common = COMMON, **settings: Any) -> Result:
    """Do the whole loop; it stops where a human is needed, and goes on from there."""
    with common.open(settings) as ws:
        return late.pipeline().run(ws, dry_run=common.dry_run)


def status(*, common: Common = COMMON, **settings: Any) -> Result:
    """Say what the workspace holds, and what the next sensible command is."""
    with common.open(settings) as ws:
        return late.pipeline().status(ws)


def doctor(*, common: Common = COMMON, **settings: Any) -> Result:
    """Check model, tokenizer, template, data and machine before time is spent on training."""
    with common.open(settings) as ws:
        return late.pipeline().doctor(ws, dry_run=common.dry_run)


def demo(
    *, quick: Switch = False, label: Switch = False, seed: int = 0, common: Common = COMMON
) -> Result:
    """Show the whole loop on the embedded small model, on a CPU, without a network.

    Parameters
    ----------
    quick
        Smaller numbers, two minutes, and no claim.
    label
        Give the first twenty judgments yourself.
    seed
        Seed of everything that draws.
    """
    directory = common.workspace or Path("demo")
    if common.dry_run:
        return {"summary": f"would run the demo in {directory}", "workspace": str(directory)}
    require_training("rather demo")
    # Imported here: the demo runs every stage.
    from rather.demo import demo as run_demo

    return run_demo(directory, quick=quick, label=label, seed=seed, progress=Progress())


def config(
    what: Literal["show", "schema"] = "show", *, common: Common = COMMON, **settings: Any
) -> Result:
    """Show the configuration in force, or its JSON schema.

    Parameters
    ----------
    what
        show: every setting and where it stands; schema: what rather.yaml may hold.
    """
    # Imported here: only this verb writes YAML.
    from rather.config.stages import Config
    from rather.config.template import commented_yaml

    if what == "schema":
        return Config.model_json_schema()
    with common.open(settings) as ws:
        in_force = ws.config
    return {"config": in_force.model_dump(mode="json"), "text": commented_yaml(in_force)}


VERBS: tuple[tuple[Callable[..., Result], str, tuple[str, ...]], ...] = (
    (init, "", EVERYTHING),
    (import_, "", ()),
    (export, "", ()),
    (sample, "sample", ("rollout",)),
    (choose, "choose", ()),
    (label, "label", ("rules",)),
    (invite, "", ()),
    (sft, "sft", ("watch", "track")),
    (reward, "reward", ("track",)),
    (ppo, "ppo", ("rollout", "rules", "watch", "track")),
    (dpo, "dpo", ("watch", "track")),
    (evaluate, "evaluate", ("rollout", "rules")),
    (sweep, "evaluate", ("rollout", "rules")),
    (promote, "evaluate", ("rollout", "rules")),
    (score, "", ()),
    (report, "", ()),
    (serve, "serve", ()),
    (alias, "", ()),
    (key, "", ()),
    (chat, "chat", ()),
    (run, "run", EVERYTHING),
    (status, "", ()),
    (lineage, "", ()),
    (withdraw, "", ()),
    (forget, "", ()),
    (purge, "", ("serve",)),
    (doctor, "", ("sft", "reward", "ppo", "dpo")),
    (push, "", ()),
    (pull, "", ()),
    (plan, "", ("sft", "reward", "ppo", "dpo")),
    (demo, "", ()),
    (config, "", EVERYTHING),
)
"""Each verb with the section whose settings it takes by short name, and those it also takes."""


def build_app(first: str) -> App:
    """Return the command line; only the verb named `first` gets its flags, the others need none."""
    return _app({first})


def _whole_app() -> App:
    """The command line in which every verb has its flags, as a shell's completion needs it."""
    return _app({_name(function) for function, *_ in VERBS})


def _app(with_flags: set[str]) -> App:
    summary = 'From "I\'d rather have this answer" to a better language model.'
    app = App(name="rather", help=summary, help_format="plaintext", version=__version__)
    for place, (function, own, others) in enumerate(VERBS):
        if _name(function) in with_flags and takes_settings(function):
            add_settings(function, own, others)
        app.command(function, name=_name(function), sort_key=place)
    database_verbs.register(app, len(VERBS))
    completion.register(app, len(VERBS) + 1, _whole_app)
    return app


def _name(function: Callable[..., Result]) -> str:
    return function.__name__.removesuffix("_")
