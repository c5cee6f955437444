"""Who draws completions for a stage: this machine's own engine, or the servers of `rollout`."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from uuid import uuid4

from rather.config.optimization import Adapter
from rather.errors import UsageError
from rather.launched import launched
from rather.models.library import Library
from rather.models.roles import Policy
from rather.rollout.local import sample_policy
from rather.rollout.sampler import Sampler
from rather.rollout.vllm.sampler import VllmSampler
from rather.workspace import Workspace


@contextmanager
def drawing(
    ws: Workspace, owner: str, base: str | None = None, *, hands_whole: bool = False
) -> Iterator[Sampler]:
    """For this long, whoever `rollout.engine` says.

    `owner` is who asks, by a name that nobody else has at the same time; `base` is what the asked
    adapters sit on, where it is not the workspace's model. `hands_whole`: of whole models, with
    which servers replace their own.
    """
    section = ws.config.rollout
    if section.engine == "local":
        yield sample_policy
        return
    folder = ws.runs_dir / "served"
    sits_on = base or ws.config.model
    made = VllmSampler(section, owner, sits_on, folder, ws.progress.say, hands_whole=hands_whole)
    with closing(made) as sampler:
        yield sampler


@contextmanager
def drawing_answers(ws: Workspace) -> Iterator[Sampler]:
    """Like `drawing`, for answers that nothing learns from at once."""
    with drawing(ws, f"answers-{uuid4().hex[:8]}") as sampler:
        yield sampler


def require_served(ws: Workspace, library: Library, name: str, policy: Policy) -> None:
    """Refuse a model of its own where servers draw: they have one model, and are handed adapters.

    Raises UsageError.
    """
    if ws.config.rollout.engine == "local":
        return
    if policy.backbone is not library.policy("base").backbone:
        raise UsageError(
            f"{name} is a whole model of its own, and the servers of `rollout` have "
            f"{ws.config.model} and are handed adapters; set rollout.engine: local for it."
        )


def require_learnable(ws: Workspace, library: Library, adapter: Adapter, start: str) -> None:
    """Refuse, before anything is loaded, a policy that the servers could not be handed.

    Raises UsageError.
    """
    section = ws.config.rollout
    if section.engine == "local":
        return
    if adapter.tuning != "full":
        if library.folder_of(start) != library.folder_of("base"):
            raise UsageError(
                f"{start} is a whole model of its own, and adapters on it cannot be drawn from by "
                f"the servers of `rollout`, which have {ws.config.model}; set rollout.engine: "
                "local, or make it the workspace's model (`model:`) and have them serve it."
            )
        return
    if section.staleness:
        raise UsageError(
            "A vLLM server holds one whole model at a time, so none can be drawn from while the "
            "next one trains: with ppo.adapter.tuning: full set rollout.staleness: 0."
        )
    if adapter.sharded and launched().size > 1:
        raise UsageError(
            "vLLM servers are handed whole models by one rank, which has all of their weights: "
            "set ppo.adapter.sharded: false."
        )
