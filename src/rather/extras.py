"""What is installed: the parts that come as extras, and the versions that can change results."""

import platform
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from rather.errors import EnvironmentFault
from rather.progress import Progress


class Telling(Protocol):
    """A workspace, as far as it is asked here."""

    progress: Progress


W = TypeVar("W", bound=Telling)
P = ParamSpec("P")
T = TypeVar("T")

TRAINING = ("torch", "transformers", "safetensors", "gguf")
"""Modules of the extra `train`; who only labels, imports, exports and reports needs none."""
THAT_CHANGE_RESULTS = ("rather", "torch", "transformers", "tokenizers")


def needs_training(
    stage: Callable[Concatenate[W, P], T],
) -> Callable[Concatenate[W, P], T]:
    """Mark a stage that runs a model: without the extra `train` it raises EnvironmentFault.

    PyTorch and the model take seconds to load, the first time many; that is said meanwhile.
    """

    @wraps(stage)
    def checked(ws: W, /, *arguments: P.args, **options: P.kwargs) -> T:
        require_training(f"rather {stage.__name__}")
        with ws.progress.announced("loading PyTorch and the model (the first time takes longest)"):
            return stage(ws, *arguments, **options)

    return checked


def require_training(what: str) -> None:
    """Raise EnvironmentFault, naming `what` needs them, where packages of `train` are missing."""
    missing = [name for name in TRAINING if find_spec(name) is None]
    if missing:
        raise EnvironmentFault(
            f"`{what}` runs a model and needs {', '.join(missing)}, which this environment lacks: "
            "pip install 'rather[train]'."
        )


def software() -> dict[str, str]:
    """Python and the installed packages that can change results, each with its version."""
    # Imported here: reading what is installed would slow every command down.
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in THAT_CHANGE_RESULTS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # an extra that is not installed changed nothing
    return found
