"""The two shapes of everything that is not the page itself: a JSON fault and a plain notice."""

import html
import re

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

KINDS = {
    401: "authentication_error",
    404: "not_found",
    429: "rate_limit",
}

NOTICE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{extra}<title>{title} · rather</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/notice.css">
</head>
<body>
<main>
<p class="brand">rather</p>
<h1>{title}</h1>
<p>{text}</p>
</main>
</body>
</html>
"""


class Refusal(Exception):
    """A route's "no": raised anywhere below it, told as a fault."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param


def fault(
    status: int, message: str, *, code: str | None = None, param: str | None = None
) -> JSONResponse:
    """An error as every API route of the project says it."""
    kind = KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    # A client that is told to come back keeps its judgment queued meanwhile.
    headers = {"Retry-After": "5"} if status in {429, 503} else None
    return JSONResponse(body, status_code=status, headers=headers)


def refused(_: Request, error: Exception) -> Response:
    """How an app tells a `Refusal`."""
    assert isinstance(error, Refusal)
    return fault(error.status, error.message, code=error.code, param=error.param)


def notice(status: int, title: str, text: str, *, go_to: str | None = None) -> HTMLResponse:
    """A small page with one message (`code` in backticks); with `go_to`, it goes on by itself."""
    extra = ""
    if go_to is not None:
        extra = f'<meta http-equiv="refresh" content="0; url={html.escape(go_to)}">\n'
    shown = re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text))
    page = NOTICE.format(extra=extra, title=html.escape(title), text=shown)
    return HTMLResponse(page, status_code=status)
