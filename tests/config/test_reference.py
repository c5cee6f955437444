"""docs/settings.md cannot drift from the schema."""

from pathlib import Path

from rather.config.reference import settings_markdown

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert page == settings_markdown(), "docs/settings.md differs: run `make docs`"


def test_a_row_says_type_range_default_and_meaning() -> None:
    row = "| `ppo.clip_range` | number; > 0, < 1 | `0.2` | ε of the policy's ratio clip. |"
    assert row in settings_markdown().splitlines()
