"""Overview, items and people in a real browser, over a stand-in for their routes."""

import re

import pytest
from playwright.sync_api import expect

from tests.web import admin_browser
from tests.web.admin_browser import MARKS, Site, serious

pytestmark = MARKS
site = admin_browser.site

PAGES = [
    "/admin",
    "/admin/items",
    "/admin/items/a0?state=disagreement",
    "/admin/items/a1",
    "/admin/items/a2",
    "/admin/people",
    "/admin/runs",
    "/admin/runs/ppo-0004",
    "/playground",
]
READY = ".numbers, .item, .judgments, .person, .watched, .setup, .status-done"
"""What is on a page once it has what it asked for; one of them is on each."""


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_for_everybody_and_lets_nothing_in(site: Site, path: str) -> None:
    page = site.page
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    site.open(path)
    expect(page.locator(READY).first).to_be_visible()
    assert page.locator("main img, main script, main iframe, main [onerror]").count() == 0
    assert "\u202e" not in page.locator("body").inner_text()
    assert serious(page) == []
    page.emulate_media(color_scheme="dark")
    assert serious(page) == []
    for width in (640, 360):  # 640 points are 1280 at a zoom of 200 %
        page.set_viewport_size({"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_nothing_serious_stands_in_what_opens(site: Site) -> None:
    page = site.open("/admin/items")
    page.get_by_text("Export").click()
    assert serious(page) == []
    page = site.open("/admin/people")
    page.get_by_role("listitem", name="Ann").get_by_text("2 sessions").click()
    page.get_by_role("button", name="Pause").first.click()
    assert serious(page) == []
    page = site.open("/playground")
    page.get_by_label("Your message").fill("How?")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Edit").first.click()
    page.get_by_label("Answer 1, as it should be").fill("It takes a while.")
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(page.get_by_text("Stored: answer 2 is better.")).to_be_visible()
    assert serious(page) == []
    assert page.locator("main img, main script").count() == 0


def test_the_pages_are_one_app(site: Site) -> None:
    page = site.open("/admin")
    page.evaluate("window.isTheSame = true")
    for name in ["Items", "People", "Runs", "Playground", "Overview"]:
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_have_text(name)
        expect(heading).to_be_focused()
        expect(page).to_have_title(f"{name} · rather")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Playground")
    assert page.evaluate("window.isTheSame") is True


def test_a_labeller_is_told_that_it_is_not_theirs(site: Site) -> None:
    site.fake.role = "labeller"
    page = site.open("/admin/people")
    expect(page.get_by_role("heading", level=1)).to_have_text("These pages are for admins")


def test_an_address_that_is_no_page(site: Site) -> None:
    page = site.open("/admin/nothing")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")


def test_the_overview_says_how_far_and_how_sure(site: Site) -> None:
    page = site.open("/admin")
    main = page.get_by_role("main")
    expect(main).to_contain_text("312 of 500")
    expect(main).to_contain_text("At 52.4 an hour, about 3.5 hours of labelling are left.")
    # 7 · n mod 23 of the days 0 to 29: 253 of the first 23, and 0 7 14 21 5 12 19 of the last 7.
    expect(
        page.get_by_role("img", name="331 judgments in 30 days, at most 22 a day")
    ).to_be_visible()
    expect(main).to_contain_text("even a perfect reward model would score about 76 %")
    kappa = page.get_by_role("table", name="Cohen’s κ of each two people")
    expect(kappa.get_by_role("columnheader")).to_have_count(3)
    expect(kappa.get_by_role("row").nth(2).get_by_role("cell").nth(0)).to_have_text(
        "0.610.42 to 0.77 · n 38"
    )
    expect(kappa).to_contain_text("not computablethey have no item in common")
    bob = page.get_by_role("region", name="Labellers").get_by_role("row").nth(2)
    expect(bob).to_contain_text("leans left: 50 % is outside the interval")


def test_labellers_are_sorted_by_keyboard(site: Site) -> None:
    page = site.open("/admin")
    table = page.get_by_role("table", name="Labellers")
    names = table.locator("tbody th a")
    header = table.get_by_role("columnheader", name="Left picks")
    header.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(names.first).to_contain_text("Bob")
    page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "ascending")
    expect(names.last).to_contain_text("Bob")
    expect(table.get_by_role("row", name="concise")).to_contain_text("simulated")


def test_a_count_leads_to_its_items(site: Site) -> None:
    page = site.open("/admin")
    page.get_by_role("link", name="7 Disagreements to settle").click()
    expect(page).to_have_url(re.compile(r"/admin/items\?state=disagreement$"))
    expect(page.get_by_label("State")).to_have_value("disagreement")
    expect(page.locator(".item")).to_have_count(2)


def test_items_are_filtered_in_the_address(site: Site) -> None:
    page = site.open("/admin/items")
    expect(page.locator(".item")).to_have_count(50)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".item")).to_have_count(63)
    page.get_by_role("searchbox").fill("question 5")
    expect(page).to_have_url(re.compile(r"\?query=question\+5$"))
    expect(page.locator(".item")).to_have_count(11)
    page.get_by_label("Judged by").select_option("bob")
    expect(page.get_by_text("No item is like that.")).to_be_visible()
    page.go_back()
    expect(page.locator(".item")).to_have_count(11)
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("question 5")


def test_what_was_said_without_consent_is_found_and_told(site: Site) -> None:
    page = site.open("/admin/items")
    page.get_by_label("State").select_option("Without consent")
    expect(page).to_have_url(re.compile(r"/admin/items\?state=no_consent$"))
    expect(page.locator(".item")).to_have_count(1)
    page.locator(".item").click()
    expect(page.locator(".heading")).to_contain_text("no consent")
    table = page.get_by_role("table", name="Judgments of this item")
    expect(table.get_by_role("columnheader", name="Consent")).to_be_visible()
    consent = [row.locator("td").last.inner_text() for row in table.get_by_role("row").all()[1:]]
    assert consent == [
        "given", "given", "given", "given",
        "none\nno model learns from it, no export has it", "given",
    ]  # fmt: skip


def test_a_disagreement_is_settled_by_keyboard(site: Site) -> None:
    page = site.open("/admin/items?state=disagreement")
    expect(page.locator(".item")).to_have_count(2)
    for key in "jjk":
        page.keyboard.press(key)
    expect(page.locator(".item").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("article", name="Answer 2 ppo-3")).to_contain_text(
        "May tell who answered: “ChatGPT”"
    )
    rows = page.get_by_role("table", name="Judgments of this item").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("Answer 1 is clearly better")
    expect(rows.nth(1)).to_contain_text("superseded")
    # They saw the sides turned round: their A is the second answer, their B the first.
    expect(rows.nth(3)).to_contain_text("Answer 2 is much better; helpful: answer 1")
    page.keyboard.press("Enter")
    assert site.fake.told == []
    page.keyboard.press("1")
    page.keyboard.press("2")
    expect(page.get_by_role("button", name="Answer 2 is better")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.keyboard.press("Enter")
    expect(page.get_by_text("Settled; training uses your answer alone.")).to_be_visible()
    expect(page.locator(".heading")).to_contain_text("settled")
    said = {"kind": "pair", "choice": "B", "strength": None, "dimensions": {}}
    assert site.fake.told == [("settle", said)]
    # It is no disagreement any more; the next one is still the next one.
    page.keyboard.press("j")
    expect(page.get_by_role("article")).to_have_text(re.compile("Hello."))
    page.keyboard.press("Escape")
    expect(page.locator(".item")).to_have_count(1)


def test_a_ranking_and_a_thumb_are_settled_by_keyboard(site: Site) -> None:
    page = site.open("/admin/items/a1")
    expect(page.get_by_text("Answer 3 = answer 1 > answer 2")).to_be_visible()
    for key in ["2", "1", "3", "ArrowLeft", "2", "Enter"]:
        page.keyboard.press(key)
    expect(page.get_by_text("Settled; training uses your answer alone.")).to_be_visible()
    page.keyboard.press("j")
    expect(page.get_by_role("group", name="Your answer")).to_contain_text("Good")
    for key in ["2", "Enter"]:
        page.keyboard.press(key)
    expect(page.get_by_text("Settled; training uses your answer alone.")).to_be_visible()
    assert site.fake.told == [
        ("settle", {"kind": "ranking", "ranks": [2, 2, 3]}),
        ("settle", {"kind": "thumb", "is_good": False}),
    ]


def test_keys_typed_into_a_comment_settle_nothing(site: Site) -> None:
    page = site.open("/admin/items/a0")
    page.get_by_label("Comment, if you like").first.fill("")
    page.keyboard.type("1 or 2")
    expect(page.get_by_role("button", name="Settle")).to_be_disabled()
    page.get_by_label("Comment, if you like").last.fill("no good")
    page.get_by_role("button", name="Retire: ask it nobody").click()
    expect(page.get_by_text("Retired; nobody is asked it.")).to_be_visible()
    page.get_by_role("button", name="Restore: ask it again").click()
    expect(page.get_by_text("Restored; it is asked again.")).to_be_visible()
    assert [what for what, _ in site.fake.told] == ["retire", "restore"]


def test_an_export_is_saved_and_says_what_it_left_out(site: Site) -> None:
    page = site.open("/admin/items?labeller=ann")
    page.get_by_text("Export").click()
    page.get_by_label("With simulated labellers").check()
    with page.expect_download() as saved:
        page.get_by_role("button", name="TRL").click()
    assert saved.value.suggested_filename == "judgments.trl"
    expect(page.get_by_text("pairs.jsonl: a tie prefers neither answer: 3")).to_be_visible()
    with page.expect_download():
        page.get_by_role("button", name="Arena").click()
    expect(page.get_by_text("Nothing was left out.")).to_be_visible()
    assert site.fake.told == [("export", ("trl", "ann", 1)), ("export", ("arena", "ann", 1))]


def test_an_invitation_shows_its_link_once(site: Site) -> None:
    page = site.open("/admin/people")
    page.get_by_label("Name").fill("Dee <b>")
    page.get_by_label("Name").press("Enter")
    dialog = page.get_by_role("dialog", name="A link for one person")
    link = f"{site.address}/login?token=abc123"
    expect(dialog.get_by_label("Link", exact=True)).to_have_value(link)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    dialog.get_by_role("button", name="Copy the link").click()
    expect(dialog.get_by_role("status")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == link
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("listitem", name="Dee <b>")).to_contain_text("has a link not used yet")
    assert "abc123" not in page.content()


def test_people_are_paused_resumed_and_promoted(site: Site) -> None:
    page = site.open("/admin/people")
    bob = page.get_by_role("listitem", name=re.compile("^Bob"))
    bob.get_by_role("button", name="Pause").click()
    page.get_by_label("Reason").fill("on holiday")
    page.keyboard.press("Enter")
    expect(bob).to_contain_text("Paused: on holiday")
    bob.get_by_role("button", name="Resume").click()
    expect(bob).not_to_contain_text("Paused")
    bob.get_by_label("Role").select_option("admin")
    expect(page.get_by_text(re.compile("^Bob .* is now an admin.$"))).to_be_visible()
    expect(bob.get_by_label("Role")).to_have_value("admin")
    assert site.fake.people["bob"].role == "admin"
    assert site.fake.people["bob"].paused == ""


def test_what_the_server_refuses_is_told_and_not_shown_as_done(site: Site) -> None:
    site.expected.append("409")
    page = site.open("/admin/people")
    ann = page.get_by_role("listitem", name="Ann")
    expect(ann).to_contain_text("this is you")
    ann.get_by_label("Role").select_option("labeller")
    expect(ann.get_by_role("alert").first).to_contain_text("Ann is the last admin")
    expect(ann.get_by_label("Role")).to_have_value("admin")


def test_sessions_are_revoked(site: Site) -> None:
    page = site.open("/admin/people")
    ann = page.get_by_role("listitem", name="Ann")
    ann.get_by_text("2 sessions").click()
    expect(ann).to_contain_text("this browser")
    ann.get_by_role("button", name="Revoke").click()
    expect(ann.get_by_text("1 session")).to_be_visible()
    assert [one.id for one in site.fake.people["ann"].sessions] == ["s1"]
    bob = page.get_by_role("listitem", name=re.compile("^Bob"))
    bob.get_by_text("1 session").click()
    bob.get_by_role("button", name="End every session and open link").click()
    expect(bob.get_by_text("No session")).to_be_visible()
    assert site.fake.people["bob"].has_open_invitation is False
