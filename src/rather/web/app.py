"""The web app of one workspace: routes, guard and fault replies put together."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from anyio import CapacityLimiter
from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from rather.config.labelling import Labelling
from rather.config.stages import Config
from rather.errors import DataError, EnvironmentFault, RatherError
from rather.feedback.events import guidelines_hash
from rather.feedback.kinds import KINDS
from rather.store import guidelines
from rather.store.database import Database
from rather.web import auth, pages, playground, runs
from rather.web.admin import routes
from rather.web.context import Context, cookie_name_of
from rather.web.contract.labelling import Guidelines, Question
from rather.web.contract.shape import FaultReply
from rather.web.labelling import answering, asking, remarking
from rather.web.markup import to_html
from rather.web.replies import Refusal, fault, refused
from rather.web.responder import Responder
from rather.web.security import SECURITY_HEADERS, Guard, HostList
from rather.web.sessions import Sessions
from rather.web.worklist import Worklist, utc_now

ROUTERS: tuple[APIRouter, ...] = (
    auth.router,
    asking.router,
    answering.router,
    remarking.router,
    routes.router,
)
"""All routes but those of the built page; whoever adds some adds their router here."""

NUM_DEALT_AT_ONCE = 4
REFUSALS = (400, 401, 403, 404, 409, 413, 415, 422, 429, 501, 503)
"""Every status but success that a route may answer with, always a `FaultReply`."""
STATIC = Path(__file__).parent / "static"
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outside:
    """What the app asks of others; without a responder or a report, their routes say so."""

    now: Callable[[], datetime] = utc_now
    responder: Responder | None = None
    """Who answers in the playground."""
    break_off: Callable[[], None] | None = None
    """Ends the answer under way: the server is ending."""
    report: Callable[[], str] | None = None
    """Makes the report's HTML."""


def create_app(
    db: Database,
    config: Config,
    workspace_name: str,
    *,
    secret: bytes,
    static: Path = STATIC,
    outside: Outside = Outside(),
) -> FastAPI:
    """The labelling app on an open store; every route but `auth.PUBLIC_PATHS` needs a session.

    `secret` (the workspace's) draws the sides and hides what an item is made of.
    """
    app = FastAPI(
        title="rather",
        telemetry={"tracing": False, "metrics": False, "logs": False},  # nothing leaves here
        dependencies=[Depends(auth.deny_by_default)],
        responses={status: {"model": FaultReply} for status in REFUSALS},
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.break_off = outside.break_off
    app.state.context = _context(db, config, workspace_name, secret, outside.now)
    talk = playground.router(db, secret, outside.responder, auth.current_admin)
    for router in (runs.router(db, outside.report), talk):
        app.include_router(router, dependencies=[Depends(auth.current_admin)])
    for router in (*ROUTERS, pages.router(static)):
        app.include_router(router)
    app.add_middleware(Guard, hosts=HostList(config.label.host))
    for kind, handler in FAULTS.items():
        app.add_exception_handler(kind, handler)
    return app


def _context(
    db: Database, config: Config, workspace_name: str, secret: bytes, now: Callable[[], datetime]
) -> Context:
    worklist = Worklist(db, secret, config.label, now)
    worklist.look()  # so that the first labeller does not wait for the first look
    return Context(
        db=db,
        config=config,
        workspace_name=workspace_name,
        worklist=worklist,
        guidelines=_guidelines(db, config.label.guidelines, now),
        question=_question(config.label),
        sessions=Sessions(db),
        dealing=CapacityLimiter(NUM_DEALT_AT_ONCE),
        cookie_name=cookie_name_of(secret),
    )


def _guidelines(db: Database, text: str, now: Callable[[], datetime]) -> Guidelines:
    """What is in force; kept, so that judgments can be read by it when it has changed."""
    hash = guidelines_hash(text)
    guidelines.keep(db, hash, text, now().isoformat(timespec="microseconds"))
    return Guidelines(html=to_html(text), hash=hash)


def _question(section: Labelling) -> Question:
    return Question(
        kind=section.kind,
        text=section.question or KINDS[section.kind].question,
        dimensions=list(section.dimensions) if section.kind == "pair" else [],
        ask_strength=section.kind == "pair" and section.ask_strength,
    )


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


FAULTS: dict[type[Exception], Callable[[Request, Exception], Response]] = {
    auth.NotLoggedIn: auth.not_logged_in,
    Refusal: refused,
    RequestValidationError: _invalid,
    HTTPException: _no_such_thing,
    RatherError: _user_error,
    Exception: _bug,
}
"""How each error is told: the most special class of the error decides."""
