"""How a policy's weights come to a server: they are its own, an adapter beside them, or all new."""

from typing import Any, Protocol

from rather.errors import EnvironmentFault
from rather.models.roles import Policy
from rather.rollout.requests import Sampled
from rather.rollout.vllm.server import Server

WHOLE, HALF_READ = "whole-", "reading "
"""How the names begin of weights that a server read in place of its own, and of no sound ones."""


class Handover(Protocol):
    """A way from policies to the servers that sample them."""

    def take(self, policy: Policy) -> str:
        """The name of a policy's weights as they are now, which are there until `release`."""

    def model(self, name: str) -> str | None:
        """What completions of these weights are asked of; None is whatever the server has."""

    def give(self, server: Server, name: str) -> None:
        """See to it that a server has these weights."""

    def ask(self, server: Server, name: str, body: dict[str, Any]) -> Sampled:
        """A completion of these weights; ServerFailed where the server has others."""

    def release(self, name: str) -> None:
        """One less asks for a name; what nobody asks for may go."""

    def close(self) -> None:
        """Let all of them go."""


class OwnModel:
    """The backbone without an adapter: what every server has."""

    def take(self, policy: Policy) -> str:
        """See `Handover`."""
        return "backbone"

    def model(self, name: str) -> None:
        """See `Handover`."""
        return None

    def give(self, server: Server, name: str) -> None:
        """See `Handover`."""
        require_own_weights(server)

    def ask(self, server: Server, name: str, body: dict[str, Any]) -> Sampled:
        """See `Handover`."""
        return server.complete(body)

    def release(self, name: str) -> None:
        """See `Handover`."""

    def close(self) -> None:
        """See `Handover`."""


def require_own_weights(server: Server) -> None:
    """Refuse (EnvironmentFault) a server whose model's weights are not those it began with.

    A run with `tuning: full` leaves it with others, which may be near enough not to be noticed.
    """
    weights = server.weights()
    if weights is not None and weights.startswith((WHOLE, HALF_READ)):
        raise EnvironmentFault(
            f"{server.url} has the weights of a run that tunes whole models ({weights}); start it "
            "anew."
        )
