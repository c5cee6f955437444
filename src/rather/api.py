"""The Python API: a workspace whose methods are the stages of the pipeline.

    import rather
    project = rather.open("my-assistant")
    project.sample(num_completions=8)
    project.ppo(num_steps=5)

A method's keyword arguments are the settings of its section, over rather.yaml; what it returns is
what the command prints with `--json`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from rather import pipeline
from rather.config.stages import Config
from rather.data.exporting import ExportFormat
from rather.data.importing import ImportKind, OnError
from rather.records import Precision
from rather.workspace import Workspace

Result = dict[str, Any]


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
    ) -> Result:
        """Bring prompts or feedback into the workspace."""
        return pipeline.import_file(self.workspace, Path(path), kind, on_error=on_error)

    def export(self, format: ExportFormat, out: str | Path | None = None) -> Result:
        """Write the feedback to files other tools read."""
        return pipeline.export(self.workspace, format, Path(out) if out else None)

    def export_merged(
        self,
        version: str = "newest",
        out: str | Path | None = None,
        precision: Precision = "auto",
    ) -> Result:
        """Write a version as a plain Hugging Face folder, its adapter merged into its base."""
        where = Path(out) if out else None
        return pipeline.export_merged(self.workspace, version, where, precision)

    def sample(self, **settings: Any) -> Result:
        """Let models answer the prompts."""
        return pipeline.sample(self._with("sample", settings))

    def choose(self, **settings: Any) -> Result:
        """Pick the questions worth a person's time, and some by chance; only these are asked."""
        return pipeline.choose(self._with("choose", settings))

    def label(self, expose: bool = False, **settings: Any) -> Result:
        """Open the labelling app, or (`simulate=NAME`) let a declared simulator answer."""
        return pipeline.label(self._with("label", settings), expose=expose)

    def sft(self, fresh: bool = False, **settings: Any) -> Result:
        """Learn from demonstrations, or from plain text."""
        return pipeline.sft(self._with("sft", settings), fresh=fresh)

    def reward(self, fresh: bool = False, **settings: Any) -> Result:
        """Learn from comparisons what people prefer."""
        return pipeline.reward(self._with("reward", settings), fresh=fresh)

    def ppo(self, fresh: bool = False, force: bool = False, **settings: Any) -> Result:
        """Tune the policy against the reward; `force` accepts a weak reward model."""
        return pipeline.ppo(self._with("ppo", settings), fresh=fresh, force=force)

    def dpo(self, fresh: bool = False, **settings: Any) -> Result:
        """Tune the policy on the comparisons directly."""
        return pipeline.dpo(self._with("dpo", settings), fresh=fresh)

    def evaluate(self, *names: str, human: bool = False, **settings: Any) -> Result:
        """Compare versions with the baseline, measure reward versions, or (`human`) put two
        versions' answers before people."""
        return pipeline.evaluate(self._with("evaluate", settings), names, human=human)

    def sweep(self, version: str = "newest", **settings: Any) -> Result:
        """Measure the kept checkpoints of a version's run."""
        return pipeline.sweep(self._with("evaluate", settings), version)

    def promote(
        self,
        version: str = "newest",
        step: int | None = None,
        alias: str | None = None,
        **settings: Any,
    ) -> Result:
        """Publish the best checkpoint of a version's run, or that of a step; `alias` means it."""
        return pipeline.promote(self._with("evaluate", settings), version, step, alias=alias)

    def score(self, rows: Sequence[dict[str, Any]], model: str = "newest") -> Result:
        """Score rows of {"prompt", "completion"} with a reward model."""
        return pipeline.score(self.workspace, model, list(rows))

    def serve(self, expose: bool = False, **settings: Any) -> Result:
        """Serve the base and every version behind one OpenAI-compatible API, until Ctrl-C."""
        return pipeline.serve(self._with("serve", settings), expose=expose)

    def alias(
        self, name: str | None = None, version: str | None = None, roll_back: bool = False
    ) -> Result:
        """Let a name mean a version, or what it meant before; or say what names mean."""
        return pipeline.alias(self.workspace, name, version, roll_back)

    def chat(self, prompt: str, *models: str) -> Result:
        """Let models answer one message."""
        return pipeline.chat(self.workspace, models or ("newest",), prompt)

    def report(self) -> Result:
        """Write report.html."""
        return pipeline.report(self.workspace)

    def run(self, **settings: Any) -> Result:
        """Do the whole loop, up to where a human is needed."""
        return pipeline.run(self._with("run", settings))

    def lineage(self, version: str) -> Result:
        """Say what made a version, and what made what it grew from."""
        return pipeline.lineage(self.workspace, version)

    def withdraw(
        self, labeller: str | None = None, prompt: str | None = None, does_it: bool = False
    ) -> Result:
        """Take back a labeller's judgments, or those about a prompt; only say so by default."""
        return pipeline.withdraw(self.workspace, labeller, prompt, does_it)

    def forget(self, labeller: str, does_it: bool = False) -> Result:
        """Delete a person's data and keep what they judged; only say so by default."""
        return pipeline.forget(self.workspace, labeller, does_it)

    def status(self) -> Result:
        """Say what the workspace holds."""
        return pipeline.status(self.workspace)

    def doctor(self) -> Result:
        """Check model, tokenizer, template, data and machine; nothing is changed.

        Raises DataError, UsageError or EnvironmentFault on a problem; `error.result` has all that
        was found.
        """
        return pipeline.doctor(self.workspace)

    def _with(self, section: str, settings: dict[str, Any]) -> Workspace:
        return self.workspace.configured({section: settings}) if settings else self.workspace
