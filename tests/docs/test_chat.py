"""docs/chat.md: its commands are those there are, and what it points to is there."""

import re
from collections.abc import Callable

import pytest

from rather.stages.chat.dialogue import _COMMANDS, HELP
from rather.stages.chat.screen import NARROWEST_COLUMN
from rather.stages.chat.server import KEY_NAMES

Find = Callable[[str], list[str]]


@pytest.fixture
def chat(page: Callable[[str], str]) -> str:
    return page("chat.md")


def test_what_it_points_to_is_there(chat: str, broken_links: Find, broken_pointers: Find) -> None:
    assert broken_links(chat) == []
    assert broken_pointers(chat) == []


def test_its_commands_are_those_there_are(chat: str) -> None:
    table = "\n".join(line for line in chat.splitlines() if line.startswith("|"))
    for text in (table, HELP):
        assert set(re.findall(r"(?<![\w/])/([a-z]+)", text)) | {"help"} == {*_COMMANDS, "quit"}


def test_its_numbers_and_names_are_those_in_force(chat: str) -> None:
    assert f"({NARROWEST_COLUMN} cells a model)" in chat
    assert f"`${KEY_NAMES[0]}`, or else `${KEY_NAMES[1]}`" in chat
