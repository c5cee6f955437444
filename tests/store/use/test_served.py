"""What was served is found while it is kept, and gone from the files once it is not."""

from pathlib import Path

import pytest

from rather.feedback.use.records import KeptAnswer
from rather.records import Message
from rather.store.database import Database
from rather.store.use import served

EARLY, LATE = "2026-01-01T00:00:00.000000+00:00", "2026-02-01T00:00:00.000000+00:00"
SECRET_TEXT = "the-quick-secret-of-somebody"


def given(id: str, **changed: object) -> KeptAnswer:
    values: dict[str, object] = {
        "id": id,
        "client": "u_ann",
        "asked": "prod",
        "model": "ppo-1",
        "question": "q1",
        "created_at": EARLY,
        "seed": 7,
        "sampling": {"temperature": 1.0},
        "finish_reason": "stop",
        "num_tokens": 3,
    }
    return KeptAnswer(**(values | changed))  # type: ignore[arg-type]


ONE = given("one", messages=(Message("user", "Why?"),), text="So.", redactions={"email": 1})
TWO = given("two", created_at=LATE, client="u_bob", model="base")


def test_it_is_found_by_id(db: Database) -> None:
    assert served.add(db, [ONE, TWO]) == 2
    assert served.add(db, [ONE]) == 0
    assert served.get_many(db, ["one", "two", "three"], EARLY) == {"one": ONE, "two": TWO}
    assert served.get_many(db, ["one", "two"], LATE) == {"two": TWO}  # the other is too old
    assert served.count(db) == {"ppo-1": 1, "base": 1}
    assert served.count(db, before=LATE) == {"ppo-1": 1}


@pytest.mark.parametrize(
    ("which", "left"),
    [
        ({"before": LATE}, {"two"}),
        ({"before": EARLY}, {"one", "two"}),
        ({"client": "u_bob"}, {"one"}),
        ({"client": "u_bob", "before": LATE}, {"one", "two"}),
        ({}, set()),
    ],
)
def test_it_is_purged(db: Database, which: dict[str, str], left: set[str]) -> None:
    served.add(db, [ONE, TWO])
    assert served.purge(db, **which) == 2 - len(left)
    assert set(served.get_many(db, ["one", "two"], EARLY)) == left


def test_what_is_deleted_is_not_in_the_files(tmp_path: Path) -> None:
    def files() -> bytes:
        return b"".join(file.read_bytes() for file in tmp_path.iterdir())

    with Database.open(tmp_path / "rather.db", create=True) as db:
        many = [given(f"n{number}", text=f"{SECRET_TEXT} {number}") for number in range(50)]
        served.add(db, many)
        assert SECRET_TEXT.encode() in files()
        assert served.purge(db) == 50
        assert db.scrub()
        assert SECRET_TEXT.encode() not in files()
    assert SECRET_TEXT.encode() not in files()


def test_a_reader_holds_what_was_deleted_until_it_is_done(tmp_path: Path) -> None:
    with Database.open(tmp_path / "rather.db", create=True) as db:
        served.add(db, [ONE])
        with db.read() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM served").scalar()
            served.purge(db)
            with db._write_engine.connect() as writer:
                writer.exec_driver_sql("PRAGMA busy_timeout=20")  # its one connection waits less
            assert not db.scrub()
        assert db.scrub()


def test_a_server_gives_the_room_back(postgresql_db: Database) -> None:
    served.add(postgresql_db, [ONE, TWO])
    assert served.purge(postgresql_db) == 2
    assert postgresql_db.scrub()
    served.add(postgresql_db, [ONE])  # the connection is as it was before
    assert served.count(postgresql_db) == {"ppo-1": 1}
