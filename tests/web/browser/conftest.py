"""The real app and the built page in Chromium; whatever is said on the console fails the test."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from rather.config.labelling import Checks, Labelling, Overlap
from rather.config.stages import Config
from rather.records import Completion, Labeller, Message, Prompt
from rather.store import completions, labellers, logins, prompts
from rather.store.database import Database
from rather.web.app import STATIC, create_app
from rather.web.server import listen, server_of, url_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
EXPECTED_NOISE = ("ERR_INTERNET_DISCONNECTED", "status of 409", "status of 503", "status of 401")
"""What the browser itself notes of requests that a test wants to fail."""
TELLS_VIOLATIONS = """
addEventListener('securitypolicyviolation', event => console.error('CSP', event.blockedURI));
"""
ANSWERS = {"pair": 2, "ranking": 4, "demonstration": 0, "correction": 1, "thumb": 1}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a browser and the built page."""
    here = __file__.rpartition("/")[0]
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium here (Debian: chromium)"))
            elif not (STATIC / "index.html").is_file():
                item.add_marker(pytest.mark.skip(reason="the page is not built (make setup)"))


def fill(db: Database, kind: str, num_prompts: int) -> None:
    """Prompts "question 1" and on, each with the answers its kind of task needs."""
    numbers = range(1, num_prompts + 1)
    prompts.add(
        db, [Prompt(f"p_{n}", (Message("user", f"question {n}"),), "train") for n in numbers]
    )
    completions.add(
        db,
        [
            Completion(f"c_{n}_{k}", f"p_{n}", f"answer {k} to {n}", "secret-model", seed=k)
            for n in numbers
            for k in range(1, ANSWERS[kind] + 1)
        ],
    )


@contextmanager
def served(db: Database, label: Labelling) -> Iterator[str]:
    """The address of a server of the real, built page over a store."""
    listener = listen("127.0.0.1", 0)
    app = create_app(db, Config(label=label), "my-assistant", secret=b"s" * 32)
    server = server_of(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield url_of(listener)
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
    assert not thread.is_alive()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """SQLite alone: what PostgreSQL does is tested below, and a browser sees no difference."""
    with Database.open(tmp_path / "rather.db", create=True) as db:
        labellers.add(db, [Labeller("ann", "Ann", False), Labeller("bob", "Bob", False)])
        yield db


@pytest.fixture
def new_context(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browser profiles whose pages must stay silent: no error, no dialog, no foreign host."""
    noise: list[str] = []
    made: list[BrowserContext] = []

    def hear(request: Request) -> None:
        if urlsplit(request.url).hostname != "127.0.0.1":
            noise.append(f"asked {request.url}")

    def listen_to(page: Page) -> None:
        page.on("console", lambda line: noise.append(line.text) if line.type != "log" else None)
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.on("dialog", lambda dialog: noise.append(dialog.message))
        page.on("request", hear)

    def make(**options: Any) -> BrowserContext:
        context = chromium.new_context(**options)
        context.add_init_script(TELLS_VIOLATIONS)
        context.on("page", listen_to)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()
    assert [line for line in noise if not any(known in line for known in EXPECTED_NOISE)] == []


class Site:
    """A server somebody can log in to."""

    def __init__(self, db: Database, address: str, context: BrowserContext) -> None:
        self.db = db
        self.address = address
        self.context = context

    def log_in(self, labeller_id: str = "ann", context: BrowserContext | None = None) -> Page:
        """A page on the first task, guidelines read."""
        page = (context or self.context).new_page()
        page.goto(f"{self.address}/login?token={logins.create_token(self.db, labeller_id, 60)}")
        expect(page.get_by_role("dialog")).to_contain_text("Before you start")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_have_count(0)
        return page


def read(page: Page) -> None:
    """Scroll through all of it: an answer that a jump leaves out was not on screen."""
    page.keyboard.press("Home")
    for _ in range(8):
        page.keyboard.press("PageDown")
        page.wait_for_timeout(150)


@pytest.fixture
def read_through() -> Callable[[Page], None]:
    return read


@pytest.fixture
def new_site(
    db: Database, new_context: Callable[..., BrowserContext]
) -> Iterator[Callable[..., Site]]:
    """Starts a server of a filled workspace; one judge an item and no checks unless told."""
    running: list[Any] = []
    contexts: list[BrowserContext] = []

    def make(kind: str = "pair", num_prompts: int = 12, context: Any = None, **label: Any) -> Site:
        fill(db, kind, num_prompts)
        settings: dict[str, Any] = {
            "kind": kind,
            "overlap": Overlap(shared_fraction=0),
            "checks": Checks(gold_fraction=0, repeat_fraction=0),
        }
        server = served(db, Labelling(**settings | label))
        running.append(server)
        contexts.append(new_context(**(context or {})))
        return Site(db, server.__enter__(), contexts[-1])

    yield make
    for context in contexts:  # before the servers: a page may be asking just now
        context.close()
    for server in running:
        server.__exit__(None, None, None)
