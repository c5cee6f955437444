"""Pairs in a real browser, by keyboard alone."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from rather.store import judgments
from rather.store.database import Database


@pytest.fixture
def page(new_site: Callable[..., Any]) -> Page:
    return new_site().log_in()


def armed(page: Page, name: str = "A is better") -> None:
    # What was just said stays marked until the next task comes.
    expect(page.locator(".bar .picked")).to_have_count(0)
    button = page.get_by_role("button", name=name)
    expect(button).to_have_attribute("aria-disabled", "false", timeout=10_000)


def says(page: Page, text: str) -> None:
    expect(page.get_by_role("status")).to_contain_text(text)


def own(page: Page, text: str) -> None:
    expect(page.locator(".progress .own")).to_have_text(text)


def arrived(page: Page) -> None:
    expect(page.locator(".progress")).to_have_attribute("data-waiting", "0")


def choices(db: Database) -> list[str]:
    return [one.answer["choice"] for one in judgments.live(db)]


def test_a_session_by_keyboard(page: Page, db: Database) -> None:
    for number, key in enumerate(["1", "2", "3", "4", "ArrowLeft"], start=1):
        armed(page)
        left = page.get_by_role("article", name="Answer A").inner_text()
        page.keyboard.press(key)
        says(page, "Saved")
        own(page, f"{number} of 12")
    assert choices(db) == ["A", "B", "tie", "both_bad", "A"]
    assert all(one.labeller_id == "ann" for one in judgments.all(db))
    assert all((one.ms_to_decision or 0) >= 1000 for one in judgments.all(db))

    page.keyboard.press("u")
    says(page, "Taken back")
    expect(page.get_by_role("article", name="Answer A")).to_have_text(left, use_inner_text=True)
    own(page, "4 of 12")
    arrived(page)
    assert choices(db) == ["A", "B", "tie", "both_bad"]
    assert judgments.all(db)[-1].is_retraction


def test_shift_says_much_better(page: Page, db: Database) -> None:
    armed(page)
    page.keyboard.press("Shift+Digit2")
    own(page, "1 of 12")
    says(page, "Saved")
    (one,) = judgments.live(db)
    assert (one.answer["choice"], one.answer["strength"]) == ("B", 3)


def test_keys_are_deaf_until_both_answers_were_seen_for_a_second(page: Page, db: Database) -> None:
    page.keyboard.press("1")
    page.keyboard.press("2")
    armed(page)
    assert judgments.all(db) == []


def test_a_double_press_a_held_key_and_a_double_click_are_one_judgment(
    page: Page, db: Database
) -> None:
    armed(page)
    page.keyboard.press("1")
    page.keyboard.press("1")
    page.keyboard.press("2")
    own(page, "1 of 12")
    armed(page)
    page.get_by_role("button", name="Both bad").dblclick()
    own(page, "2 of 12")
    armed(page)
    button = page.get_by_role("button", name="Tie")
    button.focus()
    for _ in range(20):
        # Down again without up is what a held key looks like.
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    own(page, "3 of 12")
    says(page, "Saved")
    assert choices(db) == ["A", "both_bad", "tie"]


def test_undo_during_the_advance_takes_back_what_was_just_said(page: Page, db: Database) -> None:
    armed(page)
    text = page.get_by_role("article", name="Answer A").inner_text()
    page.keyboard.press("1")
    page.keyboard.press("u")
    says(page, "Taken back")
    expect(page.get_by_role("article", name="Answer A")).to_have_text(text, use_inner_text=True)
    arrived(page)
    assert choices(db) == []


def test_skip_and_flag_with_a_reason_go_on_and_come_back(page: Page, db: Database) -> None:
    def prompt() -> str:
        return page.get_by_role("region", name="Prompt").inner_text()

    first = prompt()
    page.keyboard.press("s")
    expect(page.get_by_role("dialog")).to_contain_text("Skip this one?")
    page.keyboard.press("4")
    says(page, "Skipped")
    assert prompt() != first
    page.keyboard.press("u")
    says(page, "Taken back")
    assert prompt() == first
    page.keyboard.press("f")
    page.keyboard.press("2")
    says(page, "Flagged")
    assert prompt() != first
    assert judgments.all(db) == []


def test_the_panels_open_and_close_by_key(page: Page) -> None:
    dialog = page.get_by_role("dialog")
    page.keyboard.press("?")
    expect(dialog).to_contain_text("Take back the last one")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.keyboard.press("g")
    expect(dialog).to_contain_text("Choose the answer you would rather have received.")
    page.keyboard.press("g")
    expect(dialog).to_have_count(0)
    page.keyboard.press("m")
    expect(page.locator("article pre.raw")).to_have_count(2)
    page.keyboard.press("m")
    expect(page.locator("article pre.raw")).to_have_count(0)


def test_a_comment_goes_along_and_its_draft_outlives_a_reload(page: Page, db: Database) -> None:
    page.keyboard.press("c")
    page.keyboard.type("1 is fine")
    page.wait_for_timeout(2500)
    page.evaluate("localStorage.removeItem(Object.keys(localStorage)"
                  ".find(key => key.startsWith('rather.draft.')))")  # fmt: skip
    page.reload()
    expect(page.get_by_label("Comment (goes along with your answer)")).to_have_value("1 is fine")
    armed(page)
    page.keyboard.press("1")
    own(page, "1 of 12")
    says(page, "Saved")
    (one,) = judgments.live(db)
    assert one.comment == "1 is fine"


def test_a_better_answer_is_suggested_beside_the_choice(page: Page, db: Database) -> None:
    armed(page)
    page.keyboard.press("e")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Answer B").check()
    original = page.get_by_role("article", name="Answer B", include_hidden=True)
    text = original.locator(".text").inner_text()
    field = dialog.get_by_label("Your better answer")
    expect(field).to_have_value(text)
    expect(dialog.get_by_role("button", name="Change something first")).to_be_visible()
    field.press("End")
    page.keyboard.type(" indeed")
    expect(dialog.locator("ins")).to_contain_text("indeed")
    page.keyboard.press("Control+Enter")
    expect(dialog).to_have_count(0)
    says(page, "Saved")
    armed(page)
    page.keyboard.press("2")
    own(page, "1 of 12")
    says(page, "Saved")
    assert [one.kind for one in judgments.live(db)] == ["correction", "pair"]


def test_strength_is_asked_where_the_project_wants_it(
    new_site: Callable[..., Any], db: Database
) -> None:
    page = new_site(ask_strength=True).log_in()
    armed(page)
    page.keyboard.press("1")
    expect(page.locator(".hint")).to_have_text("How much better is A?")
    page.keyboard.press("Escape")
    armed(page)
    page.keyboard.press("2")
    page.keyboard.press("2")
    own(page, "1 of 12")
    says(page, "Saved")
    (one,) = judgments.live(db)
    assert (one.answer["choice"], one.answer["strength"]) == ("B", 2)


def test_dimensions_are_answered_by_key_and_may_be_left_out(
    new_site: Callable[..., Any], db: Database
) -> None:
    page = new_site(dimensions=("helpful", "harmless", "honest")).log_in()
    armed(page)
    page.keyboard.press("x")
    page.keyboard.press("2")
    page.keyboard.press("x")
    page.keyboard.press("3")
    page.keyboard.press("1")
    own(page, "1 of 12")
    says(page, "Saved")
    (one,) = judgments.live(db)
    assert one.answer["choice"] == "A"
    assert one.answer["dimensions"] == {"helpful": "B", "honest": "tie"}


def test_single_keys_can_be_turned_off_and_stay_off(page: Page, db: Database) -> None:
    page.keyboard.press("?")
    page.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    armed(page)
    page.keyboard.press("1")
    page.keyboard.press("s")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Tie").click()
    own(page, "1 of 12")
    says(page, "Saved")
    assert choices(db) == ["tie"]


def test_the_end_says_so_and_can_be_taken_back(new_site: Callable[..., Any], db: Database) -> None:
    page = new_site(num_prompts=2).log_in()
    for _ in range(2):
        armed(page)
        page.keyboard.press("1")
        says(page, "Saved")
    expect(page.get_by_role("heading", name="All done: 2 judgments")).to_be_visible()
    page.keyboard.press("u")
    armed(page)
    assert len(choices(db)) == 1
