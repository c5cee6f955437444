"""Defaults < file < environment < flags, and every problem named at once."""

from pathlib import Path
from typing import Any

import pytest

from rather.config.loading import load
from rather.config.stages import Config
from rather.errors import UsageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rather.yaml"


def complaint(path: Path | None, overrides: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        load(path, overrides)
    return str(caught.value)


def test_nothing_given_is_the_defaults() -> None:
    assert load(None, {}) == Config()


def test_the_last_word_wins(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("ppo: {num_steps: 2, num_epochs: 2, batch_size: 2}\nseed: 2\n")
    monkeypatch.setenv("RATHER_PPO__NUM_EPOCHS", "3")
    monkeypatch.setenv("RATHER_PPO__BATCH_SIZE", "3")
    monkeypatch.setenv("RATHER_MODEL", "123")
    config = load(file, {"ppo.batch_size": "4"})
    assert (config.ppo.num_steps, config.ppo.num_epochs, config.ppo.batch_size) == (2, 3, 4)
    assert (config.seed, config.model) == (2, "123")
    assert config.dpo.batch_size == 16


def test_a_partial_group_keeps_the_defaults_of_the_rest(file: Path) -> None:
    file.write_text("ppo:\n  adapter:\n    rank: 4\nsample:\nlabel: ~\n")
    assert load(file, {}).ppo.adapter == Config().ppo.adapter.model_copy(update={"rank": 4})


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("dpo.learning_rate", "1e-5", 1e-5),
        ("sample.temperatures", "0.7,1", (0.7, 1.0)),
        ("sample.temperatures", "[0.7, 1]", (0.7, 1.0)),
        ("sample.models", "base,ppo-1", ("base", "ppo-1")),
        ("rules.contains", '["a, b"]', ("a, b",)),
        ("sft.adapter.target_modules", "all-linear", "all-linear"),
        ("sft.adapter.target_modules", "q_proj,v_proj", ("q_proj", "v_proj")),
        ("ppo.kl.target_kl", "null", None),
        ("label.simulate", "none", None),
        ("label.simulate", "no", "no"),
        ("reward.margin", "false", False),
    ],
)
def test_text_becomes_what_its_setting_takes(path: str, text: str, value: Any) -> None:
    section: Any = load(None, {path: text})
    for name in path.split("."):
        section = getattr(section, name)
    assert section == value


def test_overrides_may_be_nested_or_use_underscores() -> None:
    config = load(None, {"ppo": {"num_steps": 5}, "dpo__adapter__rank": 8})
    assert (config.ppo.num_steps, config.dpo.adapter.rank) == (5, 8)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "\n\nppo:\n  kl_coeff: 0.1",
            "rather.yaml:4: ppo.kl_coeff is not a setting; did you mean ppo.kl_coefficient?",
        ),
        (
            "kl_coefficient: 1",
            "rather.yaml:1: kl_coefficient is not a setting; did you mean ppo.kl_coefficient?",
        ),
        ("zzz: 1", "rather.yaml:1: zzz is not a setting"),
        ("pp: {num_steps: 3}", "rather.yaml:1: pp is not a setting; did you mean ppo?"),
        ("ppo: 3", "rather.yaml:1: ppo is a group of settings, not one value"),
        ("ppo: {clip_range: 3}", "rather.yaml:1: ppo.clip_range must be less than 1, not 3"),
        ("seed: many", "rather.yaml:1: seed must be a valid integer, not many"),
        ("seed: null", "rather.yaml:1: seed must be a valid integer, not null"),
        ("model: 12", "rather.yaml:1: model must be a valid string, not 12"),
        (
            "dtype: int8",
            "rather.yaml:1: dtype must be 'auto', 'float32', 'bfloat16' or '4bit', not int8",
        ),
        (
            "sample:\n  temperatures: [0.7, hot]",
            "rather.yaml:2: sample.temperatures must be a valid number, not hot",
        ),
        ("sft: {adapter: {target_modules: 3}}",
         "rather.yaml:1: sft.adapter.target_modules must be a list or 'all-linear', not 3"),
        ("seed: 1\nseed: 2", "rather.yaml:2: seed was set before, in line 1"),
        ("ppo:\n num_steps: .inf", "rather.yaml:2: ppo.num_steps must be a valid integer"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_one_sentence(text: str, sentence: str, file: Path) -> None:
    file.write_text(text)
    assert complaint(file, {})[: len(sentence)] == sentence


def test_all_problems_come_together(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("ppo:\n  kl_coeff: 0.1\n  num_steps: 0\n")
    monkeypatch.setenv("RATHER_DPO__BETTA", "1")
    assert complaint(file, {"sft.num_epochs": "two"}).splitlines() == [
        "4 problems in the configuration:",
        "  rather.yaml:2: ppo.kl_coeff is not a setting; did you mean ppo.kl_coefficient?",
        "  RATHER_DPO__BETTA: dpo.betta is not a setting; did you mean dpo.beta?",
        "  --sft.num-epochs: sft.num_epochs must be a valid integer, not two",
        "  rather.yaml:3: ppo.num_steps must be greater than or equal to 1, not 0",
    ]


def test_variables_of_other_rooms_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATHER_FAILPOINT", "nowhere:kill")
    assert load(None, {}) == Config()
    monkeypatch.setenv("RATHER_SEEED", "1")
    assert complaint(None, {}) == "RATHER_SEEED: seeed is not a setting; did you mean seed?"


def test_a_file_that_cannot_be_read_is_one_sentence(file: Path, tmp_path: Path) -> None:
    assert complaint(file, {}) == f"{file} does not exist: give the path of a rather.yaml."
    file.write_bytes(b"model: \xff")
    assert complaint(file, {}).startswith(f"{file} is not a UTF-8 text file")
    assert complaint(tmp_path, {}).startswith(f"{tmp_path} is not a UTF-8 text file")


def test_a_wrong_address_does_not_show_its_password(file: Path) -> None:
    file.write_text("database: [postgresql://ann:secret@host/name]\n")
    said = complaint(file, {})
    assert "database must be a valid string" in said
    assert "postgresql://ann:***@host/name" in said
    assert "secret" not in said
