"""A database in a file, and everything the machine can do to it."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event

from rather.errors import EnvironmentFault
from rather.records import Message, Prompt
from rather.store import meta, prompts
from rather.store.database import Database
from rather.store.engines import sqlite
from rather.store.schema import META


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "rather.db", create=True) as database:
        yield database


def test_settings_promise_durability(db: Database) -> None:
    with db.read() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 10000,
    }


def test_nobody_else_may_read_the_file(db: Database, tmp_path: Path) -> None:
    assert (tmp_path / "rather.db").stat().st_mode & 0o777 == 0o600


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match=r"no database at .*rather init"):
        Database.open(tmp_path / "rather.db")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="cannot be made"):
        Database.open(tmp_path / "nowhere" / "rather.db", create=True)


def test_an_emptied_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "rather.db"
    path.touch()
    with pytest.raises(EnvironmentFault, match="empty or damaged"):
        Database.open(path)
    assert path.stat().st_size == 0


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "rather.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (a)")
    other.close()
    with pytest.raises(EnvironmentFault, match=r"another program.*theirs"):
        Database.open(path, create=True)


@pytest.mark.parametrize("damage", ["garbage", "truncated", "zeroed"])
def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "rather.db"
    with Database.open(path, create=True) as db:
        prompts.add(
            db, [Prompt(f"p{i}", (Message("user", "x" * 500),), "train") for i in range(99)]
        )
    sound = path.read_bytes()
    broken = {
        "garbage": b"\xff" * len(sound),
        "truncated": sound[: len(sound) // 2],
        "zeroed": sound[:100] + b"\x00" * (len(sound) - 100),
    }[damage]
    path.write_bytes(broken)
    with pytest.raises(EnvironmentFault, match="damaged"), Database.open(path) as db:
        prompts.all(db)
    assert path.read_bytes() == broken


def test_a_read_only_database_is_explained(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    db.close()
    real = sqlite.make_engine

    def read_only(path: Path, *, is_writer: bool) -> Engine:
        engine = real(path, is_writer=is_writer)
        event.listen(engine, "connect", lambda one, _: one.execute("PRAGMA query_only=ON"))
        return engine

    monkeypatch.setattr(sqlite, "make_engine", read_only)
    with Database.open(db.where) as same:
        with pytest.raises(EnvironmentFault, match="cannot be written"):
            meta.put(same, "a", "b")
        assert meta.get(same, "a") is None


def test_a_lock_held_elsewhere_is_waited_for_then_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_MILLISECONDS", 200)
    path = tmp_path / "rather.db"
    with Database.open(path, create=True) as db:
        meta.put(db, "before", "x")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with pytest.raises(EnvironmentFault, match="locked by another process"):
            meta.put(db, "during", "x")
        assert 0.15 < time.monotonic() - began < 5
        assert meta.get(db, "before") == "x"
        other.execute("ROLLBACK")
        other.close()
        meta.put(db, "after", "x")
        assert (meta.get(db, "during"), meta.get(db, "after")) == (None, "x")


def test_a_full_disk_is_explained_and_writing_goes_on_after_it(tmp_path: Path) -> None:
    with Database.open(tmp_path / "rather.db", create=True) as db:
        meta.put(db, "before", "x")
        with db.read() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

        def fill(connection: Connection) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
            connection.execute(META.insert().values(name="big", value="x" * 99_000))

        with pytest.raises(EnvironmentFault, match="disk is full"):
            db.write(fill)
        db.write(lambda c: c.exec_driver_sql("PRAGMA max_page_count=100000") and None)
        meta.put(db, "after", "x")
        assert meta.get(db, "big") is None
        assert (meta.get(db, "before"), meta.get(db, "after")) == ("x", "x")
        assert db.check() == []


def test_network_file_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = f"rootfs / ext4 rw 0 0\nserver:/x {tmp_path.resolve()} nfs4 rw 0 0\n"
    real = Path.read_text

    def read_text(self: Path, errors: str | None = None) -> str:
        return mounts if str(self) == "/proc/mounts" else real(self, errors=errors)

    monkeypatch.setattr(Path, "read_text", read_text)
    with pytest.raises(EnvironmentFault, match="network file system"):
        Database.open(tmp_path / "rather.db", create=True)


def test_all_who_wait_while_nothing_can_begin_are_told_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_MILLISECONDS", 500)
    path = tmp_path / "rather.db"
    with Database.open(path, create=True) as db:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        told: list[str] = []

        def put(name: str) -> None:
            try:
                meta.put(db, name, "x")
            except EnvironmentFault as fault:
                told.append(str(fault))

        threads = [threading.Thread(target=put, args=(str(n),)) for n in range(20)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - began
        other.execute("ROLLBACK")
        other.close()
        assert len(told) == 20
        assert seconds < 5  # one after another they would wait 10 s
        meta.put(db, "after", "x")
