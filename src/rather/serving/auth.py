"""Who is asking: a key's owner where the workspace has keys, else whoever reaches the server."""

import math
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from rather.serving.context import Context, CurrentContext
from rather.store.serving.api_keys import Role, hash_of
from rather.web.replies import Refusal

PUBLIC_PATHS = frozenset({"/health"})
FREE_TRIES = 20
"""Keys that do not open, from one address, before it must wait."""
SECONDS_A_TRY = 3.0
SCHEME = "bearer "


@dataclass(frozen=True)
class Caller:
    """Who sends a request."""

    id: str
    """A key's id, or an address; takes turns with the others."""
    name: str
    role: Role | None
    """None for somebody without a key."""


async def current_caller(request: Request, context: CurrentContext) -> Caller:
    """Whose key came with the request; while no client has one, anybody's."""
    keys = (await context.register.known()).keys
    address = request.client.host if request.client else ""
    is_open = not any(key.role == "client" for key in keys.values())
    header = request.headers.get("authorization", "")
    if not header.lower().startswith(SCHEME):
        if is_open:
            return Caller(address, address, None)
        raise _locked("This server wants an API key: send `Authorization: Bearer KEY`.")
    if not is_open:
        _may_try(context, address)
    key = keys.get(hash_of(header[len(SCHEME) :].strip()))
    if key is not None:
        return Caller(key.id, key.name, key.role)
    if is_open:  # clients that must send some key send any
        return Caller(address, address, None)
    context.tries.failed(address)
    raise _locked("This API key does not open anything here; ask for another.")


CurrentCaller = Annotated[Caller, Depends(current_caller)]


async def deny_by_default(request: Request, context: CurrentContext) -> None:
    """Let only callers through, except to the routes that say they are public."""
    # The path that was routed; `request.url` is put together with the Host header.
    if request.scope["path"] not in PUBLIC_PATHS:
        await current_caller(request, context)


async def current_admin(caller: CurrentCaller) -> Caller:
    """The admin whose key came with the request; to all others everything behind is closed."""
    if caller.role != "admin":
        raise Refusal(
            403,
            "This needs an admin's key: `rather key NAME --role admin` makes one.",
            code="admins_only",
        )
    return caller


CurrentAdmin = Annotated[Caller, Depends(current_admin)]


def _may_try(context: Context, address: str) -> None:
    wait = context.tries.seconds_to_wait(address)
    if wait > 0:
        raise Refusal(
            429, f"Too many keys that do not open; try again in {math.ceil(wait)} seconds."
        )


def _locked(message: str) -> Refusal:
    return Refusal(401, message, code="invalid_api_key")
