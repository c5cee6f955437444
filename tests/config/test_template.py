"""The YAML `rather init` writes says everything and loads as what it was made from."""

from pathlib import Path

from rather.config.loading import load
from rather.config.settings import all_settings
from rather.config.stages import Config
from rather.config.template import commented_yaml
from rather.config.yaml_text import parse_document


def test_it_loads_as_what_it_was_made_from(tmp_path: Path) -> None:
    changed = load(
        None, {"ppo.adapter.rank": 4, "label.guidelines": 'Say "yes"\n# no: ε', "seed": 7}
    )
    for config in (Config(), changed):
        (tmp_path / "rather.yaml").write_text(commented_yaml(config), "utf-8")
        assert load(tmp_path / "rather.yaml", {}) == config


def test_every_setting_is_there_below_its_help() -> None:
    text = commented_yaml(Config())
    assert {setting.path for setting in all_settings()} <= set(parse_document(text).lines)
    assert (
        "  # ε of the policy's ratio clip.\n"
        "  # (number, > 0, < 1; default 0.2)\n"
        "  clip_range: 0.2\n"
    ) in text
    assert "\n# `dpo`: learn from the same comparisons without a reward model.\ndpo:\n" in text


def test_lines_are_short() -> None:
    assert max(len(line) for line in commented_yaml(Config()).splitlines()) <= 100
