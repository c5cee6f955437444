"""A workspace: the folder with the configuration, the store, the models and the runs of a project.

rather.yaml      configuration          rather.db       prompts, completions, judgments, runs
                                        (or a PostgreSQL database, for teams)
workspace.json   format of the folder   models/         one folder a version
.rather-secret   signs the app's links  runs/           one folder a run
"""

import json
import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from rather.config.address import from_environment, is_address, masked
from rather.config.loading import load
from rather.config.stages import Config
from rather.config.template import commented_yaml
from rather.config.yaml_text import iter_leaves
from rather.durable import write_bytes, write_text
from rather.errors import EnvironmentFault, UsageError
from rather.launched import launched
from rather.progress import Progress
from rather.store.database import Database

CONFIG_FILE = "rather.yaml"
DATABASE_FILE = "rather.db"
MARKER_FILE = "workspace.json"
SECRET_FILE = ".rather-secret"
FORMAT = 1
NUM_SECRET_BYTES = 32

_GITIGNORE = "rather.db*\n.rather-secret\nmodels/\nruns/\n*.lock\n*.lock.holder\n"


class Workspace:
    """An open workspace; made by `create` or `open`."""

    def __init__(
        self,
        root: Path,
        config: Config,
        progress: Progress | None = None,
        overrides: dict[str, Any] | None = None,
    ) -> None:
        self.root = root
        self.config = config
        # Of several processes only the first one speaks, from the very first line on.
        self.progress = progress or Progress(quiet=not launched().is_first)
        self._overrides = overrides or {}

    @classmethod
    def create(
        cls, root: Path, config: Config | None = None, progress: Progress | None = None
    ) -> "Workspace":
        """Make the folder a workspace; raises UsageError when it is one, or is in the way."""
        root = root.resolve()
        if is_workspace(root):
            raise UsageError(f"{root} is a workspace already: use it, or choose another folder.")
        if root.exists() and not root.is_dir():
            raise UsageError(f"{root} is a file: choose another name for the workspace.")
        root.mkdir(parents=True, exist_ok=True)
        if not (root / CONFIG_FILE).exists():  # the user's own file is used as it is
            _write_config(root / CONFIG_FILE, config or Config())
        if not (root / ".gitignore").exists():
            write_text(root / ".gitignore", _GITIGNORE)
        resolved = load(root / CONFIG_FILE, {})
        Database.open(_database_of(root, resolved), create=True).close()
        workspace = cls(root, resolved, progress)
        _ = workspace.secret  # made here, so that two processes never make two
        # The marker comes last: a folder with a marker is a whole workspace.
        write_text(root / MARKER_FILE, json.dumps({"format": FORMAT}) + "\n")
        return workspace

    @classmethod
    def open(
        cls,
        root: Path,
        overrides: dict[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> "Workspace":
        """Open an existing workspace with its configuration; raises UsageError if it is none."""
        root = root.resolve()
        _check_format(root)
        config = _load_config(root, overrides or {})
        return cls(root, config, progress, overrides)

    def configured(self, overrides: dict[str, Any]) -> "Workspace":
        """Return this workspace with more settings overridden; it shares the open store."""
        together = {**dict(iter_leaves(self._overrides)), **dict(iter_leaves(overrides))}
        other = Workspace(self.root, _load_config(self.root, together), self.progress, together)
        other.db = self.db
        return other

    @cached_property
    def db(self) -> Database:
        """The store, opened at first use."""
        return Database.open(_database_of(self.root, self.config))

    def close(self) -> None:
        """Let the store go, when it was opened; waiting writes are finished first."""
        if "db" in self.__dict__:
            self.db.close()
            del self.db

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def models_dir(self) -> Path:
        """Where model versions are published."""
        return self.root / "models"

    @property
    def runs_dir(self) -> Path:
        """Where runs keep their checkpoints and metrics."""
        return self.root / "runs"

    @cached_property
    def secret(self) -> bytes:
        """32 random bytes that sign what the labelling app hands out."""
        path = self.root / SECRET_FILE
        if not path.exists():
            write_bytes(path, secrets.token_bytes(NUM_SECRET_BYTES), mode=0o600)
        secret = path.read_bytes()
        if len(secret) != NUM_SECRET_BYTES:
            raise EnvironmentFault(
                f"{path} is damaged: delete it, and people log in again by a new link."
            )
        return secret


def is_workspace(folder: Path) -> bool:
    """Whether a folder is a whole workspace."""
    return (folder / MARKER_FILE).exists()


def find_workspace(start: Path) -> Path:
    """Return the nearest folder from `start` upward that is a workspace, else raise UsageError."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if is_workspace(folder):
            return folder
    raise UsageError(
        f"{start} is not in a workspace: make one with `rather init DIR`, or name one with "
        "`--workspace DIR`."
    )


def _database_of(root: Path, config: Config) -> str:
    where = config.database or DATABASE_FILE
    return where if is_address(where) else str(root / where)


def _write_config(file: Path, config: Config) -> None:
    address = config.database
    if address is not None and address == from_environment():
        # It comes from there again next time; a file is no place for it.
        address = None
    has_password = address is not None and masked(address) != address
    text = commented_yaml(config.model_copy(update={"database": address}), with_secrets=True)
    write_text(file, text, 0o600 if has_password else 0o666)


def _load_config(root: Path, overrides: dict[str, Any]) -> Config:
    file = root / CONFIG_FILE
    return load(file if file.exists() else None, overrides)


def _check_format(root: Path) -> None:
    marker = root / MARKER_FILE
    if not marker.is_file():
        raise UsageError(
            f"{root} is not a workspace: make one with `rather init {os.path.relpath(root)}`."
        )
    try:
        found = json.loads(marker.read_text("utf-8"))["format"]
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, int):
        raise UsageError(f'{marker} is damaged: it should say {{"format": {FORMAT}}}.')
    if found > FORMAT:
        raise UsageError(
            f"{root} was made by a newer version of rather (workspace format {found}, this one "
            f"reads {FORMAT}): upgrade with `pip install -U rather`."
        )
