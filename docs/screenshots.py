"""Pictures of every page and state: `python docs/screenshots.py FOLDER [NAME...]`.

The real app on a workspace made up here; light and dark, 1280 and 360 pixels wide. It needs the
built page (`make setup`), Chromium, and playwright (the package's `dev` extra).
"""

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page, Route, sync_playwright
from screenshot_texts import GUIDELINES, HOSTILE, LONG, NUM_ANSWERS, QUESTIONS, RIGHT_TO_LEFT

from rather.config.labelling import Checks, Labelling, Overlap
from rather.config.stages import Config
from rather.records import Completion, Labeller, Message, Prompt
from rather.store import completions, labellers, logins, prompts
from rather.store.database import Database
from rather.web.app import create_app
from rather.web.server import listen, server_of, url_of


class Shot(NamedTuple):
    """One state: what is asked, and how to get there from the first task."""

    name: str
    kind: str
    go: Callable[[Page], None]
    label: dict[str, Any]
    texts: str = "usual"


def stay(page: Page) -> None:
    """Reads: answers count as seen once they were on screen."""
    page.wait_for_timeout(100)
    for _ in range(12):
        if page.locator(".bar.unseen").count() == 0:
            break
        page.mouse.wheel(0, 400)
        page.wait_for_timeout(100)
    page.evaluate("scrollTo(0, 0)")
    page.locator(".bar:not(:has(.picked)).armed").wait_for()


def _keys(*keys: str) -> Callable[[Page], None]:
    def go(page: Page) -> None:
        stay(page)
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_timeout(250)

    return go


def _saved(page: Page) -> None:
    _keys("1")(page)
    page.get_by_role("status").get_by_text("Saved").wait_for()


def _chosen(page: Page) -> None:
    stay(page)
    page.keyboard.press("1")
    page.wait_for_timeout(120)


def _written(page: Page) -> None:
    stay(page)
    page.keyboard.press("e")
    page.keyboard.press("Control+End")
    page.keyboard.type(" And put it back into the light afterwards.")
    page.wait_for_timeout(200)


def _suggested(page: Page) -> None:
    stay(page)
    page.keyboard.press("e")
    page.keyboard.press("Control+End")
    page.keyboard.type(" It lives for months.")
    page.wait_for_timeout(200)


def _history(page: Page) -> None:
    for key in ("1", "3", "2"):
        stay(page)
        page.keyboard.press(key)
        page.locator(".picked").wait_for(state="detached")
    page.keyboard.press("h")
    page.locator(".entry").nth(2).wait_for()


def _revising(page: Page) -> None:
    _history(page)
    page.get_by_role("button", name="Change").first.click()
    page.locator(".bar.armed").wait_for()


def _ended(page: Page) -> None:
    for _ in QUESTIONS:
        stay(page)
        page.keyboard.press("1")
        page.locator(".picked").wait_for(state="detached")
    page.get_by_role("heading", name="All done").wait_for()


def _offline(page: Page) -> None:
    stay(page)
    page.context.set_offline(True)
    page.keyboard.press("2")
    page.get_by_text("kept in this browser").wait_for()
    page.wait_for_timeout(500)


def _refused(page: Page) -> None:
    stay(page)
    reply = '{"error": {"message": "You have judged this already.", "code": "already_judged"}}'
    page.route("**/api/judgments", lambda route: route.fulfill(status=409, body=reply))
    page.keyboard.press("2")
    page.get_by_role("button", name="Look").click()


def _next_says(**change: Any) -> Callable[[Page], None]:
    def go(page: Page) -> None:
        def answer(route: Route) -> None:
            reply = route.fetch()
            route.fulfill(response=reply, json=reply.json() | change)

        page.route("**/api/next*", answer)
        page.reload()
        page.wait_for_timeout(1500)

    return go


def _signed_out(page: Page) -> None:
    stay(page)
    page.context.clear_cookies()
    page.keyboard.press("1")
    page.get_by_role("heading", name="Your session has ended").wait_for()


WARNING = "Please read the guidelines again: some of your answers differ from what is known."
THREE = ("helpful", "harmless", "honest")
SHOTS = [
    Shot("pair", "pair", stay, {}),
    Shot("pair-chosen", "pair", _chosen, {}),
    Shot("pair-saved", "pair", _saved, {}),
    Shot("pair-long", "pair", stay, {}, "long"),
    Shot("pair-hostile", "pair", stay, {}, "hostile"),
    Shot("pair-rtl", "pair", stay, {}, "rtl"),
    Shot("pair-raw", "pair", _keys("m"), {}, "hostile"),
    Shot("pair-strength", "pair", _keys("1"), {"ask_strength": True}),
    Shot("pair-dimensions", "pair", _keys("x", "1", "3"), {"dimensions": THREE}),
    Shot("pair-comment", "pair", _keys("c"), {}),
    Shot("pair-suggest", "pair", _suggested, {}),
    Shot("pair-skip", "pair", _keys("s"), {}),
    Shot("pair-flag", "pair", _keys("f"), {}),
    Shot("keys", "pair", _keys("?"), {}),
    Shot("guidelines", "pair", _keys("g"), {}),
    Shot("ranking", "ranking", _keys("2", "j", "1", "j", "2"), {}),
    Shot("demonstration", "demonstration", _written, {}),
    Shot("correction", "correction", _written, {}),
    Shot("thumb", "thumb", stay, {}),
    Shot("history", "pair", _history, {}),
    Shot("revising", "pair", _revising, {}),
    Shot("end", "pair", _ended, {}),
    Shot("offline", "pair", _offline, {}),
    Shot("refused", "pair", _refused, {}),
    Shot("notice", "pair", _next_says(notice=WARNING), {}),
    Shot("paused", "pair", _next_says(tasks=[], is_paused=True, notice=WARNING), {}),
    Shot("signed-out", "pair", _signed_out, {}),
]
FORMS: dict[str, dict[str, Any]] = {
    "light-1280": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark-1280": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "light-360": {
        "color_scheme": "light", "viewport": {"width": 360, "height": 740}, "has_touch": True,
    },
    "dark-360": {
        "color_scheme": "dark", "viewport": {"width": 360, "height": 740}, "has_touch": True,
    },
}  # fmt: skip


def main(folder: Path, names: list[str], forms: list[str]) -> None:
    """Take them all, or those named."""
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for shot in SHOTS:
            if names and shot.name not in names:
                continue
            for form in forms or FORMS:
                take(browser, shot, form, folder / f"{shot.name}-{form}.png")
        browser.close()


def take(browser: Browser, shot: Shot, form: str, path: Path) -> None:
    """One picture, from a workspace of its own."""
    with tempfile.TemporaryDirectory() as folder, _site(shot, Path(folder)) as address:
        context = browser.new_context(**FORMS[form], reduced_motion="reduce")
        page = context.new_page()
        page.goto(address)
        page.get_by_role("dialog").wait_for()
        page.keyboard.press("Enter")
        shot.go(page)
        page.screenshot(path=path)
        context.close()
    print(path, flush=True)


@contextmanager
def _site(shot: Shot, folder: Path) -> Iterator[str]:
    settings: dict[str, Any] = {
        "kind": shot.kind,
        "guidelines": GUIDELINES,
        "overlap": Overlap(shared_fraction=0),
        "checks": Checks(gold_fraction=0, repeat_fraction=0),
    }
    config = Config(label=Labelling(**settings | shot.label))
    with Database.open(folder / "rather.db", create=True) as db:
        fill(db, shot.kind, shot.texts)
        with served(db, config, "house-plants") as address:
            yield address


@contextmanager
def served(db: Database, config: Config, title: str) -> Iterator[str]:
    """The app on a free port of this machine: the link by which Ann comes in."""
    labellers.add(db, [Labeller("ann", "Ann", False)])
    listener = listen("127.0.0.1", 0)
    server = server_of(create_app(db, config, title, secret=b"s" * 32))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"{url_of(listener)}/login?token={logins.create_token(db, 'ann', 60)}"
    server.should_exit = True
    thread.join(10)
    listener.close()


def fill(db: Database, kind: str, texts: str = "usual") -> None:
    """The made-up questions, with as many answers each as the kind of task shows."""
    questions = [RIGHT_TO_LEFT] if texts == "rtl" else list(QUESTIONS.items())
    for number, (asked, answers) in enumerate(questions):
        if texts == "long":
            answers = [LONG, "Short.", *answers]
        if texts == "hostile":
            answers = list(HOSTILE)
        prompts.add(db, [Prompt(f"p_{number}", (Message("user", asked),), "train")])
        completions.add(
            db,
            [
                Completion(f"c_{number}_{place}", f"p_{number}", text, "demo", seed=place)
                for place, text in enumerate(answers[: NUM_ANSWERS[kind]])
            ],
        )


if __name__ == "__main__":
    wanted = [name for name in sys.argv[2:] if name not in FORMS]
    main(Path(sys.argv[1]), wanted, [name for name in sys.argv[2:] if name in FORMS])
