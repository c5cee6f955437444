"""Old databases are copied and brought forward, newer ones refused, half-way does not exist."""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from rather.durable import verify
from rather.errors import EnvironmentFault, UsageError
from rather.records import Labeller, Message, Prompt
from rather.store import judgments, labellers, meta, prompts, schema
from rather.store.database import Database
from rather.store.migrations import upgrade


def set_version(path: Path, version: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "rather.db"
    with Database.open(path, create=True) as db:
        meta.put(db, "a", "b")
    return path


def test_head_is_the_newest_migration() -> None:
    config = Config()
    folder = Path(upgrade.__file__).parent
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]


def test_a_newer_database_is_refused_with_both_versions(path: Path) -> None:
    set_version(path, "0999")
    with pytest.raises(UsageError, match=r"schema version 0999 .* up to 0007"):
        Database.open(path)
    assert [file.name for file in path.parent.glob("*backup*")] == []


def test_an_older_database_is_copied_before_it_is_changed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_version(path, "0000")
    copies: list[int] = []
    monkeypatch.setattr(
        upgrade,
        "_migrate",
        lambda connection: copies.append(len(list(path.parent.glob("*.backup")))),
    )
    Database.open(path).close()
    assert copies == [1]
    (folder,) = path.parent.glob("rather.db.schema-0000.*.backup")
    assert verify(folder) == []
    copy = folder / "rather.db"
    assert copy.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT value FROM meta").fetchall() == [("b",)]
    connection.close()


def test_a_migration_that_breaks_leaves_the_old_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = upgrade._migrate

    def break_at_the_end(connection: Connection) -> None:
        real(connection)
        raise RuntimeError("power cut")

    monkeypatch.setattr(upgrade, "_migrate", break_at_the_end)
    path = tmp_path / "rather.db"
    with pytest.raises(RuntimeError, match="power cut"):
        Database.open(path, create=True)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    connection.close()
    monkeypatch.setattr(upgrade, "_migrate", real)
    with Database.open(path, create=True) as db:
        meta.put(db, "a", "b")


def test_a_half_way_migration_does_not_exist_on_a_server(
    new_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, url = upgrade._migrate, new_url()

    def break_at_the_end(connection: Connection) -> None:
        real(connection)
        raise RuntimeError("power cut")

    monkeypatch.setattr(upgrade, "_migrate", break_at_the_end)
    with pytest.raises(RuntimeError, match="power cut"):
        Database.open(url, create=True)
    with Database.connect(url) as db, db.read() as connection:
        assert inspect(connection).get_table_names() == []


def test_of_two_that_start_at_once_one_migrates(
    new_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, url = upgrade._migrate, new_url()
    times: list[str] = []
    failed: list[Exception] = []

    def slowly(connection: Connection) -> None:
        times.append("began")
        time.sleep(0.3)
        real(connection)
        times.append("ended")

    def start() -> None:
        try:
            Database.open(url, create=True).close()
        except Exception as error:
            failed.append(error)

    monkeypatch.setattr(upgrade, "_migrate", slowly)
    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (times, failed) == (["began", "ended"], [])


def test_a_newer_database_on_a_server_is_refused(cluster: Any, postgresql_url: str) -> None:
    name = postgresql_url.partition("@/")[2].partition("?")[0]
    cluster.tell("UPDATE alembic_version SET version_num = '0999'", name)
    with pytest.raises(UsageError, match=r"schema version 0999 .* up to 0007"):
        Database.open(postgresql_url)


def test_a_server_that_lost_its_tables_is_not_filled_again(
    cluster: Any, postgresql_url: str
) -> None:
    name = postgresql_url.partition("@/")[2].partition("?")[0]
    cluster.tell("DROP SCHEMA public CASCADE; CREATE SCHEMA public", name)
    with pytest.raises(EnvironmentFault, match="holds no workspace"):
        Database.open(postgresql_url)


OLD_JUDGMENT = (
    "INSERT INTO judgments (id, kind, prompt_id, labeller_id, answer, created_at, idempotency_key,"
    " is_simulated, source, guidelines_hash, supersedes, is_retraction)"
    " VALUES (:id, 'thumb', 'p', 'l', '{}', '', :id, false, :source, '', :supersedes, :is_over)"
)


def test_judgments_from_before_there_was_a_consent_have_it_unless_taken_back(
    tmp_path: Path, new_url: Callable[[], str]
) -> None:
    """SQLite and PostgreSQL: a user's consent was taken back, an admin's choice was not one."""
    rows = [("1", "use", None), ("2", "use", "1"), ("3", "label", None), ("4", "label", "3")]

    def make_old(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE judgments DROP COLUMN has_consent"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0006'"))
        for id, source, former in rows:
            given = {"id": id, "source": source, "supersedes": former, "is_over": bool(former)}
            connection.execute(text(OLD_JUDGMENT), given)

    for where in (tmp_path / "rather.db", new_url()):
        with Database.open(where, create=True) as db:
            prompts.add(db, [Prompt("p", (Message("user", "Why?"),), "train")])
            labellers.add(db, [Labeller("l", "Ann", False)])
            db.write(make_old)
        with Database.open(where) as db:
            found = {one.id: one.has_consent for one in judgments.all(db)}
        assert found == {"1": True, "2": False, "3": True, "4": True}
