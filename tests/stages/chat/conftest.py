"""A server whose versions say their names, on a real socket."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rather.serving.feedback.joining import FromUse
from tests.serving.conftest import Running
from tests.serving.feedback.conftest import KEPT, Parrot, db, parrot, serve

__all__ = ["db", "parrot", "serve"]  # fixtures


@pytest.fixture
def served(serve: Callable[..., tuple[Any, FromUse]], parrot: Parrot) -> Iterator[str]:
    """Its address."""
    client, _ = serve(**KEPT)
    running = Running(client.app, parrot)  # type: ignore[arg-type]
    yield running.url
    running.close()
