"""Whole models (`tuning: full`) for servers: all weights, read again from a folder and named.

vLLM's routes for that need VLLM_SERVER_DEV_MODE=1. A server has one set of weights at a time, so
the name of those it has is asked for before every completion.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from rather.durable import remove, staged_directory, verify
from rather.errors import EnvironmentFault
from rather.models.library import save_whole, weights_digest
from rather.models.roles import Policy
from rather.models.storage.shards import state_of
from rather.rollout.requests import Sampled
from rather.rollout.vllm.handover import WHOLE
from rather.rollout.vllm.server import Server
from rather.rollout.vllm.wire import ServerFailed


class WholeModels:
    """The model of a run that all servers are to have; see `rather.rollout.vllm.handover`."""

    def __init__(self, folder: Path, servers: Sequence[str]) -> None:
        """The name of a folder begins with a hash of the servers' addresses: runs that share
        none do not touch each other's."""
        self._folder = folder
        self._prefix = f"{WHOLE}{_short(' '.join(servers))}-"
        self._users: Counter[str] = Counter()
        """Of each name, how many still ask for it."""

    def take(self, policy: Policy) -> str:
        """Writes a Hugging Face folder, in the float32 that the policy learns in."""
        name = f"{self._prefix}{weights_digest(state_of(policy.backbone.model))}"
        folder = self._folder / name
        if not folder.exists() or verify(folder):
            with staged_directory(folder) as staging:
                save_whole(staging, policy.backbone)
        self._users[name] += 1
        return name

    def model(self, name: str) -> None:
        """Whatever the server calls its model."""
        return None

    def give(self, server: Server, name: str) -> None:
        """Have it read the weights, unless it has; of several processes one does, others wait.

        EnvironmentFault where the server has no route for that.
        """
        if server.weights() is None:
            raise EnvironmentFault(
                f"{server.url} takes no whole models: start it with VLLM_SERVER_DEV_MODE=1 in its "
                "environment (vLLM 0.32 or newer), or set adapter.tuning to lora or top_layers."
            )
        with FileLock(self._folder / f".{_short(server.url)}.lock"):
            if server.weights() != name:
                server.reload(name, (self._folder / name).resolve())

    def ask(self, server: Server, name: str, body: dict[str, Any]) -> Sampled:
        """Looks first: a server that was started anew answers, with the weights it began with."""
        if server.weights() != name:
            raise ServerFailed("it was started anew, and has other weights")
        return server.complete(body)

    def release(self, name: str) -> None:
        """One less asks for a name; every folder that nobody asks for goes but this one, also of a
        run that was broken off."""
        self._users -= Counter([name])
        self._keep({name, *self._users})

    def close(self) -> None:
        """All folders go; servers keep the last one's weights until they are started anew."""
        self._users.clear()
        self._keep(())

    def _keep(self, names: Collection[str]) -> None:
        for folder in self._folder.glob(f"{self._prefix}*"):
            if folder.name not in names:
                remove(folder)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
