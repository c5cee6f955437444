"""What stands before every route: Host allow-list, same-origin writes, JSON only, safe headers."""

import ipaddress
import re
import socket
from collections.abc import Callable, Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rather.web.replies import fault

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
MAX_BODY_BYTES = 1_048_576
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
WILDCARD_HOSTS = frozenset({"0.0.0.0", "::", ""})
HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::[0-9]{1,5})?", re.IGNORECASE)

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
POLICY = "Content-Security-Policy"
SECURITY_HEADERS = {
    POLICY: CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class HostList:
    """The names this server answers to; a foreign name is how DNS rebinding would come in."""

    def __init__(self, listening_host: str) -> None:
        names = set(LOOPBACK_HOSTS)
        is_loopback = is_loopback_host(listening_host)
        if not is_loopback:
            names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        if listening_host not in WILDCARD_HOSTS:
            names.add(_bracketed(listening_host.lower()))
        self.names: Collection[str] = names
        # An address cannot be rebound, only a name can.
        self.allows_addresses = not is_loopback

    def allows(self, host_header: str) -> bool:
        """Whether a request's Host header names this server."""
        match = HOST.fullmatch(host_header)
        if match is None:
            return False
        name = match["name"].lower()
        return name in self.names or (self.allows_addresses and _is_address(name))


class Guard:
    """ASGI middleware: refuses what no page of ours sends, and dresses every response."""

    def __init__(
        self,
        app: ASGIApp,
        hosts: HostList,
        is_foreign: Callable[[Headers], bool] = lambda headers: not is_same_origin(headers),
    ) -> None:
        """`is_foreign` says of a write that it must not come in."""
        self.app = app
        self.hosts = hosts
        self.is_foreign = is_foreign

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                own = headers.get(POLICY)  # of the report, which is a page by itself
                headers.update(SECURITY_HEADERS)
                if own is not None:
                    headers[POLICY] = own
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        if refusal is None:
            await self.app(scope, receive, send_dressed)
        else:
            status, message = refusal
            await fault(status, message)(scope, receive, send_dressed)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self.hosts.allows(hosts[0]):
            return 400, "This server does not answer to that Host name."
        if method in SAFE_METHODS:
            return None
        if self.is_foreign(headers):
            return 403, "Only this page may write: send Origin or Sec-Fetch-Site of this server."
        if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return 415, "Send application/json."
        length = headers.get("content-length", "")
        if not length.isascii() or not length.isdigit():
            return 411, "Send a Content-Length."
        if int(length) > MAX_BODY_BYTES:
            return 413, f"Send at most {MAX_BODY_BYTES} bytes."
        return None


def is_same_origin(headers: Headers) -> bool:
    """Whether the browser says that one of our own pages sent this request."""
    says_so = "origin" in headers or "sec-fetch-site" in headers
    return says_so and not comes_from_elsewhere(headers)


def comes_from_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that another site's page sent this request; programs say nothing."""
    origin = headers.get("origin")
    if origin is not None:
        # Host only: behind a proxy that ends TLS, the scheme differs and means nothing.
        _, separator, host = origin.partition("://")
        if not separator or host.lower() != headers["host"].lower():
            return True
    return headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}


def is_loopback_host(host: str) -> bool:
    """Whether listening on this host reaches only this machine."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:  # a name: whatever it resolves to, others may reach it
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:  # a name
        return False
    return True
