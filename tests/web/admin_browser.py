"""What the tests of the admin pages share: a server, a browser that must stay silent, axe-core."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request

from rather.web import pages
from rather.web.server import listen, server_of, url_of
from tests.web.fake_admin import Fake, create

STATIC = Path(pages.__file__).parent / "static"
AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: chromium)"),
    pytest.mark.skipif(
        not (STATIC / "index.html").is_file(),
        reason="the page is not built (npm ci && npm run build in frontend/)",
    ),
]


@dataclass
class Site:
    """Where the pages are, what stands behind them, and the noise a test expects."""

    address: str
    fake: Fake
    page: Page
    expected: list[str] = field(default_factory=list)
    """Parts of console lines that belong to the test: a refusal is one there."""

    def open(self, path: str) -> Page:
        """Go to a page and wait for its heading."""
        self.page.goto(self.address + path)
        self.page.get_by_role("heading", level=1).wait_for()
        return self.page


@pytest.fixture
def site(chromium: Browser) -> Iterator[Site]:
    """A page that makes no sound its test does not expect, over a server of its own."""
    fake = Fake()
    listener = listen("127.0.0.1", 0)
    server = server_of(create(fake, STATIC))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    noise: list[str] = []
    site = Site(url_of(listener), fake, _listened_to(context, noise))
    yield site
    context.close()
    server.should_exit = True
    thread.join(10)
    listener.close()
    assert not thread.is_alive()
    assert [line for line in noise if not any(part in line for part in site.expected)] == []


def _listened_to(context: BrowserContext, noise: list[str]) -> Page:
    page = context.new_page()

    def hear(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme != "blob" and parts.hostname != "127.0.0.1":
            noise.append(f"asked {request.url}")

    page.on("console", lambda line: noise.append(line.text) if line.type != "log" else None)
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("dialog", lambda dialog: noise.append(f"dialog {dialog.message}"))
    page.on("request", hear)
    return page


def serious(page: Page) -> list[str]:
    """What axe-core finds that is serious or worse, as one line each."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed (npm ci in frontend/)")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]
