"""The flat list of settings, as flags, template and docs see it."""

from rather.config.optimization import Adapter
from rather.config.ppo import PPO
from rather.config.settings import all_settings, is_list, is_text_only, sections, takes_null
from rather.config.stages import Config

SETTINGS = {setting.path: setting for setting in all_settings()}


def test_a_setting_knows_all_that_people_need() -> None:
    clip = SETTINGS["ppo.clip_range"]
    assert clip.description == "ε of the policy's ratio clip."
    assert (clip.type_name, clip.bounds, clip.default) == ("number", "> 0, < 1", 0.2)


def test_type_names_read_as_words() -> None:
    names = {path: SETTINGS[path].type_name for path in SETTINGS}
    assert names["dtype"] == "auto | float32 | bfloat16 | 4bit"
    assert names["sample.temperatures"] == "list of number"
    assert names["label.num_judgments"] == "integer | null"
    assert names["reward.margin"] == "true | false"
    assert names["ppo.adapter.target_modules"] == "list of text | all-linear"


def test_every_setting_is_explained() -> None:
    assert [path for path, setting in SETTINGS.items() if not setting.description] == []


def test_kinds_of_annotation() -> None:
    model, stop = SETTINGS["model"].annotation, SETTINGS["label.num_judgments"].annotation
    assert is_text_only(model)
    assert not is_text_only(stop)
    assert (takes_null(model), takes_null(stop)) == (False, True)
    assert is_list(SETTINGS["sample.models"].annotation)
    assert not is_list(model)


def test_sections_are_found_at_every_depth() -> None:
    assert sections()[""] is Config
    assert sections()["ppo"] is PPO
    assert sections()["ppo.adapter"] is Adapter
