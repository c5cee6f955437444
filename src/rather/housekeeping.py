"""What is done beside the loop: plans, copies in object storage, names and keys of the API,
lineage, and taking back.

Like the functions of `pipeline.py` these take the workspace and return a JSON-able dictionary.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rather.config.stages import Config
from rather.extras import require_training
from rather.progress import Progress
from rather.workspace import Workspace

if TYPE_CHECKING:
    from rather.planning.plan import Sizes

Result = dict[str, Any]


def plan(config: Config, root: Path, size: str | None, gpus: str, sizes: "Sizes") -> Result:
    """What training takes, stage by stage, on devices that need not be here."""
    require_training("rather plan")
    from rather.models.library import pick_dtype
    from rather.planning import model, plan, processor, shape
    from rather.planning.hardware import cards_of

    if size is None:
        of, called = model.shape_of(config.model, root)
    else:
        of, called = shape.of_size(size), f"{size} model"
    if gpus == "cpu":
        hardware, num_bytes = processor.processor(), pick_dtype(config.dtype).itemsize
    else:
        hardware, num_bytes = cards_of(gpus), 4 if config.dtype == "float32" else 2
    return plan.plan(config, plan.Asked(of, called, hardware, num_bytes, sizes))


def push(ws: Workspace, address: str, dry_run: bool = False, force: bool = False) -> Result:
    """Keep the workspace, as it is now, in object storage."""
    from rather.stages.exchange import pushing

    return pushing.push(ws, address, dry_run=dry_run, force=force)


def pull(address: str, folder: Path, progress: Progress, dry_run: bool = False) -> Result:
    """Bring a workspace out of object storage into a folder."""
    from rather.stages.exchange import pulling

    return pulling.pull(address, folder, progress, dry_run=dry_run)


def alias(
    ws: Workspace,
    name: str | None = None,
    version: str | None = None,
    roll_back: bool = False,
    dry_run: bool = False,
) -> Result:
    """Let a name like `prod` mean a version, or what it meant before; or say what names mean."""
    from rather.stages.serving import names

    return names.alias(ws, name, version, roll_back=roll_back, dry_run=dry_run)


def key(
    ws: Workspace,
    name: str | None = None,
    role: Literal["client", "admin"] = "client",
    revoke: bool = False,
    dry_run: bool = False,
) -> Result:
    """Make a key of the API, or close one; or list them."""
    from rather.stages.serving import names

    return names.key(ws, name, role, revoke=revoke, dry_run=dry_run)


def lineage(ws: Workspace, version: str) -> Result:
    """What made a version, down to the judgments, and what made what it grew from."""
    from rather.stages.history import lineage as history

    return history.lineage(ws, version)


def withdraw(
    ws: Workspace, labeller: str | None = None, prompt: str | None = None, does_it: bool = False
) -> Result:
    """Take back a labeller's judgments, or a prompt and those about it; without `does_it` only say
    so."""
    from rather.stages.history import withdrawing

    return withdrawing.withdraw(ws, labeller, prompt, does_it=does_it)


def ask_again(ws: Workspace, prompt: str, does_it: bool = False) -> Result:
    """Let a withdrawn prompt be asked as before; without `does_it` only say so."""
    from rather.stages.history import withdrawing

    return withdrawing.ask_again(ws, prompt, does_it=does_it)


def forget(ws: Workspace, labeller: str, does_it: bool = False) -> Result:
    """Delete a person's data and keep what they judged; without `does_it` only say so."""
    from rather.stages.history import withdrawing

    return withdrawing.forget(ws, labeller, does_it=does_it)


def purge(
    ws: Workspace, client: str | None = None, everything: bool = False, does_it: bool = False
) -> Result:
    """Delete served answers whose days are over, or one client's, or all; see `forget`."""
    from rather.stages.history import purging

    return purging.purge(ws, client, everything=everything, does_it=does_it)
