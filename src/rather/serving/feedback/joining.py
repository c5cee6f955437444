"""Feedback from use, as a server takes it on: what it keeps, who answers, and the routes."""

from dataclasses import dataclass

from fastapi import FastAPI

from rather.config.use import Use
from rather.serving.context import Outside
from rather.serving.feedback.desk import Desk
from rather.serving.feedback.keeping import Keeper, Names
from rather.serving.feedback.routes import router
from rather.serving.feedback.splitting import Split
from rather.store.database import Database


@dataclass(frozen=True)
class FromUse:
    """Everything about one server's use."""

    keeper: Keeper
    desk: Desk
    split: Split

    @property
    def outside(self) -> Outside:
        """What `create_app` is to be given."""
        return Outside(served=self.keeper.keep, choose=self.split.choose)

    def join(self, app: FastAPI) -> None:
        """Add the routes to the served API."""
        app.include_router(router(self.desk, self.split))


def from_use(db: Database, secret: bytes, use: Use) -> FromUse:
    """On an open store, as the settings say; `secret` (the workspace's) draws and hides names."""
    keeper = Keeper(db, Names(secret), use)
    return FromUse(keeper, Desk(keeper), Split(secret, use.ab))
