"""rather turns "I'd rather have this answer" into a better language model.

The Python API is the command line's functions: `ws = rather.open("my-assistant"); ws.sample()`.
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


def init(path: str | Path) -> "Project":
    """Make a folder a workspace and open it."""
    # Imported here: `import rather` must stay light for the command line.
    from rather.api import Project

    return Project.create(Path(path))
