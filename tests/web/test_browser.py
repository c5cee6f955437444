"""The page in a real browser, by keyboard; any console error or foreign request fails the test."""

import shutil
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from rather.config.stages import Config
from rather.records import Completion
from rather.store import completions, judgments, logins
from rather.store.database import Database
from rather.web.app import STATIC, create_app
from rather.web.server import listen, server_of, url_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: chromium)"),
    pytest.mark.skipif(
        not (STATIC / "index.html").is_file(),
        reason="the page is not built (npm ci && npm run build in frontend/)",
    ),
]


@pytest.fixture
def address(db: Database, app: FastAPI) -> Iterator[str]:
    """A server of the real, built page over the test's workspace with hostile texts added."""
    hostile = ["<img src=x onerror=alert(1)>\u202e", "![x](https://evil.example/x.png) <script>"]
    texts = [Completion(f"c_evil_{n}", "p_hello", text, "m") for n, text in enumerate(hostile)]
    completions.add(db, texts)
    listener = listen("127.0.0.1", 0)
    server = server_of(create_app(db, Config(), "my-assistant", secret=b"a secret"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield url_of(listener)
    server.should_exit = True
    thread.join(10)
    listener.close()
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page that must stay silent: no console error (CSP says its violations there), no dialog."""
    context = chromium.new_context()
    page = context.new_page()
    noise: list[str] = []

    def hear(request: Request) -> None:
        if urlsplit(request.url).hostname != "127.0.0.1":
            noise.append(f"asked {request.url}")

    page.on("console", lambda line: noise.append(line.text) if line.type != "log" else None)
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("dialog", lambda dialog: noise.append(dialog.message))
    page.on("request", hear)
    yield page
    context.close()
    # The browser itself notes that a request got no answer; the offline test wants exactly that.
    assert [line for line in noise if "ERR_INTERNET_DISCONNECTED" not in line] == []


@pytest.fixture
def labelling(db: Database, address: str, page: Page) -> Page:
    """Logged in by link, guidelines read, the first pair on screen."""
    page.goto(f"{address}/login?token={logins.create_token(db, 'ann', 60)}")
    expect(page).to_have_url(f"{address}/")
    expect(page.get_by_role("dialog")).to_contain_text("Before you start")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    return page


def armed(page: Page) -> None:
    button = page.get_by_role("button", name="A is better")
    expect(button).to_have_attribute("aria-disabled", "false", timeout=10_000)


def test_a_session_by_keyboard(labelling: Page, db: Database) -> None:
    for number, key in enumerate(["1", "2", "3", "4", "ArrowLeft"], start=1):
        armed(labelling)
        left = labelling.get_by_role("article", name="Answer A").inner_text()
        labelling.keyboard.press(key)
        expect(labelling.get_by_role("status")).to_have_text("Saved · Undo (u)")
        expect(labelling.locator(".progress span")).to_have_text(f"{number} of 9")
    choices = [one.answer["choice"] for one in judgments.live(db)]
    assert choices == ["A", "B", "tie", "both_bad", "A"]
    assert all(one.labeller_id == "ann" for one in judgments.all(db))
    assert all((one.ms_to_decision or 0) >= 1000 for one in judgments.all(db))

    labelling.keyboard.press("u")
    expect(labelling.get_by_role("status")).to_have_text("Taken back")
    expect(labelling.get_by_role("article", name="Answer A")).to_have_text(
        left, use_inner_text=True
    )
    assert [one.answer["choice"] for one in judgments.live(db)] == ["A", "B", "tie", "both_bad"]
    assert judgments.all(db)[-1].is_retraction


def test_keys_are_deaf_until_both_answers_were_seen_for_a_second(
    labelling: Page, db: Database
) -> None:
    labelling.keyboard.press("1")
    labelling.keyboard.press("2")
    armed(labelling)
    assert judgments.all(db) == []


def test_a_double_press_is_one_judgment(labelling: Page, db: Database) -> None:
    armed(labelling)
    labelling.keyboard.press("1")
    labelling.keyboard.press("1")
    labelling.keyboard.press("2")
    expect(labelling.locator(".progress span")).to_have_text("1 of 9")
    assert [one.answer["choice"] for one in judgments.all(db)] == ["A"]


def test_undo_during_the_advance_takes_back_what_was_just_said(
    labelling: Page, db: Database
) -> None:
    armed(labelling)
    text = labelling.get_by_role("main").inner_text()
    labelling.keyboard.press("1")
    labelling.keyboard.press("u")
    expect(labelling.get_by_role("status")).to_have_text("Taken back")
    expect(labelling.get_by_role("main")).to_have_text(text, use_inner_text=True)
    assert judgments.live(db) == []


def test_a_judgment_made_offline_waits_and_arrives_once(labelling: Page, db: Database) -> None:
    armed(labelling)
    labelling.context.set_offline(True)
    labelling.keyboard.press("2")
    expect(labelling.get_by_role("alert")).to_contain_text("Your judgment is kept")
    assert judgments.all(db) == []
    labelling.context.set_offline(False)
    expect(labelling.get_by_role("status")).to_have_text("Saved · Undo (u)", timeout=20_000)
    expect(labelling.get_by_role("alert")).to_be_empty()
    assert [one.answer["choice"] for one in judgments.all(db)] == ["B"]


def test_a_judgment_made_offline_survives_closing_the_page(
    labelling: Page, db: Database, address: str
) -> None:
    armed(labelling)
    labelling.context.set_offline(True)
    labelling.keyboard.press("3")
    expect(labelling.get_by_role("alert")).to_contain_text("Your judgment is kept")
    labelling.goto("about:blank")
    labelling.context.set_offline(False)
    labelling.goto(address)
    expect(labelling.locator(".progress span")).to_have_text("1 of 9")
    assert [one.answer["choice"] for one in judgments.all(db)] == ["tie"]


def test_help_guidelines_and_skip(labelling: Page) -> None:
    dialog = labelling.get_by_role("dialog")
    labelling.keyboard.press("?")
    expect(dialog).to_contain_text("Take back the last judgment")
    labelling.keyboard.press("Escape")
    labelling.keyboard.press("g")
    expect(dialog).to_contain_text("Choose the answer you would rather have received.")
    labelling.keyboard.press("g")
    expect(dialog).to_have_count(0)
    before = labelling.get_by_role("main").inner_text()
    labelling.keyboard.press("n")
    expect(labelling.get_by_role("main")).not_to_have_text(before, use_inner_text=True)


def test_the_end_says_what_is_next(labelling: Page, db: Database, address: str) -> None:
    headers = {"Sec-Fetch-Site": "same-origin"}
    for number in range(8):
        shown = labelling.request.get(f"{address}/api/next").json()
        said = {
            "item_id": shown["item_id"],
            "choice": "tie",
            "ms_to_decision": 1500,
            "idempotency_key": f"other-tab-{number}",
            "guidelines_hash": shown["guidelines"]["hash"],
        }
        reply = labelling.request.post(f"{address}/api/judgments", data=said, headers=headers)
        assert reply.ok
    labelling.reload()
    armed(labelling)
    labelling.keyboard.press("1")
    expect(labelling.get_by_role("heading", name="All done: 9 judgments")).to_be_visible()
    expect(labelling.get_by_role("main")).to_contain_text("Next: rather reward")
    assert len(judgments.live(db)) == 9


def test_a_small_screen_asks_to_scroll_to_the_second_answer(labelling: Page) -> None:
    labelling.set_viewport_size({"width": 360, "height": 320})
    labelling.reload()
    assert labelling.evaluate("document.documentElement.scrollWidth") == 360
    expect(labelling.locator(".hint")).to_have_text("Scroll to see both answers")
    labelling.wait_for_timeout(1500)
    button = labelling.get_by_role("button", name="A is better")
    expect(button).to_have_attribute("aria-disabled", "true")
    labelling.keyboard.press("End")
    armed(labelling)
