"""docs/teams.md: what it points to is there, and its commands do what it says."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from rather.records import Message, Prompt
from rather.store import prompts
from rather.store.database import Database
from rather.store.engines import postgresql

Find = Callable[[str], list[str]]


@pytest.fixture
def teams(page: Callable[[str], str]) -> str:
    return page("teams.md")


def test_what_it_points_to_is_there(teams: str, broken_links: Find, broken_pointers: Find) -> None:
    assert broken_links(teams) == []
    assert broken_pointers(teams) == []


def test_its_numbers_are_those_in_force(teams: str) -> None:
    assert f"after {postgresql.LOCK_SECONDS} seconds" in teams
    assert "'60s'" in postgresql._NEVER_HOLD_THE_LOCK and "after 60 seconds" in teams
    readers, writer = postgresql._READERS, postgresql._WRITER
    most = sum(
        int(pool[name]) for pool in (readers, writer) for name in ("pool_size", "max_overflow")
    )
    assert most == 32
    assert f"at most {most} of a server's connections" in teams


def test_the_database_it_makes_will_do(teams: str, cluster: Any) -> None:
    makes = re.findall(r"^CREATE .*;$", teams, re.MULTILINE)
    assert len(makes) == 2
    # the tests' own server has that role already
    role, database = (line.replace("rather", "team") for line in makes)
    cluster.tell(role)
    cluster.tell(database)
    url = cluster.url("team").replace("://rather@", "://team@")
    try:
        with Database.open(url, create=True) as db:
            prompts.add(db, [Prompt("p1", (Message("user", "?"),), "train")])
            assert db.check() == []
    finally:
        cluster.drop(url.replace("://team@", "://rather@"))
        cluster.tell("DROP ROLE team")


def test_a_dump_brings_everything_back(
    teams: str, cluster: Any, postgresql_url: str, tmp_path: Path
) -> None:
    with Database.open(postgresql_url) as db:
        prompts.add(db, [Prompt("p1", (Message("user", "?"),), "train")])
    commands = re.findall(r"^(?:pg_dump|createdb|pg_restore) .*$", teams, re.MULTILINE)
    assert len(commands) == 3
    address = postgresql_url.replace("+psycopg", "")
    for command in commands:
        words = command.replace("postgresql://rather@db.example.org/rather", address).split()
        environment = {"PGHOST": str(cluster.folder), "PGUSER": "rather"}
        subprocess.run(
            [cluster.binaries / words[0], *words[1:]], cwd=tmp_path, env=environment, check=True
        )
    restored = cluster.url("restored")
    try:
        with Database.open(restored) as db:
            assert [prompt.id for prompt in prompts.all(db)] == ["p1"]
            prompts.add(db, [Prompt("p2", (Message("user", "?"),), "train")])
            with db.read() as connection:
                numbers = connection.execute(text("SELECT seq FROM prompts ORDER BY seq"))
                assert numbers.scalars().all() == [1, 2]
    finally:
        cluster.drop(restored)
