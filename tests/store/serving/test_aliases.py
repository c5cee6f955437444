"""What a name means: switched and rolled back, every switch kept, on each back-end."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rather.errors import DataError, UsageError
from rather.records import ModelVersion
from rather.store import versions
from rather.store.database import Database
from rather.store.serving import aliases

MADE = ("ppo-1", "ppo-2", "dpo-1")


@pytest.fixture
def db(any_db: Database) -> Database:
    register(any_db)
    return any_db


def register(db: Database) -> None:
    for name in MADE:
        stage = "ppo" if name.startswith("ppo") else "dpo"
        versions.register(
            db, ModelVersion(name, stage, "base", (), "run", f"models/{name}", "2026-01-01")
        )


def test_the_newest_switch_is_in_force(db: Database) -> None:
    made = aliases.switch(db, "prod", "ppo-1", "ada")
    assert (made.version, made.switched_by, made.is_rollback) == ("ppo-1", "ada", False)
    aliases.switch(db, "prod", "ppo-2", "bob")
    aliases.switch(db, "next", "base", "bob")
    assert aliases.in_force(db) == {"prod": "ppo-2", "next": "base"}
    assert [one.version for one in aliases.history(db)] == ["ppo-1", "ppo-2", "base"]


def test_the_same_again_is_no_switch(db: Database) -> None:
    first = aliases.switch(db, "prod", "ppo-1", "ada")
    assert aliases.switch(db, "prod", "ppo-1", "bob") == first
    assert len(aliases.history(db)) == 1


def test_each_rollback_goes_one_further_back(db: Database) -> None:
    for version in ("ppo-1", "ppo-2", "dpo-1"):
        aliases.switch(db, "prod", version, "ada")
    assert aliases.roll_back(db, "prod", "ada").version == "ppo-2"
    assert aliases.roll_back(db, "prod", "ada").version == "ppo-1"
    with pytest.raises(DataError, match="prod has always meant ppo-1"):
        aliases.roll_back(db, "prod", "ada")
    # a switch after a rollback goes back to where the rollback led
    aliases.switch(db, "prod", "dpo-1", "ada")
    assert aliases.roll_back(db, "prod", "ada").version == "ppo-1"


@pytest.mark.parametrize("name", ["base", "newest", "ppo-7", "Prod", "", "a b", "x" * 41, "../x"])
def test_a_name_that_could_be_mistaken_is_refused(db: Database, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be an alias"):
        aliases.switch(db, name, "ppo-1", "ada")


def test_what_is_not_there_is_refused(db: Database) -> None:
    with pytest.raises(DataError, match="no version ppo-9"):
        aliases.switch(db, "prod", "ppo-9", "ada")
    with pytest.raises(DataError, match="no alias prod"):
        aliases.roll_back(db, "prod", "ada")
    assert aliases.history(db) == []


def test_switches_at_once_are_one_after_the_other(db: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: aliases.switch(db, "prod", MADE[n % 3], "ada"), range(24)))
    history = aliases.history(db)
    assert aliases.in_force(db) == {"prod": history[-1].version}
    assert all(one.version != other.version for one, other in pairwise(history))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(does=st.lists(st.sampled_from([*MADE, None]), max_size=12))
def test_any_order_is_a_list_that_grows_and_shrinks(db: Database, does: list[str | None]) -> None:
    """None rolls back. Each example has an alias of its own."""
    name = f"a{len({one.alias for one in aliases.history(db)})}"
    meant: list[str] = []
    for version in does:
        if version is not None:
            aliases.switch(db, name, version, "ada")
            if meant[-1:] != [version]:
                meant.append(version)
        elif len(meant) > 1:
            aliases.roll_back(db, name, "ada")
            meant.pop()
        assert aliases.in_force(db).get(name) == (meant[-1] if meant else None)
