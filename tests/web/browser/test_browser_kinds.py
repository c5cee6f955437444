"""Rankings, demonstrations, corrections and thumbs in a real browser."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, expect

from rather.store import judgments
from rather.store.database import Database


def armed(page: Page, name: str) -> Locator:
    expect(page.locator(".bar .picked")).to_have_count(0)
    button = page.get_by_role("button", name=name)
    expect(button).to_have_attribute("aria-disabled", "false", timeout=10_000)
    return button


def saved(page: Page, done: int) -> None:
    expect(page.locator(".progress .own")).to_contain_text(f"{done} of")
    expect(page.get_by_role("status")).to_contain_text("Saved")
    expect(page.locator(".progress")).to_have_attribute("data-waiting", "0")


def ranks(db: Database) -> list[list[int]]:
    """As stored: in the order in which the answers were shown."""
    return [one.answer["ranks"] for one in judgments.live(db)]


def test_a_ranking_by_keyboard_with_a_tie(new_site: Callable[..., Any], db: Database) -> None:
    page = new_site("ranking").log_in()
    for key in ["2", "j", "1", "j", "2", "j"]:
        page.keyboard.press(key)
    expect(page.locator("[aria-live=polite].hidden")).to_have_text("Answer C: rank 2, tied with A")
    expect(page.locator(".hint")).to_have_text("D has no rank yet")
    page.keyboard.press("Enter")
    page.keyboard.press("4")
    armed(page, "Save the ranking")
    page.keyboard.press("Enter")
    saved(page, 1)
    # 4 is the third place after a tie at 2.
    assert ranks(db) == [[2, 1, 2, 3]]


def drag(page: Page, letter: str, place: str) -> None:
    chip = page.locator(".chip", has_text=letter).bounding_box()
    slot = page.locator(f'[data-rank="{place}"]').bounding_box()
    assert chip and slot
    page.mouse.move(chip["x"] + chip["width"] / 2, chip["y"] + chip["height"] / 2)
    page.mouse.down()
    page.mouse.move(slot["x"] + slot["width"] / 2, slot["y"] + slot["height"] - 6, steps=6)
    page.mouse.up()


def test_a_ranking_by_dragging(new_site: Callable[..., Any], db: Database) -> None:
    page = new_site("ranking").log_in()
    for letter, place in [("A", "3"), ("B", "1"), ("C", "1"), ("D", "2")]:
        drag(page, letter, place)
    expect(page.locator('[data-rank="1"]')).to_have_text("1stBC")
    drag(page, "B", "none")
    expect(page.locator(".hint")).to_have_text("B has no rank yet")
    drag(page, "B", "1")
    armed(page, "Save the ranking").click()
    saved(page, 1)
    assert ranks(db) == [[3, 1, 1, 2]]


def test_a_ranking_by_touch(
    new_site: Callable[..., Any], read_through: Callable[[Page], None], db: Database
) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    page = new_site("ranking", context=phone).log_in()
    for letter, rank in [("A", 1), ("B", 2), ("C", 3)]:
        page.get_by_role("button", name=f"Rank {rank} for answer {letter}").tap()
    touch = page.context.new_cdp_session(page)
    chip = page.locator(".chip", has_text="D").bounding_box()
    slot = page.locator('[data-rank="4"]').bounding_box()
    assert chip and slot
    start = {"x": chip["x"] + 10, "y": chip["y"] + 10}
    end = {"x": slot["x"] + slot["width"] / 2, "y": slot["y"] + slot["height"] - 6}
    for kind, points in [("touchStart", [start]), ("touchMove", [end]), ("touchEnd", [])]:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    expect(page.locator('[data-rank="4"]')).to_have_text("4thD")
    read_through(page)
    armed(page, "Save the ranking").tap()
    saved(page, 1)
    assert ranks(db) == [[1, 2, 3, 4]]


def test_a_chip_moves_with_the_arrow_keys_and_keeps_the_focus(
    new_site: Callable[..., Any],
) -> None:
    page = new_site("ranking").log_in()
    page.locator(".chip", has_text="C").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator('[data-rank="1"]')).to_have_text("1stC")
    page.keyboard.press("ArrowRight")
    expect(page.locator('[data-rank="2"]')).to_have_text("2ndC")
    expect(page.locator(".chip", has_text="C")).to_be_focused()


def test_a_demonstration_by_keyboard(new_site: Callable[..., Any], db: Database) -> None:
    page = new_site("demonstration").log_in()
    page.keyboard.press("e")
    page.keyboard.press("Control+Enter")
    page.keyboard.type("The ideal answer, 1 2 3 u s f.")
    armed(page, "Save")
    page.keyboard.press("Control+Enter")
    saved(page, 1)
    (one,) = judgments.live(db)
    assert (one.kind, one.answer["text"]) == ("demonstration", "The ideal answer, 1 2 3 u s f.")
    page.keyboard.press("u")
    expect(page.get_by_label("Your answer")).to_have_value("The ideal answer, 1 2 3 u s f.")


def test_a_correction_shows_its_changes_and_cannot_be_sent_unchanged(
    new_site: Callable[..., Any], db: Database
) -> None:
    page = new_site("correction").log_in()
    page.keyboard.press("e")
    button = page.get_by_role("button", name="Change something first")
    expect(button).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Control+End")
    page.keyboard.type(" and more")
    expect(page.locator("ins")).to_contain_text("and more")
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    expect(page.locator("ins")).to_have_count(0)
    armed(page, "Save")
    page.keyboard.press("Control+Enter")
    saved(page, 1)
    (one,) = judgments.live(db)
    assert one.kind == "correction"
    assert one.answer["text"].endswith(" and more")


def test_a_thumb_by_keyboard_and_by_click(new_site: Callable[..., Any], db: Database) -> None:
    page = new_site("thumb").log_in()
    armed(page, "Good")
    page.keyboard.press("1")
    saved(page, 1)
    armed(page, "Bad").click()
    saved(page, 2)
    assert [one.answer["good"] for one in judgments.live(db)] == [True, False]
