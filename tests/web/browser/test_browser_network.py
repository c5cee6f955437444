"""The page without a network, in two tabs, and where the server says no."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from rather.store import judgments, logins
from rather.store.database import Database

REFUSAL = '{"error": {"message": "You have judged this already.", "code": "already_judged"}}'


def armed(page: Page) -> None:
    expect(page.locator(".bar .picked")).to_have_count(0)
    button = page.get_by_role("button", name="A is better")
    expect(button).to_have_attribute("aria-disabled", "false", timeout=10_000)


def choices(db: Database) -> list[str]:
    return [one.answer["choice"] for one in judgments.all(db)]


def arrived(page: Page) -> None:
    expect(page.locator(".progress")).to_have_attribute("data-waiting", "0", timeout=20_000)


def test_offline_one_goes_on_and_all_of_it_arrives_once_in_order(
    new_site: Callable[..., Any], db: Database
) -> None:
    page = new_site(num_prompts=40).log_in()
    armed(page)
    page.context.set_offline(True)
    for key in ["1", "2", "3", "4"]:
        armed(page)
        page.keyboard.press(key)
    expect(page.get_by_role("alert").first).to_contain_text("4 answers are kept in this browser")
    armed(page)
    page.keyboard.press("u")
    expect(page.locator(".unsent")).to_have_text("3 not sent yet")
    assert choices(db) == []
    page.context.set_offline(False)
    arrived(page)
    expect(page.get_by_role("alert").first).to_be_empty()
    assert choices(db) == ["A", "B", "tie"]


def test_what_was_made_offline_survives_closing_the_page(
    new_site: Callable[..., Any], db: Database
) -> None:
    site = new_site()
    page = site.log_in()
    armed(page)
    page.context.set_offline(True)
    page.keyboard.press("3")
    expect(page.get_by_role("alert").first).to_contain_text("kept in this browser")
    page.goto("about:blank")
    page.context.set_offline(False)
    page.goto(site.address)
    expect(page.locator(".progress .own")).to_have_text("1 of 12")
    arrived(page)
    assert choices(db) == ["tie"]


def test_two_tabs_ask_different_things_and_send_each_answer_once(
    new_site: Callable[..., Any], db: Database
) -> None:
    site = new_site(num_prompts=40)
    first = site.log_in()
    second = first.context.new_page()
    second.goto(site.address)
    armed(second)
    prompts = [page.get_by_role("region", name="Prompt").inner_text() for page in (first, second)]
    assert prompts[0] != prompts[1]
    first.context.set_offline(True)
    second.keyboard.press("2")
    first.bring_to_front()
    armed(first)
    first.keyboard.press("1")
    expect(first.locator(".unsent")).to_have_text("2 not sent yet")
    first.context.set_offline(False)
    arrived(first)
    arrived(second)
    assert sorted(choices(db)) == ["A", "B"]


def test_a_refusal_is_told_and_what_was_written_is_kept(new_site: Callable[..., Any]) -> None:
    page = new_site().log_in()
    page.route("**/api/judgments", lambda route: route.fulfill(status=409, body=REFUSAL))
    armed(page)
    page.keyboard.press("c")
    page.keyboard.type("a long reason")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.get_by_role("button", name="Look").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("You have judged this already.")
    expect(dialog.get_by_label("What you wrote")).to_have_value("B is better\n\na long reason")
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("not accepted")).to_have_count(0)


def test_a_server_that_cannot_save_just_now_is_asked_again(
    new_site: Callable[..., Any], db: Database
) -> None:
    page = new_site().log_in()
    armed(page)
    page.route("**/api/judgments", lambda route: route.fulfill(status=503, body="{}"), times=2)
    page.keyboard.press("1")
    expect(page.get_by_role("alert").first).to_contain_text("cannot save just now")
    arrived(page)
    assert choices(db) == ["A"]


def test_a_session_that_ended_says_so_and_sends_later(
    new_site: Callable[..., Any], db: Database
) -> None:
    site = new_site()
    page = site.log_in()
    armed(page)
    page.context.clear_cookies()
    page.keyboard.press("1")
    expect(page.get_by_role("heading", name="Your session has ended")).to_be_visible()
    page.goto(f"{site.address}/login?token={logins.create_token(db, 'ann', 60)}")
    arrived(page)
    assert choices(db) == ["A"]


def test_without_locks_and_uuids_all_of_it_works(
    new_site: Callable[..., Any], db: Database
) -> None:
    """Plain http of another host: no secure context, so browsers hide these."""
    site = new_site()
    site.context.add_init_script(
        "Object.defineProperty(navigator, 'locks', { value: undefined });"
        "Object.defineProperty(crypto, 'randomUUID', { value: undefined });"
    )
    page = site.log_in()
    armed(page)
    page.keyboard.press("1")
    arrived(page)
    armed(page)
    page.keyboard.press("2")
    arrived(page)
    page.keyboard.press("u")
    expect(page.get_by_role("status")).to_contain_text("Taken back")
    arrived(page)
    assert [one.answer["choice"] for one in judgments.live(db)] == ["A"]


def test_a_past_judgment_is_changed_from_the_history(
    new_site: Callable[..., Any], db: Database
) -> None:
    page = new_site().log_in()
    for key in ["1", "2"]:
        armed(page)
        page.keyboard.press(key)
    armed(page)
    page.keyboard.press("h")
    expect(page).to_have_url(page.url.rstrip("/").removesuffix("/history") + "/history")
    entries = page.locator(".entry")
    expect(entries).to_have_count(2)
    expect(entries.first).to_contain_text("B is better")
    entries.first.get_by_role("button", name="Change").click()
    expect(page.get_by_text("You are changing what you said before.")).to_be_visible()
    button = page.get_by_role("button", name="Both bad")
    expect(button).to_have_attribute("aria-disabled", "false", timeout=10_000)
    page.keyboard.press("4")
    expect(entries.first).to_contain_text("Both bad")
    page.keyboard.press("h")
    armed(page)
    assert [one.answer["choice"] for one in judgments.live(db)] == ["A", "both_bad"]
    assert judgments.all(db)[-1].supersedes == judgments.all(db)[1].id
