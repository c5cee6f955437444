"""What every route needs: the store, the settings and the worklist of one workspace."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated, cast

from anyio import CapacityLimiter
from fastapi import Depends
from starlette.requests import Request

from rather.config.stages import Config
from rather.store.database import Database
from rather.web.contract.labelling import Guidelines, Question
from rather.web.sessions import Sessions
from rather.web.worklist import Worklist


@dataclass(frozen=True)
class Context:
    """One workspace, as the web app sees it."""

    db: Database
    config: Config
    workspace_name: str
    worklist: Worklist
    guidelines: Guidelines
    question: Question
    sessions: Sessions
    dealing: CapacityLimiter
    """How many are dealt their next items at the same time."""
    cookie_name: str
    """Of this workspace only: cookies do not tell ports apart, so two servers would clash."""


def cookie_name_of(secret: bytes) -> str:
    """The session cookie's name for the workspace with that secret."""
    return "rather_session_" + hmac.new(secret, b"cookie", hashlib.sha256).hexdigest()[:8]


async def context_of(request: Request) -> Context:
    """The context that `create_app` has put into the app."""
    return cast(Context, request.app.state.context)


CurrentContext = Annotated[Context, Depends(context_of)]
