"""The web app of one workspace: routes, guard and fault replies put together."""

import logging
import secrets
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from rather.config.stages import Config
from rather.errors import DataError, EnvironmentFault, RatherError
from rather.feedback.events import guidelines_hash
from rather.store.database import Database
from rather.web import auth, labelling, pages
from rather.web.context import Context, cookie_name_of
from rather.web.contract import Guidelines
from rather.web.markup import to_html
from rather.web.replies import Refusal, fault
from rather.web.security import SECURITY_HEADERS, Guard, HostList
from rather.web.worklist import Worklist

STATIC = Path(__file__).parent / "static"
LOG = logging.getLogger(__name__)


def create_app(
    db: Database, config: Config, workspace_name: str, *, secret: bytes, static: Path = STATIC
) -> FastAPI:
    """The labelling app on an open store; every route but `auth.PUBLIC_PATHS` needs a session.

    `secret` (the workspace's) draws the sides and hides what an item is made of.
    """
    app = FastAPI(
        title="rather",
        dependencies=[Depends(auth.deny_by_default)],
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = Context(
        db=db,
        config=config,
        workspace_name=workspace_name,
        worklist=Worklist(db, secret),
        guidelines=_guidelines(config.label.guidelines),
        cookie_name=cookie_name_of(secret),
    )
    app.include_router(auth.router)
    app.include_router(labelling.router)
    app.include_router(pages.router(static))
    app.add_middleware(Guard, hosts=HostList(config.label.host))
    app.add_exception_handler(auth.NotLoggedIn, auth.not_logged_in)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _no_such_thing)
    app.add_exception_handler(RatherError, _user_error)
    app.add_exception_handler(Exception, _bug)
    return app


def _guidelines(text: str) -> Guidelines:
    return Guidelines(html=to_html(text), hash=guidelines_hash(text))


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return fault(error.status, error.message, code=error.code)


def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # Place and reason only: what was sent is not echoed.
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return fault(422, f"{place}: {first['msg']}", param=place, code="invalid")


def _no_such_thing(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return fault(error.status_code, str(error.detail))


def _user_error(_: Request, error: Exception) -> Response:
    if isinstance(error, EnvironmentFault):
        # The sentence names paths of the server's disk; it belongs into the operator's terminal.
        LOG.error("%s", error)
        return fault(503, "The server cannot save just now; it is kept in the page and retried.")
    return fault(409 if isinstance(error, DataError) else 400, str(error))


def _bug(_: Request, error: Exception) -> Response:
    number = secrets.token_hex(4)
    LOG.error("error %s in a request", number, exc_info=error)
    reply = fault(500, f"Something broke here (error {number} in the server's terminal).")
    # This handler stands outside the guard, so it dresses its own response.
    reply.headers.update(SECURITY_HEADERS)
    return reply
