"""Who is asking: a one-time link becomes a session cookie; everything else needs that cookie."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rather.records import Labeller
from rather.store import logins
from rather.web.context import Context, CurrentContext
from rather.web.replies import fault, notice

PUBLIC_PATHS = frozenset({"/login", "/notice.css", "/icon.svg"})
SESSION_SECONDS = 30 * 24 * 3600

router = APIRouter()


class NotLoggedIn(Exception):
    """No session, or one that was revoked: the same answer for both."""


def current_labeller(request: Request, context: CurrentContext) -> Labeller:
    """The person whose session cookie came with the request."""
    session = request.cookies.get(context.cookie_name)
    labeller = logins.labeller_of(context.db, session) if session else None
    if labeller is None:
        raise NotLoggedIn
    return labeller


def deny_by_default(request: Request, context: CurrentContext) -> None:
    """Let only the logged-in through, except to the routes that say they are public."""
    # The path that was routed; `request.url` is put together with the Host header.
    if request.scope["path"] not in PUBLIC_PATHS:
        current_labeller(request, context)


CurrentLabeller = Annotated[Labeller, Depends(current_labeller)]


@router.get("/login")
def log_in(request: Request, context: CurrentContext, token: str = "") -> Response:
    """Turn the one-time link into a session."""
    session = logins.redeem(context.db, token)
    if session is None:
        return notice(
            401,
            "This link does not work any more",
            "A link works once and not for long. Run `rather label` again, or ask whoever "
            "invited you, for a new one.",
        )
    return _with_session(_onward(request), context, session)


def not_logged_in(request: Request, _: Exception) -> Response:
    """The one answer to everybody without a session."""
    if request.scope["path"].startswith("/api/"):
        return fault(401, "Log in with a link from `rather label`.", code="not_logged_in")
    return notice(401, "Please open your link", "`rather label` prints a link that logs you in.")


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
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        path="/",
    )
    return response
