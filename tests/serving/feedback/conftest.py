"""The served API with a backend that says who it is, and feedback joined to it."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rather.config.loading import load
from rather.records import ModelVersion
from rather.serving.app import create_app
from rather.serving.backend import Piece, Wish
from rather.serving.feedback.joining import FromUse, from_use
from rather.store import versions
from rather.store.database import Database
from rather.store.serving import aliases

SECRET = b"a secret of a test, 32 bytes long"
KEPT = {"serve.keep": "texts"}


class Codec:
    """As many tokens as characters."""

    is_chat = True
    context = 1000
    fingerprint = "f"

    def shown(self, prompt: Any) -> str:
        return "".join(one.content for one in prompt.messages)

    def shown_ids(self, prompt: Any, shown: str) -> tuple[int, ...]:
        return (1,) * len(shown)

    def text_ids(self, prompt: Any) -> tuple[int, ...]:
        return self.shown_ids(prompt, self.shown(prompt))


class Parrot:
    """Every version says its name, the seed, and what it was told to say."""

    says = ""
    holds_whole_models = False

    async def start(self) -> None:
        """It is ready."""

    async def close(self, grace_s: float) -> None:
        """It has nothing."""

    async def generate(self, wish: Wish) -> AsyncIterator[Piece]:
        for number, seed in enumerate(wish.seeds):
            yield Piece(number, f"I am {wish.model}, ", 2)
            yield Piece(number, f"{seed}. {self.says}", 3, finish_reason="stop")

    def is_healthy(self) -> bool:
        return True

    def loaded(self) -> tuple[str, ...]:
        return ("ppo-1", "ppo-2")

    def why_over(self) -> None:
        return None

    def notes(self) -> tuple[str, ...]:
        return ()

    def gauges(self) -> dict[str, float]:
        return {}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "rather.db", create=True) as db:
        for name in ("ppo-1", "ppo-2"):
            made = ModelVersion(
                name, "ppo", "embedded", (), f"run-{name}", f"models/{name}", "2026-01-01"
            )
            versions.register(db, made)
        aliases.switch(db, "prod", "ppo-1", "a test")
        yield db


@pytest.fixture
def parrot() -> Parrot:
    return Parrot()


@pytest.fixture
def serve(db: Database, parrot: Parrot) -> Callable[..., tuple[TestClient, FromUse]]:
    """A client of a server with these settings, and what it keeps."""

    def make(now: Callable[[], float] | None = None, **settings: Any) -> tuple[TestClient, FromUse]:
        config = load(None, {"model": "embedded", **settings})
        use = from_use(db, SECRET, config.serve)
        app = create_app(
            db,
            config,
            Codec(),  # type: ignore[arg-type]
            parrot,  # type: ignore[arg-type]
            base_fingerprint="b",
            outside=use.outside,
        )
        use.join(app)
        return TestClient(app, base_url="http://127.0.0.1"), use

    return make


@pytest.fixture
def api(serve: Callable[..., tuple[TestClient, FromUse]]) -> TestClient:
    return serve(**KEPT)[0]


def chat(api: TestClient, text: str = "Why?", **more: Any) -> dict[str, Any]:
    body = {"model": "prod", "messages": [{"role": "user", "content": text}], **more}
    reply = api.post("/v1/chat/completions", json=body)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found
