"""docs/evaluation.md: its names, settings, commands and judges are those of the code."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from rather.cli.verbs import build_app
from rather.config.loading import load
from rather.config.stages import Config
from rather.report.evaluated import JUDGES

COMMAND = re.compile(r"^(rather [^\n#]+)", re.MULTILINE)
Find = Callable[[str], list[str]]


@pytest.fixture
def evaluation(page: Callable[[str], str]) -> str:
    return page("evaluation.md")


def test_what_it_points_to_is_there(
    evaluation: str, broken_pointers: Find, broken_links: Find, unknown_settings: Find
) -> None:
    assert broken_pointers(evaluation) == []
    assert broken_links(evaluation) == []
    assert unknown_settings(evaluation) == []


def test_its_commands_can_be_given(evaluation: str) -> None:
    commands = COMMAND.findall(evaluation)
    assert len(commands) > 10
    for command in commands:
        tokens = shlex.split(command)[1:]
        app = build_app(tokens[0])
        app.parse_args(tokens, exit_on_error=False, print_error=False)


def test_its_judges_are_all_there_are(evaluation: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", evaluation, re.MULTILINE)
    assert set(rows) == set(JUDGES)


def test_its_yaml_is_a_configuration(evaluation: str, tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", evaluation, re.MULTILINE | re.DOTALL)
    (tmp_path / "a.yaml").write_text(example, "utf-8")
    assert load(tmp_path / "a.yaml", {}) != Config()
