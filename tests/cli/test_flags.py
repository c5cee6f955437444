"""Flags from the schema, and back to overrides."""

import inspect
from typing import Any

from rather.cli.flags import add_settings, overrides, takes_settings
from rather.cli.verbs import VERBS


def names_of(own: str, others: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    def verb(*, start_anew: bool = False, **settings: Any) -> None:
        """A verb."""

    add_settings(verb, own, others)
    parameters = inspect.signature(verb).parameters.values()
    assert not takes_settings(verb)
    return {
        parameter.name: tuple(parameter.annotation.__metadata__[0].name)
        for parameter in parameters
        if parameter.name != "start_anew"
    }


def test_own_settings_have_a_short_name_and_others_are_dotted() -> None:
    names = names_of("ppo", ("rules",))
    assert names["ppo__kl_coefficient"] == ("--ppo.kl-coefficient", "--kl-coefficient")
    assert names["ppo__adapter__rank"] == ("--ppo.adapter.rank", "--adapter.rank")
    assert names["rules__max_words"] == ("--rules.max-words",)
    assert names["model"] == ("--model",)
    assert "dpo__beta" not in names


def test_a_top_level_name_is_never_taken() -> None:
    assert names_of("reward")["reward__seed"] == ("--reward.seed",)


def test_overrides_are_what_was_given() -> None:
    given = {
        "model": ["base"],
        "seed": None,
        "ppo__num_steps": ["3"],
        "rules__contains": ["a, b", "c"],
        "sample__temperatures": ["0.7,1"],
        "reward__margin": False,
    }
    assert overrides(given) == {
        "model": "base",
        "ppo.num_steps": 3,
        "rules.contains": ["a, b", "c"],
        "sample.temperatures": [0.7, 1],
        "reward.margin": False,
    }


def test_every_stage_takes_its_own_section() -> None:
    own = {function.__name__: section for function, section, _ in VERBS if section}
    names = ("sample", "choose", "label", "sft", "reward", "ppo", "dpo", "evaluate", "run", "serve")
    measured = {"sweep": "evaluate", "promote": "evaluate"}  # answers as evaluate gives them
    assert own == {name: name for name in names} | measured
