"""What the store says about models, aliases and keys, looked at again every second at most."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool

from rather.records import ModelVersion, Round
from rather.store import rounds, versions
from rather.store.database import Database
from rather.store.serving import aliases, api_keys
from rather.store.serving.api_keys import ApiKey

SECONDS_TRUSTED = 1.0
"""How long other processes' changes may go unseen; this server's own are seen at once."""


@dataclass(frozen=True)
class Known:
    """The store as it was at one moment."""

    versions: Mapping[str, ModelVersion] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, ApiKey] = field(default_factory=dict)
    """By hash."""
    rounds: Mapping[str, Round] = field(default_factory=dict)
    """By the policy each promoted."""


class Register:
    """Reads the store for the API, never on its event loop."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._clock = clock
        self._known = Known()
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()

    async def known(self) -> Known:
        """What there is, at most a second old."""
        if self._clock() - self._looked_at >= SECONDS_TRUSTED:
            async with self._looking:
                if self._clock() - self._looked_at >= SECONDS_TRUSTED:
                    self._known = await run_in_threadpool(self._look)
                    self._looked_at = self._clock()
        return self._known

    def forget(self) -> None:
        """Look again next time: something was changed."""
        self._looked_at = float("-inf")

    def _look(self) -> Known:
        promoted = [one for one in rounds.all(self._db) if one.status == "promoted"]
        return Known(
            versions={one.name: one for one in versions.all(self._db)},
            aliases=aliases.in_force(self._db),
            keys={one.hash: one for one in api_keys.all(self._db)},
            rounds={one.policy: one for one in promoted if one.policy is not None},
        )
