"""Every state: readable by a screen reader, on a phone, at 200 % zoom, and inert under attack."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from rather.records import Completion, Message, Prompt
from rather.store import completions, judgments, prompts
from rather.store.database import Database

AXE = Path(__file__).parents[3] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
SEVERE = {"serious", "critical"}
WARNING = "Please read the guidelines again."
HOSTILE = [
    "<img src=x onerror=alert(1)> <svg onload=alert(2)> \u202edetrever\u202c zero\u200bwidth",
    "[press](javascript:alert(3)) ![x](https://evil.example/x.png) <script>alert(4)</script>",
]


def findings(page: Page) -> list[str]:
    """What axe-core calls serious or critical."""
    page.evaluate(AXE.read_text("utf-8"))
    result = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {[node['target'] for node in one['nodes']]}"
        for one in result["violations"]
        if one["impact"] in SEVERE
    ]


def ready(page: Page) -> None:
    expect(page.locator(".bar.armed")).to_have_count(1, timeout=10_000)
    expect(page.locator(".bar .picked")).to_have_count(0)


def says(page: Page, **change: Any) -> None:
    """Changes what the server tells with the next tasks."""

    def answer(route: Route) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, json=reply.json() | change)

    page.route("**/api/next*", answer)
    page.reload()


def press(*keys: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        ready(page)
        for key in keys:
            page.keyboard.press(key)

    return act


def _history(page: Page) -> None:
    press("1")(page)
    press("h")(page)
    expect(page.locator(".entry")).to_have_count(1)


def _refused(page: Page) -> None:
    page.route("**/api/judgments", lambda route: route.fulfill(status=409, body="{}"))
    press("c")(page)
    page.keyboard.type("why")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.get_by_role("button", name="Look").click()


def _offline(page: Page) -> None:
    ready(page)
    page.context.set_offline(True)
    page.keyboard.press("1")
    expect(page.locator(".trouble p")).to_have_count(1)


def _signed_out(page: Page) -> None:
    ready(page)
    page.context.clear_cookies()
    page.keyboard.press("1")
    expect(page.get_by_role("heading", name="Your session has ended")).to_be_visible()


def _paused(page: Page) -> None:
    says(page, tasks=[], is_paused=True, notice=WARNING)
    expect(page.get_by_role("heading", name="Labelling is paused for you")).to_be_visible()


def _notice(page: Page) -> None:
    says(page, notice=WARNING)
    expect(page.get_by_text(WARNING)).to_be_visible()
    ready(page)


def _end(page: Page) -> None:
    says(
        page, tasks=[], progress={"done": 3, "remaining": 0, "goal": 3, "done_today": 3, "team": 9}
    )
    expect(page.get_by_role("heading", name="All done: 3 judgments")).to_be_visible()


STATES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "pair": ("pair", ready),
    "chosen": ("pair", press("1")),
    "dimensions": ("pair", press("x", "1")),
    "strength": ("pair", press("1")),
    "comment": ("pair", press("c")),
    "suggest": ("pair", press("e")),
    "skip": ("pair", press("s")),
    "keys": ("pair", press("?")),
    "guidelines": ("pair", press("g")),
    "raw": ("pair", press("m")),
    "ranking": ("ranking", press("1", "j", "2")),
    "demonstration": ("demonstration", ready),
    "correction": ("correction", press("e", "x")),
    "thumb": ("thumb", ready),
    "history": ("pair", _history),
    "refused": ("pair", _refused),
    "offline": ("pair", _offline),
    "signed out": ("pair", _signed_out),
    "paused": ("pair", _paused),
    "notice": ("pair", _notice),
    "end": ("pair", _end),
}
LABEL: dict[str, dict[str, Any]] = {
    "dimensions": {"dimensions": ("helpful", "harmless")},
    "strength": {"ask_strength": True},
}


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not here (npm ci in frontend/)")
@pytest.mark.parametrize("state", STATES)
def test_a_screen_reader_finds_its_way(state: str, new_site: Callable[..., Any]) -> None:
    kind, go = STATES[state]
    page = new_site(kind, context={"reduced_motion": "reduce"}, **LABEL.get(state, {})).log_in()
    go(page)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert findings(page) == [], scheme


SMALL_TARGETS = """
() => [...document.querySelectorAll('button, a[href], textarea, input, .chip')]
  .filter(one => one.checkVisibility() && !one.closest('p') && !one.closest('.text'))
  .map(one => [one, (one.closest('label') ?? one).getBoundingClientRect()])
  .filter(([, box]) => box.height < 44 || box.width < 36)
  .map(([one, box]) => `${one.className} ${one.textContent} ${box.width}x${box.height}`)
"""


@pytest.mark.parametrize("kind", ["pair", "ranking", "demonstration", "correction", "thumb"])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(
    kind: str, new_site: Callable[..., Any], read_through: Callable[[Page], None]
) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    label = {"dimensions": ("helpful", "harmless"), "ask_strength": True} if kind == "pair" else {}
    page = new_site(kind, context=phone, **label).log_in()
    read_through(page)
    ready(page)
    page.get_by_role("button", name="More").tap()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate(SMALL_TARGETS) == []
    if kind == "pair":
        page.get_by_role("button", name="A is better").tap()
        expect(page.get_by_role("button", name="Slightly")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert page.evaluate(SMALL_TARGETS) == []


@pytest.mark.parametrize("kind", ["pair", "ranking", "demonstration", "correction", "thumb"])
def test_at_200_percent_the_bar_leaves_room_to_read(
    kind: str, new_site: Callable[..., Any]
) -> None:
    """1280 x 800 at 200 % is a window of 640 x 400."""
    page = new_site(kind, context={"viewport": {"width": 640, "height": 400}}).log_in()
    assert page.evaluate("document.documentElement.scrollWidth") == 640
    assert page.locator(".bar").evaluate("bar => getComputedStyle(bar).position") == "static"


def test_a_small_screen_asks_to_scroll_to_the_second_answer(new_site: Callable[..., Any]) -> None:
    page = new_site(context={"viewport": {"width": 360, "height": 300}}).log_in()
    expect(page.locator(".hint")).to_have_text("Scroll to see both answers")
    page.wait_for_timeout(1500)
    button = page.get_by_role("button", name="A is better")
    expect(button).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("End")
    ready(page)


def test_long_answers_are_cut_at_the_same_height_until_all_is_wanted(
    new_site: Callable[..., Any], db: Database
) -> None:
    site = new_site(num_prompts=0)
    prompts.add(db, [Prompt("p_long", (Message("user", "long"),), "train")])
    texts = ["\n\n".join(["word"] * 40), "\n\n".join(["word"] * 80)]
    completions.add(db, [Completion(f"c_{n}", "p_long", text, "m") for n, text in enumerate(texts)])
    page = site.log_in()
    heights = "[...document.querySelectorAll('article > .text')].map(one => one.clientHeight)"
    short = page.evaluate(heights)
    assert short[0] == short[1] == 480
    page.keyboard.press("o")
    expect(page.get_by_role("button", name="Show less")).to_be_visible()
    assert min(page.evaluate(heights)) > 1000


def test_hostile_texts_are_shown_and_do_nothing(new_site: Callable[..., Any], db: Database) -> None:
    """The profile fails the test on any dialog, foreign request, CSP or console message."""
    site = new_site(num_prompts=0)
    prompts.add(db, [Prompt("p_evil", (Message("user", HOSTILE[0]),), "train")])
    completions.add(
        db, [Completion(f"c_{n}", "p_evil", text, "m") for n, text in enumerate(HOSTILE)]
    )
    page = site.log_in()
    ready(page)
    prompt = page.get_by_role("region", name="Prompt")
    expect(prompt).to_contain_text("<img src=x onerror=alert(1)> <svg onload=alert(2)> ⟨U+202E⟩")
    expect(prompt).to_contain_text("zero⟨U+200B⟩width")
    hrefs = page.locator("main a").evaluate_all("links => links.map(link => link.href)")
    assert hrefs == ["https://evil.example/x.png"]
    assert page.locator("main :is(img, svg, script)").count() == 0
    page.keyboard.press("m")
    expect(page.get_by_role("main")).to_contain_text("[press](javascript:alert(3))")
    page.keyboard.press("1")
    page.keyboard.press("h")
    expect(page.locator(".entry")).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("main :is(img, svg, script)").count() == 0
    assert len(judgments.live(db)) == 1


def test_guidelines_that_changed_are_shown_again(new_site: Callable[..., Any]) -> None:
    page = new_site().log_in()
    page.reload()
    ready(page)
    expect(page.get_by_role("dialog")).to_have_count(0)
    says(page, guidelines={"html": "<p>New rules.</p>", "hash": "f" * 12})
    expect(page.get_by_role("dialog")).to_contain_text("New rules.")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
