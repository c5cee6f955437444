"""Pictures of the admin's pages: `python docs/admin_screenshots.py WORKSPACE FOLDER`.

The real app on a real workspace, for example what `rather demo` has made; it is served on a free
port of this machine while the pictures are taken, and nothing is judged.
"""

import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from rather.records import Labeller
from rather.report.page import render
from rather.stages.chat.playground import responder_of
from rather.stages.reporting import gather_report
from rather.store import labellers, logins, runs
from rather.web.app import Outside, create_app
from rather.web.server import listen, server_of, url_of
from rather.workspace import Workspace

SETTLE_MS = 1500
WIDTHS = {"1280": {"width": 1280, "height": 800}, "360": {"width": 360, "height": 740}}


def _nothing(_: Page) -> None:
    pass


def _first_item(page: Page) -> None:
    page.keyboard.press("j")
    page.keyboard.press("Enter")


def places(ws: Workspace) -> list[tuple[str, str, Callable[[Page], None]]]:
    """(name, path, what to press there)."""
    found = [
        ("overview", "/admin", _nothing),
        ("items", "/admin/items", _nothing),
        ("item", "/admin/items", _first_item),
        ("people", "/admin/people", _nothing),
        ("runs", "/admin/runs", _nothing),
        ("playground", "/playground", _nothing),
        ("report", "/api/admin/report", _nothing),
    ]
    known = runs.all(ws.db)
    found += [(f"run-{run.stage}", f"/admin/runs/{run.id}", _nothing) for run in known]
    return found


def main(folder: Path, out: Path) -> None:
    """Every admin page, light and dark, wide and narrow."""
    out.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with Workspace.open(folder) as ws, _served(ws) as (address, token), sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(reduced_motion="reduce")
        page = context.new_page()
        page.goto(f"{address}/login?token={token}")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for width, size in WIDTHS.items():
                page.set_viewport_size(size)
                for name, path, press in places(ws):
                    page.goto(address + path)
                    page.wait_for_timeout(SETTLE_MS)
                    press(page)
                    page.wait_for_timeout(SETTLE_MS if press is not _nothing else 0)
                    page.screenshot(path=out / f"{name}-{scheme}-{width}.png", full_page=True)
        browser.close()


@contextmanager
def _served(ws: Workspace) -> Iterator[tuple[str, str]]:
    labellers.add(ws.db, [Labeller("owner", "owner", is_simulated=False, role="admin")])
    outside = Outside(responder=responder_of(ws), report=lambda: render(gather_report(ws)))
    app = create_app(ws.db, ws.config, ws.root.name, secret=ws.secret, outside=outside)
    with listen("127.0.0.1", 0) as listener:
        server = server_of(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield url_of(listener), logins.create_token(ws.db, "owner", 600)
        server.should_exit = True
        thread.join(10)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
