"""Adapters that servers read: written under a name that says which weights, and let go after use.

The name ends in a hash of the weights, so that a server which has an adapter of that name has these
weights, and one that was started anew says that it has not. It begins with who asks, so that two
runs on the same servers never take away what the other has.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rather.durable import remove, staged_directory, verify
from rather.models.adapter_files import save_adapter
from rather.models.library import weights_digest
from rather.models.roles import Policy
from rather.rollout.requests import Sampled
from rather.rollout.vllm.handover import require_own_weights
from rather.rollout.vllm.server import Server


class Served:
    """The adapters of one who asks, as many as are in use, and the newest.

    See `rather.rollout.vllm.handover`.
    """

    def __init__(self, folder: Path, owner: str, base: str, forget: Callable[[str], None]) -> None:
        """`base` is what adapters say they sit on; `forget` has the servers forget a name."""
        self._folder, self._owner, self._base, self._forget = folder, owner, base, forget
        self._users: Counter[str] = Counter()
        """Of each name, in the order they were made, how many still ask for it."""
        self._has_looked = False

    def take(self, policy: Policy) -> str:
        """The name of a policy's adapter as it is now, which is there until `release`."""
        assert policy.adapter is not None, "a backbone has no adapter to serve"
        backbone, adapter = policy.backbone, policy.adapter
        self._look_for_leftovers()
        weights = {key: p.detach() for key, p in backbone.adapter_parameters(adapter).items()}
        name = f"{self._owner}-{weights_digest(weights)}"
        folder = self.folder_of(name)
        if not folder.exists() or verify(folder):
            with staged_directory(folder) as staging:
                shape, layers = backbone.shapes[adapter], backbone.linear_layers
                save_adapter(staging, shape, weights, layers, self._base)
        users = self._users.pop(name, 0)
        self._users[name] = users + 1
        return name

    def model(self, name: str) -> str:
        """The adapter's name."""
        return name

    def give(self, server: Server, name: str) -> None:
        """Have it load the adapter, unless it has."""
        require_own_weights(server)
        if name not in server.models():
            server.load(name, self.folder_of(name))

    def ask(self, server: Server, name: str, body: dict[str, Any]) -> Sampled:
        """A server that does not know the adapter refuses by itself."""
        return server.complete(body)

    def folder_of(self, name: str) -> Path:
        """Where an adapter lies, for the servers."""
        return (self._folder / name).resolve()

    def release(self, name: str) -> None:
        """One less asks for a name; what nobody asks for goes, but for the newest."""
        if name not in self._users:  # closed meanwhile
            return
        self._users[name] -= 1
        *older, _ = self._users
        self._let_go(older)

    def close(self) -> None:
        """Let all of them go."""
        self._users = Counter(dict.fromkeys(self._users, 0))
        self._let_go(list(self._users))

    def _look_for_leftovers(self) -> None:
        """What a process that was killed has left goes with the rest."""
        if not self._has_looked:
            self._users.update({left.name: 0 for left in self._folder.glob(f"{self._owner}-*")})
        self._has_looked = True

    def _let_go(self, names: list[str]) -> None:
        for name in names:
            if not self._users[name]:
                del self._users[name]
                self._forget(name)
                if self.folder_of(name).exists():
                    remove(self.folder_of(name))
