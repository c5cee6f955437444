"""Workspaces with whole models, and on models that cannot be packed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rather.models.library import Library
from rather.store.database import Database
from tests.models.conftest import PADDED, build
from tests.serving.conftest import House


@pytest.fixture
def whole(house: House) -> House:
    house.publish_whole("sft-1", seed=1)
    house.publish_whole("sft-2", seed=2)
    house.publish_on("sft-1", "ppo-11", seed=3)
    return house


@pytest.fixture
def padded(tmp_path: Path, tiny_tokenizer: Any) -> Iterator[Callable[[str], House]]:
    """Makes a workspace on a random model of a family, with two adapters."""
    opened: list[Database] = []

    def make(family: str) -> House:
        build(PADDED[family]()).save_pretrained(tmp_path / "base-model")
        tiny_tokenizer.save_pretrained(tmp_path / "base-model")
        db = Database.open(tmp_path / "rather.db", create=True)
        opened.append(db)
        house = House(tmp_path, db, Library(tmp_path, "base-model", "float32", {}))
        for number in (1, 2):
            house.publish(f"ppo-{number}", seed=number)
        return house

    yield make
    for db in opened:
        db.close()
