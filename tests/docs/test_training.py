"""docs/training.md: its settings, commands, examples, rules and metrics are those of the code."""

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from rather.cli.verbs import build_app
from rather.config.loading import load
from rather.config.ppo import PPO
from rather.config.settings import all_settings
from rather.config.stages import DPO, Config
from rather.equations.dpo import LOSSES, settings_of
from rather.feedback.gold import load_function
from rather.training.rules import RULES

ROOT = Path(__file__).parents[2]
OTHER_RULES = {"ratio", "not finite", "chosen"}
"""Of updates and of DPO; the others look at a rollout."""
COMMAND = re.compile(r"(?:^|`)(rather [^`\n#]+)", re.MULTILINE)
Find = Callable[[str], list[str]]


@pytest.fixture
def training(page: Callable[[str], str]) -> str:
    return page("training.md")


def tables(text: str, first: str) -> list[list[str]]:
    """Rows of the table whose first column has this title."""
    found: list[list[str]] = []
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in block.splitlines()]
        found += rows[2:] if rows[0][0] == first else []
    return found


def test_what_it_points_to_is_there(
    training: str, broken_pointers: Find, broken_links: Find, unknown_settings: Find
) -> None:
    assert broken_pointers(training) == []
    assert broken_links(training) == []
    assert unknown_settings(training) == []


def test_its_yaml_is_a_configuration(training: str, tmp_path: Path) -> None:
    examples = re.findall(r"^```yaml\n(.*?)^```$", training, re.MULTILINE | re.DOTALL)
    assert len(examples) == 3
    for number, example in enumerate(examples):
        file = tmp_path / f"{number}.yaml"
        file.write_text(example, "utf-8")
        assert load(file, {}) != Config()


def test_its_commands_can_be_given(training: str) -> None:
    commands = COMMAND.findall(training)
    assert len(commands) > 8
    for command in commands:
        _, verb, *rest = shlex.split(command)
        build_app(verb).parse_args([verb, *rest], exit_on_error=False, print_error=False)


def test_its_python_is_a_reward(
    training: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", training, re.MULTILINE | re.DOTALL)
    (tmp_path / "taste.py").write_text(example, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    # two words are eighteen too few, a twentieth each
    assert load_function("taste:score")("Why?", "Just so.") == -0.9
    paid = load_function("taste:first_words")("Why?", list("because"))
    assert paid == [0.1, 0.1, 0.1, 0.1, 0.1, 0.0, 0.0]
    sys.modules.pop("taste")


def test_every_rule_has_a_row_with_its_default(training: str) -> None:
    rows = tables(training, "rule")
    assert {row[0].strip("`") for row in rows} == RULES.keys() | OTHER_RULES
    defaults = {setting.path: setting.default for setting in all_settings()}
    named = [re.fullmatch(r"`([\w.]+)` (-?[\d.]+)", row[4]) for row in rows if row[4] != "–"]
    assert len(named) == 15
    assert [(one[1], float(one[2])) for one in named if one] == [
        (one[1], defaults[one[1]]) for one in named if one
    ]


def test_every_loss_says_what_it_takes(training: str) -> None:
    rows = {row[0].strip("`"): row[2] for row in tables(training, "`dpo.loss`")}
    assert rows.keys() == LOSSES.keys()
    for name, taken in rows.items():
        assert set(re.findall(r"`dpo\.(\w+)`", taken)) == settings_of(name) - {"beta"}, name


@pytest.mark.parametrize(
    ("column", "section", "field"),
    [("`ppo.advantage`", PPO, "advantage"), ("`dpo.loss`", DPO, "loss")],
)
def test_every_choice_is_explained(training: str, column: str, section: type, field: str) -> None:
    choices = get_args(section.model_fields[field].annotation)  # type: ignore[attr-defined]
    assert tuple(row[0].strip("`") for row in tables(training, column)) == choices


@pytest.mark.parametrize("column", ["metric", "PPO", "DPO"])
def test_metrics_are_recorded_under_these_names(training: str, column: str) -> None:
    rooms = [ROOT / "src" / "rather" / room for room in ("training", "stages")]
    code = "\n".join(path.read_text("utf-8") for room in rooms for path in room.rglob("*.py"))
    code = code.replace("accuracy_strength_{strength}", "accuracy_strength_1")
    rows = tables(training, column)
    names = [name for row in rows for name in re.findall(r"`([a-z][\w/]+)`", " ".join(row[:2]))]
    assert len(names) >= len(rows) > 3
    assert [name for name in names if f'"{name}"' not in code] == []
