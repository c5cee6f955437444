"""What there is, by name, with its parents."""

import openai
import pytest
from openai import OpenAI

from rather.store import rounds
from rather.store.serving import aliases
from tests.serving.conftest import House, Running


def test_base_and_versions_are_listed_with_their_parents(client: OpenAI) -> None:
    found = {model.id: model for model in client.models.list()}
    assert list(found)[:3] == ["base", "ppo-1", "ppo-2"]
    assert len(found) == 11  # and no reward model, which answers nothing
    assert found["base"].parent is None
    assert (found["ppo-2"].root, found["ppo-2"].parent) == ("ppo-2", "base")
    assert found["ppo-2"].max_model_len == 256
    assert found["ppo-2"].created == 1767225600  # 2026-01-01 00:00 UTC
    assert not any("/" in str(value) for model in found.values() for value in vars(model).values())


def test_an_alias_is_listed_as_what_it_means(house: House, serving: type[Running]) -> None:
    aliases.switch(house.db, "prod", "ppo-7", "test")
    aliases.switch(house.db, "judge", "reward-1", "test")
    client = serving(house).client()
    found = {model.id: model for model in client.models.list()}
    assert (found["prod"].root, found["prod"].parent) == ("ppo-7", "ppo-7")
    assert "judge" not in found
    assert client.models.retrieve("prod").root == "ppo-7"


def test_the_round_that_promoted_a_version_is_told(house: House, serving: type[Running]) -> None:
    turn = rounds.begin(house.db, "base")
    rates = {"reward": {"value": 0.9}, "gold": {"value": 0.75, "low": 0.6, "high": 0.9}}
    rounds.note(house.db, turn.number, "evaluate", {"win_rates": {"ppo-4": rates}})
    rounds.finish(house.db, turn.number, "promoted", "ppo-4", "better")
    found = serving(house).client().models.retrieve("ppo-4")
    assert (found.rather_round, found.rather_winrate) == (1, 0.75)


def test_an_unknown_one_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("ppo-99")
    assert caught.value.code == "model_not_found"
