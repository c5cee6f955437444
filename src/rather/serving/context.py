"""What every route needs, and what the server asks of others."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends
from starlette.requests import Request

from rather.config.stages import Config
from rather.records import Message
from rather.serving.backend import Backend, EndReason
from rather.serving.catalog import Catalog, Choose, as_it_is
from rather.serving.metrics import Metrics
from rather.serving.reading import Reader
from rather.serving.register import Register
from rather.store.database import Database
from rather.web.limiter import Tries


@dataclass(frozen=True)
class ServedCompletion:
    """What a client was given of one completion."""

    number: int
    """Of the choice in the reply."""
    seed: int
    text: str
    num_tokens: int
    finish_reason: EndReason | None
    """None where the client left, or the engine broke, before its end."""


@dataclass(frozen=True)
class Served:
    """One answered prompt of a request, as it was."""

    id: str
    """Of the reply; its completions are told apart by their numbers."""
    created: int
    """Seconds since 1970."""
    client: str
    """Whose request it was: a key's id, or an address."""
    asked: str
    """The model as the client named it, perhaps an alias."""
    version: str
    """Who answered."""
    messages: tuple[Message, ...]
    is_text: bool
    """Whether it was a plain text to go on with (one nameless user turn)."""
    sampling: Mapping[str, Any]
    """temperature, top_p, max_new_tokens."""
    completions: tuple[ServedCompletion, ...]
    num_choices: int
    """Of the whole reply, which may have answered several prompts."""


async def let_go(served: Served) -> None:
    """Keep nothing."""


@dataclass(frozen=True)
class Outside:
    """What the server asks of others."""

    now: Callable[[], float] = time.time
    """Seconds since 1970."""
    served: Callable[[Served], Awaitable[None]] = let_go
    """Hears of every request that was answered, before its last byte goes out where it can."""
    choose: Choose = as_it_is
    """Which version answers for an alias."""


NOBODY = Outside()
"""Nothing is kept, and an alias is what it means."""


@dataclass(frozen=True)
class Context:
    """One workspace, as its API sees it."""

    db: Database
    config: Config
    reader: Reader
    """By the base's codec: every version was trained with the same."""
    base_fingerprint: str
    backend: Backend
    register: Register
    catalog: Catalog
    metrics: Metrics
    tries: Tries
    """Keys that did not open, by address."""
    outside: Outside


async def context_of(request: Request) -> Context:
    """The context that `create_app` has put into the app."""
    return cast(Context, request.app.state.context)


CurrentContext = Annotated[Context, Depends(context_of)]
