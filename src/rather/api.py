"""The Python API: a workspace whose methods are the stages of the pipeline.

    import rather

    project = rather.open("my-assistant")
    project.sample(num_completions=8)
    print(project.ppo(num_steps=5))
    project.completions().to_frame()

A stage's keyword arguments are the settings of its section, over rather.yaml (docs/settings.md has
each with its range and unit); given twice, it goes on where it stopped, or says that it is done.
What it returns has the fields below, and in `details` all that its command prints with `--json`.

Raises: UsageError for a setting that does not exist or cannot be obeyed, DataError for data that
cannot be used, StoppedByRule where a rule ends a run (`error.version` is the last good policy),
EnvironmentFault where the machine lacks something, the extra `train` for example.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from rather import housekeeping, pipeline
from rather.config.stages import Config
from rather.data.exporting import ExportFormat
from rather.data.importing import ImportKind, OnError
from rather.records import (
    Completion,
    Judgment,
    ModelVersion,
    Prompt,
    Split,
    StageName,
    WrittenPrecision,
)
from rather.results import Evaluation, Imported, Metric, Result, Sampled, Scores, Table, Trained
from rather.store import completions, judgments, prompts, runs, versions
from rather.workspace import Workspace


class Project:
    """An open workspace and everything that can be done with it."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    @classmethod
    def open(cls, path: Path, overrides: dict[str, Any]) -> "Project":
        """Open an existing workspace."""
        return cls(Workspace.open(path, overrides))

    @classmethod
    def create(cls, path: Path, config: Config | None = None) -> "Project":
        """Make a folder a workspace."""
        return cls(Workspace.create(path, config))

    def close(self) -> None:
        """Let the store go; waiting writes are finished first."""
        self.workspace.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.workspace.config

    def import_file(
        self, path: str | Path, kind: ImportKind | None = None, on_error: OnError = "stop"
    ) -> Imported:
        """Bring prompts or feedback into the workspace; rows that are there already count once.

        Without `kind` the rows themselves tell it. A row that cannot be used is DataError, or with
        `on_error="skip"` listed in `rejected`.
        """
        return Imported.of(
            pipeline.import_file(self.workspace, Path(path), kind, on_error=on_error)
        )

    def export(self, format: ExportFormat, out: str | Path | None = None) -> Result:
        """Write the feedback to files other tools read; `details["files"]` names them."""
        return Result.of(pipeline.export(self.workspace, format, Path(out) if out else None))

    def export_merged(
        self,
        version: str = "newest",
        out: str | Path | None = None,
        precision: WrittenPrecision = "auto",
    ) -> Result:
        """Write a version as a plain Hugging Face folder, its adapter merged into its base."""
        where = Path(out) if out else None
        return Result.of(pipeline.export_merged(self.workspace, version, where, precision))

    def sample(self, **settings: Any) -> Sampled:
        """Let models answer the prompts."""
        return Sampled.of(pipeline.sample(self._with("sample", settings)))

    def choose(self, **settings: Any) -> Result:
        """Pick the questions worth a person's time, and some by chance; only these are asked."""
        return Result.of(pipeline.choose(self._with("choose", settings)))

    def label(self, expose: bool = False, **settings: Any) -> Result:
        """Open the labelling app, or (`simulate=NAME`) let a declared simulator answer.

        The app is served until it is interrupted; what was judged by then is on disk.
        """
        return Result.of(pipeline.label(self._with("label", settings), expose=expose))

    def sft(self, fresh: bool = False, **settings: Any) -> Trained:
        """Learn from demonstrations, or from plain text."""
        return Trained.of(pipeline.sft(self._with("sft", settings), fresh=fresh))

    def reward(self, fresh: bool = False, **settings: Any) -> Trained:
        """Learn from comparisons what people prefer (`equations/preferences.py`)."""
        return Trained.of(pipeline.reward(self._with("reward", settings), fresh=fresh))

    def ppo(self, fresh: bool = False, force: bool = False, **settings: Any) -> Trained:
        """Tune the policy against the reward (`equations/ppo.py`; Schulman et al. 2017).

        `force` accepts a reward model that is too weak to be worth it.
        """
        return Trained.of(pipeline.ppo(self._with("ppo", settings), fresh=fresh, force=force))

    def dpo(self, fresh: bool = False, **settings: Any) -> Trained:
        """Tune the policy on the comparisons directly (`equations/dpo.py`; Rafailov et al.)."""
        return Trained.of(pipeline.dpo(self._with("dpo", settings), fresh=fresh))

    def evaluate(self, *names: str, **settings: Any) -> Evaluation:
        """Compare policies, by default the newest, with the baseline on held-out prompts."""
        return Evaluation.of(pipeline.evaluate(self._with("evaluate", settings), names))

    def evaluate_rewards(self, *names: str, **settings: Any) -> Result:
        """Measure reward versions (by default the newest) on held-out judgments, or on a
        `benchmark` file."""
        found = names or [one.name for one in self.versions("reward")[-1:]]
        return Result.of(pipeline.evaluate(self._with("evaluate", settings), found))

    def contest(self, *names: str, **settings: Any) -> Result:
        """Put two versions' answers, blind, before people in the labelling app; how they stand."""
        return Result.of(pipeline.evaluate(self._with("evaluate", settings), names, human=True))

    def sweep(self, version: str = "newest", **settings: Any) -> Result:
        """Measure the kept checkpoints of a version's run: reward against KL in nats."""
        return Result.of(pipeline.sweep(self._with("evaluate", settings), version))

    def promote(
        self,
        version: str = "newest",
        step: int | None = None,
        as_it_is: bool = False,
        alias: str | None = None,
        **settings: Any,
    ) -> Result:
        """Publish the best checkpoint of a version's run, or that of a step; `alias` means it."""
        ws = self._with("evaluate", settings)
        return Result.of(pipeline.promote(ws, version, step, as_it_is, alias=alias))

    def score(self, rows: Sequence[dict[str, Any]], model: str = "newest") -> Scores:
        """Score rows of {"prompt", "completion"} with a reward model, [n] rows -> [n] scores."""
        return Scores.of(pipeline.score(self.workspace, model, list(rows)))

    def serve(self, expose: bool = False, **settings: Any) -> Result:
        """Serve the base and every version behind one OpenAI-compatible API, until Ctrl-C."""
        return Result.of(pipeline.serve(self._with("serve", settings), expose=expose))

    def alias(
        self, name: str | None = None, version: str | None = None, roll_back: bool = False
    ) -> Result:
        """Let a name mean a version, or what it meant before; or say what names mean."""
        return Result.of(housekeeping.alias(self.workspace, name, version, roll_back))

    def chat(self, prompt: str, *models: str, **settings: Any) -> Result:
        """Let models answer one message; `details["replies"]` has an answer a model."""
        ws = self._with("chat", settings)
        return Result.of(pipeline.chat(ws, models or ("newest",), prompt))

    def report(self) -> Result:
        """Write report.html; `details["report"]` is its path."""
        return Result.of(pipeline.report(self.workspace))

    def run(self, **settings: Any) -> Result:
        """Do the whole loop, up to where a human is needed."""
        return Result.of(pipeline.run(self._with("run", settings)))

    def lineage(self, version: str) -> Result:
        """Say what made a version, and what made what it grew from."""
        return Result.of(housekeeping.lineage(self.workspace, version))

    def withdraw(
        self, labeller: str | None = None, prompt: str | None = None, does_it: bool = False
    ) -> Result:
        """Take back a labeller's judgments, or a prompt and those about it; only say so by
        default."""
        return Result.of(housekeeping.withdraw(self.workspace, labeller, prompt, does_it))

    def ask_again(self, prompt: str, does_it: bool = False) -> Result:
        """Let a withdrawn prompt be asked as before; only say so by default."""
        return Result.of(housekeeping.ask_again(self.workspace, prompt, does_it))

    def forget(self, labeller: str, does_it: bool = False) -> Result:
        """Delete a person's data and keep what they judged; only say so by default."""
        return Result.of(housekeeping.forget(self.workspace, labeller, does_it))

    def purge(
        self, client: str | None = None, everything: bool = False, does_it: bool = False
    ) -> Result:
        """Delete served answers past their days, one client's, or all; only say so by default."""
        return Result.of(housekeeping.purge(self.workspace, client, everything, does_it))

    def status(self) -> Result:
        """Say what the workspace holds."""
        return Result.of(pipeline.status(self.workspace))

    def doctor(self) -> Result:
        """Check model, tokenizer, template, data and machine; nothing is changed.

        Raises DataError, UsageError or EnvironmentFault on a problem; `error.result` has all that
        was found.
        """
        return Result.of(pipeline.doctor(self.workspace))

    def prompts(self, split: Split | None = None) -> Table[Prompt]:
        """The prompts, of one split where it is named."""
        return Table(prompts.all(self.workspace.db, split))

    def completions(self) -> Table[Completion]:
        """Every answer of every model, lengths in tokens."""
        return Table(completions.all(self.workspace.db))

    def judgments(self) -> Table[Judgment]:
        """The judgments that count: without those that were taken back or replaced."""
        return Table(judgments.live(self.workspace.db))

    def versions(self, stage: StageName | None = None) -> Table[ModelVersion]:
        """The versions of the model, of one stage where it is named."""
        return Table(versions.all(self.workspace.db, stage))

    def metrics(self, version: str) -> Table[Metric]:
        """What the run of a version recorded, step by step; KeyError where there is none."""
        run_id = {one.name: one.run_id for one in self.versions()}[version]
        return Table([Metric(*one) for one in runs.metrics(self.workspace.db, run_id)])

    def _with(self, section: str, settings: dict[str, Any]) -> Workspace:
        return self.workspace.configured({section: settings}) if settings else self.workspace
