"""Who takes part in a PPO run, and on which prompts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import nn

from rather.models.storage.shards import Shards
from rather.progress import Progress
from rather.records import Prompt
from rather.rollout.rollout import Roles, Scorer
from rather.training.drawing.correction import Correction


@dataclass(frozen=True)
class Task:
    """A prompt with its tokens."""

    prompt: Prompt
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Heldout:
    """What the watchdog measures: a reward and prompts that training does not see."""

    tasks: Sequence[Task]
    scorer: Scorer


@dataclass(frozen=True)
class Cast:
    """Everything a PPO run works with: the roles, and the weights that learn."""

    roles: Roles
    parameters: dict[str, nn.Parameter]
    """Of the policy and its critic."""
    stop_ids: tuple[int, ...]
    critic_parameters: frozenset[str] = frozenset()
    """Names of those that only the critic has."""
    heldout: Heldout | None = None
    correction: Correction | None = None
    """For what another than the policy itself drew; None where nobody else draws."""
    staleness: int = 0
    """Steps by which rollouts lag behind, so that they are drawn while others are learnt from."""
    progress: Progress = field(default_factory=lambda: Progress(quiet=True))
    """Where a step shows how far it is."""
    shards: tuple[Shards, ...] = ()
    """Of backbones that are spread over ranks."""
