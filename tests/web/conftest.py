"""A small workspace with a logged-in client, made anew for every test, on each back-end."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, sync_playwright

from rather.config.labelling import Checks, Labelling, Overlap
from rather.config.stages import Config
from rather.records import Completion, Labeller, Message, Prompt
from rather.store import completions, labellers, logins, prompts
from rather.store.database import Database
from rather.web import sessions
from rather.web.app import Outside, create_app

BASE_URL = "http://127.0.0.1:8470"
SECRET = b"a secret of a test, 32 bytes long"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser a file: while it runs, no other loop of asyncio can start in this thread."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def sees_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests change people and sessions behind the server's back; `test_sessions` does without."""
    monkeypatch.setattr(sessions, "SECONDS_TRUSTED", 0.0)


@pytest.fixture
def db(any_db: Database) -> Database:
    labellers.add(any_db, [Labeller("ann", "Ann", False), Labeller("bob", "Bob", False)])
    return any_db


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A stand-in for what `npm run build` makes."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "assets" / "index-1.js").write_text("export {}")
    (folder / "notice.css").write_text("p {}")
    (folder / "icon.svg").write_text("<svg/>")
    return folder


@pytest.fixture
def browser(db: Database) -> Callable[..., TestClient]:
    """Makes the browser of a labeller, or (None) of somebody who never logged in."""

    def make(app: FastAPI, labeller_id: str | None) -> TestClient:
        client = TestClient(app, base_url=BASE_URL, headers={"Sec-Fetch-Site": "same-origin"})
        if labeller_id is not None:
            token = logins.create_token(db, labeller_id, 60)
            assert client.get("/login", params={"token": token}, follow_redirects=False).is_redirect
        return client

    return make


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_minutes(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other processes write is seen by the next request, not a quarter of a second later."""
    monkeypatch.setattr("rather.web.worklist.SECONDS_BETWEEN_LOOKS", 0.0)


@pytest.fixture
def new_app(db: Database, static: Path, clock: Clock) -> Callable[..., FastAPI]:
    """Starts a server of the test's workspace, as the first one or after it; one judge an item
    and no checks, unless the settings of `label` say it otherwise."""

    def make(**label: Any) -> FastAPI:
        settings: dict[str, Any] = {
            "overlap": Overlap(shared_fraction=0),
            "checks": Checks(gold_fraction=0, repeat_fraction=0),
        }
        config = Config(label=Labelling(**settings | label))
        return create_app(
            db, config, "my-assistant", secret=SECRET, static=static, outside=Outside(now=clock)
        )

    return make


@pytest.fixture
def answered(db: Database) -> Database:
    """Four pairs: one for the first prompt, three for the second (one text came twice).

    The names of models and files must never reach a labeller.
    """
    answers = {"hello": ["Hi.", "Hello there."], "two": ["one", "*two*", "one", "three"]}
    asked = [Prompt(f"p_{say}", (Message("user", say),), "train", source="file") for say in answers]
    prompts.add(db, asked)
    given = [
        Completion(f"c_{say}_{n}", f"p_{say}", text, "secret-model", {"temperature": 0.7}, n)
        for say, texts in answers.items()
        for n, text in enumerate(texts)
    ]
    completions.add(db, given)
    return db


@pytest.fixture
def app(answered: Database, new_app: Callable[..., FastAPI]) -> FastAPI:
    return new_app()


@pytest.fixture
def ann(app: FastAPI, browser: Callable[..., TestClient]) -> TestClient:
    return browser(app, "ann")


@pytest.fixture
def bob(app: FastAPI, browser: Callable[..., TestClient]) -> TestClient:
    return browser(app, "bob")


@pytest.fixture
def stranger(app: FastAPI, browser: Callable[..., TestClient]) -> TestClient:
    return browser(app, None)
