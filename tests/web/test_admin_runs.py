"""Runs and playground in a real browser, over a stand-in for their routes."""

import pytest
from playwright.sync_api import expect

from tests.web import admin_browser
from tests.web.admin_browser import MARKS, Site

pytestmark = MARKS
site = admin_browser.site

HIDE = """hidden => {
    Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
    document.dispatchEvent(new Event('visibilitychange'));
}"""


def asked(site: Site) -> list[int]:
    """The steps since which the page asked."""
    return [since for what, since in site.fake.told if what == "since"]


def test_runs_are_listed_and_opened(site: Site) -> None:
    page = site.open("/admin/runs")
    table = page.get_by_role("table", name="Runs, the newest first")
    expect(table.get_by_role("row").nth(2)).to_contain_text("reward-0003")
    expect(table.get_by_role("row").nth(2)).to_contain_text("7 min")
    expect(page.get_by_role("link", name="Open the report")).to_have_attribute(
        "href", "/api/admin/report"
    )
    table.get_by_role("link", name="ppo-0004").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Run ppo-0004")


def test_a_run_is_followed_until_it_is_over(site: Site) -> None:
    page = site.open("/admin/runs/ppo-0004")
    speed = page.get_by_role("slider", name="tokens a second")
    expect(speed).to_have_attribute("aria-valuenow", "120")
    site.fake.num_steps = 123
    expect(speed).to_have_attribute("aria-valuenow", "123", timeout=10_000)
    # All of it once, then only what is new.
    assert asked(site)[:2] == [-1, 120]
    site.fake.run_is_over = True
    over = "This run is over: it was stopped. It took 1 h 35 min."
    expect(page.get_by_text(over)).to_be_visible(timeout=10_000)
    number = len(asked(site))
    page.wait_for_timeout(3000)
    assert len(asked(site)) == number


def test_nothing_is_asked_while_the_tab_is_hidden(site: Site) -> None:
    page = site.open("/admin/runs/ppo-0004")
    expect(page.get_by_text("the page follows it")).to_be_visible()
    page.evaluate(HIDE, True)
    page.wait_for_timeout(500)
    number = len(asked(site))
    page.wait_for_timeout(3000)
    assert len(asked(site)) == number
    site.fake.num_steps = 125
    page.evaluate(HIDE, False)
    speed = page.get_by_role("slider", name="tokens a second")
    expect(speed).to_have_attribute("aria-valuenow", "125", timeout=1500)


def test_a_server_that_was_away_is_found_again(site: Site) -> None:
    site.expected.append("503")
    page = site.open("/admin/runs/ppo-0004")
    expect(page.get_by_text("the page follows it")).to_be_visible()
    site.fake.is_away = True
    alert = page.get_by_text("The server is being started again. Trying again until it does.")
    expect(alert).to_be_visible(timeout=10_000)
    expect(page.get_by_role("slider", name="tokens a second")).to_be_visible()
    site.fake.is_away = False
    site.fake.num_steps = 130
    expect(alert).to_have_count(0, timeout=15_000)
    speed = page.get_by_role("slider", name="tokens a second")
    expect(speed).to_have_attribute("aria-valuenow", "130")


def test_a_run_that_is_not_there(site: Site) -> None:
    site.expected.append("404")
    page = site.open("/admin/runs/nothing")
    expect(page.get_by_role("alert").last).to_have_text("There is no run nothing.")


def test_curves_are_read_by_keyboard_and_pointer(site: Site) -> None:
    page = site.open("/admin/runs/ppo-0004")
    reward = page.get_by_role("slider", name="score of the reward model: step")
    reward.focus()
    page.keyboard.press("Home")
    expect(reward).to_have_attribute("aria-valuenow", "1")
    for _ in range(39):
        page.keyboard.press("ArrowRight")
    expect(reward).to_have_attribute("aria-valuetext", "step 40: not a number")
    # The other charts look at the same step.
    loss = page.get_by_role("slider", name="loss of the policy")
    expect(loss).to_have_attribute("aria-valuenow", "40")
    reward.blur()
    loss.hover()
    now = int(loss.get_attribute("aria-valuenow") or 0)
    assert 45 <= now <= 75
    lines = page.locator(".chart").first.locator("path")
    expect(lines).to_have_count(2)
    page.get_by_label("Smooth").uncheck()
    expect(lines).to_have_count(1)


def test_stop_rules_are_told_in_words(site: Site) -> None:
    page = site.open("/admin/runs/ppo-0004")
    length = page.get_by_role("meter", name="length")
    expect(length).to_have_attribute(
        "aria-valuetext", "0.74; warns above 0.5, stops above 1, warning"
    )
    rules = page.get_by_role("region", name="Stop rules")
    expect(rules).to_contain_text("no value; stops above 1")
    expect(rules).to_contain_text("stopped the run")
    expect(page.get_by_role("region", name="Alarms")).to_contain_text("step 90 the policy is far")


def test_answers_are_compared_by_slider(site: Site) -> None:
    page = site.open("/admin/runs/ppo-0004")
    first = page.get_by_role("region", name="Prompt 1")
    expect(first.get_by_role("article").nth(0)).to_contain_text("I do not know.")
    expect(first.get_by_role("article").nth(1)).to_contain_text("then cold water.")
    page.get_by_label("Left: step").focus()
    page.keyboard.press("ArrowRight")
    expect(first.get_by_role("article").nth(0)).to_contain_text(
        "Step 30 · score 0.40 · KL 1.5 · 15 tokens"
    )
    expect(first.get_by_role("article").nth(0)).to_contain_text("An egg boils in water.")


def test_a_blind_choice_by_keyboard_names_the_models(site: Site) -> None:
    page = site.open("/playground")
    expect(page.get_by_label("base", exact=True)).to_be_checked()
    page.get_by_label("ppo-3").check()
    page.get_by_label("Your message").fill("How?")
    page.keyboard.press("Enter")
    answers = page.get_by_role("article")
    expect(answers).to_have_count(3)
    expect(page.get_by_role("article", name="Answer 3", exact=True)).to_be_visible()
    expect(answers.nth(0)).not_to_contain_text("base")
    # Neither length nor speed, which may tell.
    expect(answers.nth(0)).not_to_contain_text("tokens")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    page.keyboard.press("2")
    expect(page.get_by_role("article", name="Answer 2, ppo-3")).to_contain_text("better")
    expect(page.get_by_text("Stored: answer 2 is better.")).to_be_visible()
    page.get_by_label("Your next message").fill("And then?")
    page.get_by_label("Your next message").press("Enter")
    expect(answers).to_have_count(6)
    # A second key of the round that is over says nothing more.
    assert [told for told in site.fake.told if told[0] == "pick"] == [("pick", 1)]
    messages = site.fake.told[-1][1]["messages"]
    assert [one["role"] for one in messages] == ["user", "assistant", "user"]
    assert messages[1]["content"].startswith("Answer 1 to: How?")


def test_a_tie_asks_where_to_go_on(site: Site) -> None:
    page = site.open("/playground")
    page.get_by_label("Your message").fill("How?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article")).to_have_count(2)
    page.keyboard.press("0")
    expect(page.get_by_text("Stored: a tie. Choose one to go on from.")).to_be_visible()
    assert site.fake.told[-1] == ("pick", "tie")
    page.get_by_label("Your next message").fill("And then?")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    page.get_by_role("button", name="Go on from here").first.click()
    expect(page.get_by_role("button", name="Send")).to_be_enabled()


def test_an_edit_is_a_correction_and_is_gone_on_with(site: Site) -> None:
    page = site.open("/playground")
    page.get_by_label("Your message").fill("How?")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Edit").first.click()
    field = page.get_by_label("Answer 1, as it should be")
    expect(field).to_be_focused()
    expect(page.get_by_role("button", name="Store the correction")).to_be_disabled()
    field.fill("Answer 0 to: How?\n\nIt takes seven minutes.")
    expect(page.locator(".correct ins")).to_contain_text("seven")
    page.get_by_role("button", name="Store the correction").click()
    expect(page.get_by_text("Stored: your text for answer 1.")).to_be_visible()
    # Still blind: a correction tells no name.
    expect(page.get_by_role("article", name="Answer 1", exact=True)).to_be_visible()
    page.get_by_role("button", name="Go on from here").first.click()
    page.get_by_label("Your next message").fill("And then?")
    page.get_by_label("Your next message").press("Enter")
    expect(page.get_by_role("article")).to_have_count(4)
    messages = site.fake.told[-1][1]["messages"]
    assert messages[1]["content"] == "Answer 0 to: How?\n\nIt takes seven minutes."


def test_waiting_is_counted_and_can_be_ended(site: Site) -> None:
    site.expected.append("ERR_ABORTED")
    site.fake.seconds_to_answer = 3
    page = site.open("/playground")
    page.get_by_label("Your message").fill("How?")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The models are answering…")).to_be_visible()
    expect(page.get_by_role("timer")).to_have_text("1 s", timeout=5000)
    page.get_by_role("button", name="Stop waiting").click()
    expect(page.get_by_text("You stopped waiting.")).to_be_visible()
    site.fake.seconds_to_answer = 0
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("article")).to_have_count(2)


def test_a_refusal_is_told(site: Site) -> None:
    site.expected.append("409")
    page = site.open("/playground")
    page.get_by_label("Your message").fill("fail")
    page.keyboard.press("Enter")
    expect(page.get_by_text("That version's files are gone; choose another.")).to_be_visible()
    page.get_by_role("button", name="Leave it").click()
    expect(page.get_by_role("button", name="Leave it")).to_have_count(0)


def test_what_is_typed_at_once_can_be_sent(site: Site) -> None:
    """The versions are chosen as soon as there is a field to write into, not a moment later."""
    site.page.add_init_script(
        """window.hints = [];
        new MutationObserver(() => {
            const hint = document.getElementById("turn-hint");
            if (hint) window.hints.push(hint.textContent);
        }).observe(document, { subtree: true, childList: true, characterData: true });"""
    )
    page = site.open("/playground")
    expect(page.get_by_label("base", exact=True)).to_be_checked()
    hints = set(page.evaluate("window.hints"))
    assert hints == {"Shift and Enter begin a new line."}


@pytest.mark.parametrize("ticked", [1, 4])
def test_two_to_four_versions(site: Site, ticked: int) -> None:
    page = site.open("/playground")
    expect(page.get_by_label("base", exact=True)).to_be_checked()
    if ticked == 1:
        page.get_by_label("base", exact=True).uncheck()
        page.get_by_label("Your message").fill("How?")
        expect(page.get_by_text("Choose at least two versions.")).to_be_visible()
        expect(page.get_by_role("button", name="Send")).to_be_disabled()
    else:
        page.get_by_label("sft-1").check()
        page.get_by_label("ppo-3").check()
        expect(page.get_by_label("ppo-4")).to_be_disabled()


def test_where_nothing_can_be_generated_the_reason_is_told(site: Site) -> None:
    site.fake.can_answer = False
    page = site.open("/playground")
    expect(page.get_by_text("the training extra is not installed")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_have_count(0)
