"""How a step's weights reach a server: an adapter beside the model, or all of the model's weights.

Either lies in a folder that both sides see, under a name that ends in a hash of the weights, so
that a server which says it has that name has these weights, and one that was started anew says that
it has not.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock
from torch import Tensor

from rather.durable import remove, staged_directory, verify
from rather.errors import EnvironmentFault
from rather.models.adapter_files import save_adapter
from rather.models.library import save_whole, weights_digest
from rather.models.roles import Policy
from rather.models.storage.shards import state_of
from rather.rollout.requests import Sampled
from rather.rollout.vllm.server import Server
from rather.rollout.vllm.wire import ServerFailed, ServerRefused


class Handover(Protocol):
    """A way from a policy that learns to the servers that sample it."""

    def publish(self, policy: Policy) -> Path:
        """The folder of the policy's weights as they are now, written where it is not there."""

    def model(self, folder: Path) -> str | None:
        """What completions of these weights are asked of; None is whatever the server has."""

    def give(self, server: Server, folder: Path) -> None:
        """See to it that a server has these weights."""

    def ask(self, server: Server, folder: Path, body: dict[str, Any]) -> Sampled:
        """A completion of these weights; ServerFailed where the server has others."""

    def retire(self, servers: Sequence[Server], folder: Path) -> None:
        """Let the weights before these go: on the servers that answer, and on disk."""


class Adapters:
    """Adapters by name: a server holds several, and says which."""

    def __init__(self, folder: Path, base: str) -> None:
        """`base` is what adapters say they sit on."""
        self._folder, self._base = folder, base
        self._newest: Path | None = None

    def publish(self, policy: Policy) -> Path:
        """As a PEFT folder."""
        backbone, name = policy.backbone, policy.adapter
        assert name is not None
        weights = {key: p.detach() for key, p in backbone.adapter_parameters(name).items()}

        def write(staging: Path) -> None:
            shape = backbone.shapes[name]
            save_adapter(staging, shape, weights, backbone.linear_layers, self._base)

        return _published(self._folder, "step-", weights, write)

    def model(self, folder: Path) -> str:
        """The adapter's name."""
        return folder.name

    def give(self, server: Server, folder: Path) -> None:
        """Have it load the adapter, unless it has."""
        if folder.name not in server.models():
            server.load(folder.name, folder.resolve())

    def ask(self, server: Server, folder: Path, body: dict[str, Any]) -> Sampled:
        """A server that does not know the adapter refuses by itself."""
        return server.complete(body)

    def retire(self, servers: Sequence[Server], folder: Path) -> None:
        """The step before."""
        before, self._newest = self._newest, folder
        if before is None or before == folder:
            return
        for server in servers:
            with suppress(ServerFailed, ServerRefused):  # gone, or started anew: never knew it
                server.unload(before.name)
        with suppress(FileNotFoundError):  # another rank has removed it
            remove(before)


class WholeModels:
    """All weights of the one model a server has: read again from a folder, and named.

    vLLM's routes for that need VLLM_SERVER_DEV_MODE=1. A server has one set of weights at a time,
    so the one it has is asked for before every completion.
    """

    def __init__(self, folder: Path, servers: Sequence[str]) -> None:
        """The name of a folder begins with a hash of the servers' addresses: runs that share
        none do not touch each other's."""
        self._folder = folder
        self._prefix = f"whole-{hashlib.sha256(' '.join(servers).encode()).hexdigest()[:8]}-"

    def publish(self, policy: Policy) -> Path:
        """As a Hugging Face folder, in the float32 that the policy learns in."""
        model = policy.backbone.model
        return _published(
            self._folder,
            self._prefix,
            state_of(model),
            lambda staging: save_whole(staging, policy.backbone),
        )

    def model(self, folder: Path) -> None:
        """Whatever the server calls its model."""
        return None

    def give(self, server: Server, folder: Path) -> None:
        """Have it read the weights, unless it has; of several ranks one does, the others wait.

        EnvironmentFault where the server has no route for that.
        """
        if server.weights() is None:
            raise EnvironmentFault(
                f"{server.url} takes no whole models: start it with VLLM_SERVER_DEV_MODE=1 in its "
                "environment (vLLM 0.32 or newer), or set adapter.tuning to lora or top_layers."
            )
        place = hashlib.sha256(server.url.encode()).hexdigest()[:8]
        with FileLock(self._folder / f".{place}.lock"):
            if server.weights() != folder.name:
                server.reload(folder.name, folder.resolve())

    def ask(self, server: Server, folder: Path, body: dict[str, Any]) -> Sampled:
        """Looks first: a server that was started anew answers, with the weights it began with."""
        if server.weights() != folder.name:
            raise ServerFailed("it was started anew, and has other weights")
        return server.complete(body)

    def retire(self, servers: Sequence[Server], folder: Path) -> None:
        """Every other step's folder, also of a run that was broken off."""
        for other in self._folder.glob(f"{self._prefix}*"):
            if other != folder:
                with suppress(FileNotFoundError):  # another rank has removed it
                    remove(other)


def _published(
    parent: Path, prefix: str, weights: dict[str, Tensor], write: Callable[[Path], None]
) -> Path:
    """The sound folder of these weights."""
    folder = parent / f"{prefix}{weights_digest(weights)}"
    if not folder.exists() or verify(folder):
        with staged_directory(folder) as staging:
            write(staging)
    return folder
