"""The served API of one workspace: routes, guard and error replies put together."""

import logging
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from rather.config.stages import Config
from rather.errors import EnvironmentFault, RatherError
from rather.serving import auth
from rather.serving.backend import Backend, EngineDown, QueueFull
from rather.serving.catalog import Catalog
from rather.serving.context import NOBODY, Context, Outside
from rather.serving.metrics import Metrics
from rather.serving.reading import Reader
from rather.serving.register import Register
from rather.serving.routes import admin, chat, models, scoring, state, text
from rather.serving.streaming import ClientGone
from rather.store.database import Database
from rather.web.contract.shape import FaultReply
from rather.web.limiter import Tries
from rather.web.replies import Refusal, fault, refused
from rather.web.security import Guard, HostList, comes_from_elsewhere

if TYPE_CHECKING:
    from rather.data.tokens import Codec

ROUTERS: tuple[APIRouter, ...] = (
    models.router,
    chat.router,
    text.router,
    scoring.router,
    admin.router,
    state.router,
)
"""All routes; whoever adds some adds their router here."""
LOG = logging.getLogger(__name__)


def create_app(
    db: Database,
    config: Config,
    codec: "Codec",
    backend: Backend,
    *,
    base_fingerprint: str,
    outside: Outside = NOBODY,
) -> FastAPI:
    """The API on an open store and a backend; every route but `auth.PUBLIC_PATHS` asks who calls.

    `codec` is the base's, `base_fingerprint` says which weights it has.
    """
    app = FastAPI(
        title="rather serve",
        telemetry={"tracing": False, "metrics": False, "logs": False},  # nothing leaves here
        dependencies=[Depends(auth.deny_by_default)],
        responses={"4XX": {"model": FaultReply}, "5XX": {"model": FaultReply}},
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    register = Register(db)
    app.state.context = Context(
        db=db,
        config=config,
        reader=Reader(codec),
        base_fingerprint=base_fingerprint,
        backend=backend,
        register=register,
        catalog=Catalog(
            register,
            config.model,
            outside.choose,
            holds_whole_models=backend.holds_whole_models,
        ),
        metrics=Metrics(),
        tries=Tries(auth.FREE_TRIES, auth.SECONDS_A_TRY),
        outside=outside,
    )
    for router in ROUTERS:
        app.include_router(router)
    hosts = HostList(config.serve.host)
    app.add_middleware(Guard, hosts=hosts, is_foreign=comes_from_elsewhere)
    for kind, handler in FAULTS.items():
        app.add_exception_handler(kind, handler)
    return app


def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # Place and reason only: what was sent is not echoed.
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return fault(400, "The body is not a JSON object.", code="invalid_json")
    # of a choice of types pydantic names the type too, which is nothing a client has sent
    sent = [str(part) for part in first["loc"][1:]]
    place = ".".join(part for part in sent if "[" not in part) or "body"
    if first["type"] == "extra_forbidden":
        return fault(
            400, f"{place} is not supported here; leave it out.", param=place, code="unsupported"
        )
    return fault(400, f"{place}: {first['msg']}", param=place, code="invalid")


def _no_such_thing(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reply = fault(error.status_code, str(error.detail))
    reply.headers.update(error.headers or {})  # which methods a route does know
    return reply


def _busy(_: Request, error: Exception) -> Response:
    return fault(429, "Too many requests are waiting; try again shortly.", code="queue_full")


def _down(_: Request, error: Exception) -> Response:
    return fault(503, str(error), code="engine_down")


def _left(_: Request, error: Exception) -> Response:
    return Response(status_code=499)  # as nginx counts it; nobody hears


def _user_error(_: Request, error: Exception) -> Response:
    if isinstance(error, EnvironmentFault):
        # The sentence names paths of the server's disk; it belongs into the operator's terminal.
        LOG.error("%s", error)
        return fault(503, "The server cannot do this just now; its terminal says why.")
    return fault(400, str(error))


def _bug(_: Request, error: Exception) -> Response:
    number = secrets.token_hex(4)
    LOG.error("error %s in a request", number, exc_info=error)
    return fault(500, f"Something broke here (error {number} in the server's terminal).")


FAULTS: dict[type[Exception], Callable[[Request, Exception], Response]] = {
    Refusal: refused,
    RequestValidationError: _invalid,
    HTTPException: _no_such_thing,
    QueueFull: _busy,
    EngineDown: _down,
    ClientGone: _left,
    RatherError: _user_error,
    Exception: _bug,
}
"""How each error is told: the most special class of the error decides."""
