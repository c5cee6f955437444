"""Who draws completions: this machine's own engine (`local.sample_policy`), or servers."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from rather.models.roles import Policy
from rather.rollout.requests import Request, Sampled, Settings


class Sampler(Protocol):
    """Draws completions of a policy as it is now."""

    def __call__(
        self,
        policy: Policy,
        requests: Sequence[Request],
        settings: Settings,
        advance: Callable[[int], None],
        ended: Callable[[int], None] = lambda completions: None,
    ) -> list[list[Sampled]]:
        """Completions of each request, in order; `advance` hears of tokens as they are made, and
        `ended` how many completions are whole by then."""


class Flight(Protocol):
    """Completions that are being drawn while something else is done."""

    def result(self, advance: Callable[[int], None]) -> list[list[Sampled]]:
        """Wait for them; `advance` hears of their tokens, also of those made before."""

    def cancel(self) -> None:
        """Nobody wants them any more."""


@runtime_checkable
class SharedSampler(Sampler, Protocol):
    """A sampler elsewhere: one process asks it for all, and it can be asked ahead."""

    def begin(self, policy: Policy, requests: Sequence[Request], settings: Settings) -> Flight:
        """Begin to draw from the policy as it is now, whatever becomes of its weights."""
