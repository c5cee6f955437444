"""`plan`: what training will take, before anything is downloaded."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, validators

from rather.cli.flags import COMMON, Common, overrides
from rather.cli.late import Result

AtLeastOne = Parameter(validator=validators.Number(gte=1))


def plan(
    *,
    model_size: str | None = None,
    gpus: str = "cpu",
    prompt_tokens: Annotated[int, AtLeastOne] = 128,
    completion_tokens: Annotated[int | None, AtLeastOne] = None,
    price: float | None = None,
    common: Common = COMMON,
    **settings: Any,
) -> Result:
    """Say what memory, time and money training takes, and refuse what cannot fit.

    Settings are the workspace's, where there is one; docs/plan.md has the formulas.

    Parameters
    ----------
    model_size
        Like 8B or 135M; without it the configured model's.
    gpus
        Like 8xH100; cpu measures this machine's processor for two seconds.
    prompt_tokens
        Length of a prompt.
    completion_tokens
        Length of a completion; without it ppo.max_new_tokens.
    price
        Of one device for an hour, to have the costs, too.
    """
    # Imported here: they bring torch, which `--help` must not wait for.
    from rather import housekeeping
    from rather.config.loading import load
    from rather.planning.plan import Sizes
    from rather.workspace import CONFIG_FILE

    root = common.workspace or _nearest_workspace()
    file = root / CONFIG_FILE
    config = load(file if file.exists() else None, overrides(settings))
    sizes = Sizes(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens or config.ppo.max_new_tokens,
        price=price,
    )
    if common.dry_run:
        return {"summary": "would plan the training stages; that changes nothing in any case."}
    return housekeeping.plan(config, root, model_size, gpus, sizes)


def _nearest_workspace() -> Path:
    """The workspace around here; where there is none, this folder: planning needs none."""
    # Imported here: SQLAlchemy would slow `--help` down.
    from rather.workspace import MARKER_FILE

    here = Path.cwd()
    return next((one for one in (here, *here.parents) if (one / MARKER_FILE).exists()), here)
