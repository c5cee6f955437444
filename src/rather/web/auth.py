"""Who is asking: a one-time link becomes a session cookie; everything else needs that cookie."""

import math
from typing import Annotated, cast

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rather.records import Labeller
from rather.store import logins
from rather.web.context import Context, CurrentContext
from rather.web.contract.shape import Done
from rather.web.limiter import Tries
from rather.web.replies import Refusal, fault, notice

PUBLIC_PATHS = frozenset({"/login", "/notice.css", "/icon.svg"})
FREE_TRIES = 10
"""Links that do not work, from one address, before it must wait."""
SECONDS_A_TRY = 6.0

router = APIRouter()


class NotLoggedIn(Exception):
    """No session, or one that was revoked: the same answer for both."""


async def session_labeller(request: Request, context: CurrentContext) -> Labeller | None:
    """Whose session cookie came with the request."""
    session = request.cookies.get(context.cookie_name)
    if not session:
        return None
    known = context.sessions.remembered(session)
    return known or await run_in_threadpool(context.sessions.look_up, session)


SessionLabeller = Annotated[Labeller | None, Depends(session_labeller)]


async def current_labeller(labeller: SessionLabeller) -> Labeller:
    """The person who is logged in."""
    if labeller is None:
        raise NotLoggedIn
    return labeller


async def deny_by_default(request: Request, labeller: SessionLabeller) -> None:
    """Let only the logged-in through, except to the routes that say they are public."""
    # The path that was routed; `request.url` is put together with the Host header.
    if request.scope["path"] not in PUBLIC_PATHS:
        await current_labeller(labeller)


CurrentLabeller = Annotated[Labeller, Depends(current_labeller)]


async def current_admin(labeller: CurrentLabeller) -> Labeller:
    """The admin who is logged in; to labellers everything behind this is closed."""
    if labeller.role != "admin":
        raise Refusal(403, "This is for admins only; ask one of them.", code="admins_only")
    return labeller


CurrentAdmin = Annotated[Labeller, Depends(current_admin)]


@router.get("/login")
def log_in(request: Request, context: CurrentContext, token: str = "") -> Response:
    """Turn the one-time link into a session; after many that do not work, wait."""
    tries, address = _tries(request), request.client.host if request.client else ""
    # Looked at before the token is, so that somebody who guesses learns nothing while they wait.
    wait = tries.seconds_to_wait(address)
    if wait > 0:
        return _too_many(math.ceil(wait))
    session = logins.redeem(context.db, token)
    if session is None:
        tries.failed(address)
        return notice(
            401,
            "This link does not work any more",
            "A link works once and not for long. Run `rather label` again, or ask whoever "
            "invited you, for a new one.",
        )
    return _with_session(_onward(request), context, session)


@router.post("/api/logout")
def log_out(
    request: Request, response: Response, context: CurrentContext, _: CurrentLabeller
) -> Done:
    """End this browser's own session."""
    logins.revoke(context.db, request.cookies[context.cookie_name])
    context.sessions.forget()
    response.delete_cookie(context.cookie_name, path="/", httponly=True, samesite="strict")
    return Done()


def not_logged_in(request: Request, _: Exception) -> Response:
    """The one answer to everybody without a session."""
    if request.scope["path"].startswith("/api/"):
        return fault(401, "Log in with a link from `rather label`.", code="not_logged_in")
    return notice(401, "Please open your link", "`rather label` prints a link that logs you in.")


def _tries(request: Request) -> Tries:
    """The failures that this server has seen; one count for each app."""
    state = request.app.state
    if not hasattr(state, "login_tries"):
        state.login_tries = Tries(FREE_TRIES, SECONDS_A_TRY)
    return cast(Tries, state.login_tries)


def _too_many(seconds: int) -> Response:
    response = notice(
        429,
        "Please wait",
        f"Too many links that do not work were tried. Try yours again in {seconds} seconds.",
    )
    response.headers["Retry-After"] = str(seconds)
    return response


def _onward(request: Request) -> Response:
    # A browser withholds strict cookies from a redirect that another site's link began (a link in
    # a web mail, say); a page of ours that goes on by itself is our own navigation.
    if request.headers.get("sec-fetch-site", "none") in {"none", "same-origin"}:
        return RedirectResponse("/", status_code=303)
    return notice(200, "Welcome", "One moment.", go_to="/")


def _with_session(response: Response, context: Context, session: str) -> Response:
    response.set_cookie(
        context.cookie_name,
        session,
        max_age=logins.SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        path="/",
    )
    return response
