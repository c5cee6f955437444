"""rather turns "I'd rather have this answer" into a better language model.

The Python API is the command line's functions: `project = rather.open("my-assistant")`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rather.api import Project

__all__ = ["__version__", "init", "open"]
__version__ = "0.1.0"


def open(path: str | Path, **overrides: Any) -> "Project":
    """Open a workspace; overrides are settings, `ppo={"num_steps": 5}` or `ppo__num_steps=5`."""
    # Imported here: `import rather` must stay light for the command line.
    from rather.api import Project

    return Project.open(Path(path), overrides)


def init(path: str | Path, exist_ok: bool = False, **settings: Any) -> "Project":
    """Make a folder a workspace with these settings in its rather.yaml, and open it.

    A folder that is a workspace already is UsageError, or, with `exist_ok`, opened as `open` does.
    """
    # Imported here: `import rather` must stay light for the command line.
    from rather.api import Project
    from rather.config.loading import load
    from rather.workspace import is_workspace

    if exist_ok and is_workspace(Path(path)):
        return Project.open(Path(path), settings)
    return Project.create(Path(path), load(None, settings))
