"""Feedback from use, as a server takes it on: what it keeps, who answers, and the routes."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import FastAPI

from rather.config.serving import Serving
from rather.errors import EnvironmentFault, UsageError
from rather.serving.catalog import WRITERS
from rather.serving.context import Outside
from rather.serving.feedback.desk import Desk
from rather.serving.feedback.keeping import Keeper, Names
from rather.serving.feedback.routes import router
from rather.serving.feedback.splitting import Split
from rather.store import versions
from rather.store.database import Database
from rather.store.use import served

LOG = logging.getLogger(__name__)
SECONDS_BETWEEN_PURGES = 3600.0
KEPT = {
    "none": "Nothing is kept of what is answered",
    "metadata": "Who answered and when is kept for {days} days, no texts",
    "texts": "Questions and answers are kept for {days} days, redacted",
}


@dataclass(frozen=True)
class FromUse:
    """Everything about one server's use."""

    keeper: Keeper
    desk: Desk
    split: Split

    @property
    def told(self) -> str:
        """What is kept and who else answers, for whoever starts the server."""
        section = self.keeper.use
        kept = KEPT[section.keep].format(days=section.keep_days)
        ab = self.split.ab
        share = f" {ab.share:.0%} of {ab.alias} is answered by {ab.model}." if ab.share else ""
        return f"{kept} (serve.keep).{share}"

    @property
    def outside(self) -> Outside:
        """What `create_app` is to be given."""
        return Outside(served=self.keeper.keep, choose=self.split.choose)

    def join(self, app: FastAPI) -> None:
        """Add the routes to the served API."""
        app.include_router(router(self.desk, self.split))

    @contextmanager
    def tended(self) -> Iterator[None]:
        """Delete what is past its days, now and every hour until the block ends."""
        ending = threading.Event()
        thread = threading.Thread(target=self._tend, args=(ending,), name="rather-purge")
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()

    def purge(self) -> int:
        """Delete what is past its days; how much that was."""
        keeper = self.keeper
        number = served.purge(keeper.db, served.oldest_kept(keeper.use.keep_days, self.desk.now()))
        if number:
            keeper.db.scrub()
        return number

    def _tend(self, ending: threading.Event) -> None:
        while not ending.is_set():
            try:
                self.purge()
            except EnvironmentFault as error:
                LOG.error("what is past its days is not deleted yet: %s", error)
            ending.wait(SECONDS_BETWEEN_PURGES)


def from_use(db: Database, secret: bytes, section: Serving) -> FromUse:
    """On an open store, as the settings say; `secret` (the workspace's) draws and hides names.

    Raises UsageError where a share of the traffic is for somebody who cannot answer it.
    """
    writers = ["base", *(one.name for one in versions.all(db) if one.stage in WRITERS)]
    if section.ab.model is not None and section.ab.model not in writers:
        raise UsageError(
            f"serve.ab.model is {section.ab.model}; it must be one of {', '.join(writers)}."
        )
    keeper = Keeper(db, Names(secret), section)
    return FromUse(keeper, Desk(keeper), Split(secret, section.ab))
