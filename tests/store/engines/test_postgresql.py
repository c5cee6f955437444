"""A database on a server, and everything the server can do to it."""

import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from rather.errors import EnvironmentFault, UsageError
from rather.records import Judgment, Labeller, Message, Prompt
from rather.store import judgments, labellers, meta, prompts
from rather.store.database import Database
from rather.store.engines import postgresql
from rather.store.schema import META


@pytest.fixture
def db(postgresql_db: Database) -> Database:
    return postgresql_db


def shown(connection: Any, *names: str) -> list[str]:
    return [connection.execute(text(f"SHOW {name}")).scalar() for name in names]


@pytest.mark.parametrize("word", ["postgresql+psycopg", "postgresql", "postgres"])
def test_an_address_may_be_written_as_others_write_it(word: str) -> None:
    url = postgresql.address(f"{word}://ann:p%40ss@host:5433/name?sslmode=require")
    assert (url.drivername, url.username, url.password) == ("postgresql+psycopg", "ann", "p@ss")
    assert (url.host, url.port, url.database) == ("host", 5433, "name")


@pytest.mark.parametrize(
    "where", ["postgresql://ann:se@cret@host/name", "postgresql://ann:secret@host:cret/name"]
)
def test_an_address_that_cannot_be_read_does_not_show_its_password(where: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be read: write postgresql") as caught:
        Database.open(where)
    assert "secret" not in str(caught.value)
    assert "se@cret" not in str(caught.value)


def test_a_missing_driver_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as if it were not there
    with pytest.raises(EnvironmentFault, match=r"pip install 'rather\[postgres\]'"):
        Database.open("postgresql://host/name")


def test_a_server_that_is_not_there_is_one_sentence_without_the_password() -> None:
    with pytest.raises(EnvironmentFault, match=r"cannot be reached \(Connection refused\)") as one:
        Database.open("postgresql://ann:secret@127.0.0.1:1/name")
    assert "postgresql://ann:***@127.0.0.1:1/name" in str(one.value)
    assert "secret" not in str(one.value)


def test_settings_promise_durability(db: Database, cluster: Any, postgresql_url: str) -> None:
    names = ("synchronous_commit", "lock_timeout", "transaction_isolation", "transaction_read_only")
    with db.read() as connection:
        assert shown(connection, *names) == ["on", "10s", "repeatable read", "on"]
    reply = db.write(lambda connection: shown(connection, *names))
    assert reply == ["on", "10s", "read committed", "off"]
    cluster.tell("ALTER ROLE rather SET synchronous_commit = off")
    try:
        with Database.open(postgresql_url) as other:
            assert other.write(lambda one: shown(one, "synchronous_commit")) == ["on"]
    finally:
        cluster.tell("ALTER ROLE rather RESET synchronous_commit")


def test_a_server_that_may_lose_commits_is_found_out(
    db: Database, cluster: Any, postgresql_url: str
) -> None:
    assert db.check() == []
    cluster.stop()
    cluster.start(fsync="off")
    assert db.check() == ["fsync is off: a power cut can lose judgments that were acknowledged"]
    cluster.stop()
    cluster.start()
    name = postgresql_url.partition("@/")[2].partition("?")[0]
    cluster.tell(
        "UPDATE pg_index SET indisvalid = false"
        " WHERE indexrelid = 'ix_judgments_prompt_id'::regclass",
        name,
    )
    assert db.check() == ["the index ix_judgments_prompt_id is not valid"]


def test_the_order_of_texts_is_that_of_their_bytes(db: Database) -> None:
    texts = "FROM information_schema.columns WHERE table_schema = 'public' AND data_type = 'text'"
    other = f"SELECT table_name, column_name {texts} AND collation_name IS DISTINCT FROM 'C'"
    with db.read() as connection:
        assert connection.execute(text(other)).all() == []
        assert (connection.execute(text(f"SELECT count(*) {texts}")).scalar() or 0) > 50


def test_an_empty_database_is_filled_only_where_a_workspace_is_made(
    new_url: Callable[[], str], cluster: Any
) -> None:
    url = new_url()
    with pytest.raises(EnvironmentFault, match=r"holds no workspace.*rather db copy"):
        Database.open(url)
    Database.open(url, create=True).close()
    Database.open(url).close()


def test_another_programs_database_is_left_alone(new_url: Callable[[], str], cluster: Any) -> None:
    url = new_url()
    name = url.partition("@/")[2].partition("?")[0]
    cluster.tell("CREATE TABLE alembic_version (version_num text)", name)
    with pytest.raises(EnvironmentFault, match=r"another program \(it has a table alembic_version"):
        Database.open(url, create=True)


def test_a_database_that_cannot_hold_every_language_is_refused(cluster: Any) -> None:
    cluster.tell("CREATE DATABASE narrow TEMPLATE template0 ENCODING 'LATIN1'")
    try:
        with pytest.raises(EnvironmentFault, match=r"narrow keeps texts as LATIN1.*'UTF8'"):
            Database.open(cluster.url("narrow"), create=True)
    finally:
        cluster.drop(cluster.url("narrow"))


def test_a_role_without_rights_is_told_so(new_url: Callable[[], str], cluster: Any) -> None:
    url = new_url()
    name = url.partition("@/")[2].partition("?")[0]
    cluster.tell("CREATE ROLE plain LOGIN")
    cluster.tell("REVOKE CREATE ON SCHEMA public FROM PUBLIC", name)
    theirs = url.replace("://rather@", "://plain@")
    try:
        with pytest.raises(EnvironmentFault, match=r"refuses .* \(permission denied for schema"):
            Database.open(theirs, create=True)
        cluster.tell("GRANT CREATE ON SCHEMA public TO plain", name)
        with Database.open(theirs, create=True) as db:
            meta.put(db, "a", "b")
            assert meta.get(db, "a") == "b"
    finally:
        cluster.tell("DROP OWNED BY plain CASCADE", name)
        cluster.tell("DROP ROLE plain")


def test_a_standby_that_only_reads_is_explained(cluster: Any, postgresql_url: str) -> None:
    name = postgresql_url.partition("@/")[2].partition("?")[0]
    cluster.tell(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with (
        Database.open(postgresql_url) as db,
        pytest.raises(EnvironmentFault, match=r"cannot be written; name the primary server"),
    ):
        meta.put(db, "a", "b")


def test_a_lock_held_elsewhere_is_waited_for_then_explained(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "LOCK_SECONDS", 0.5)
    with Database.open(postgresql_url) as db, Database.open(postgresql_url) as other:
        meta.put(db, "before", "x")
        told: list[str] = []

        def put(name: str) -> None:
            try:
                meta.put(db, name, "x")
            except EnvironmentFault as fault:
                told.append(str(fault))

        with other.transaction():
            began = time.monotonic()
            threads = [threading.Thread(target=put, args=(str(n),)) for n in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert 0.4 < time.monotonic() - began < 5  # one after another they would wait 10 s
            assert meta.get(db, "before") == "x"
        assert len(told) == 20
        assert all("is locked by another process; close that one" in line for line in told)
        meta.put(db, "after", "x")
        assert [meta.get(db, name) for name in ("0", "19", "after")] == [None, None, "x"]


def test_a_writer_that_is_frozen_is_cut_off(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = postgresql._NEVER_HOLD_THE_LOCK.replace("60s", "0.3s")
    monkeypatch.setattr(postgresql, "_NEVER_HOLD_THE_LOCK", short)
    with Database.open(postgresql_url) as db, Database.open(postgresql_url) as other:
        gone = pytest.raises(EnvironmentFault, match="closed the connection; try again")
        with gone, other.transaction() as connection:
            connection.execute(META.insert().values(name="frozen", value="x"))
            meta.put(db, "after", "x")  # waits for the server to cut the other one off
        assert [meta.get(db, name) for name in ("frozen", "after")] == [None, "x"]
        meta.put(other, "again", "x")


def test_a_reader_of_a_locked_table_is_not_kept_for_ever(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "LOCK_SECONDS", 0.2)
    with Database.open(postgresql_url) as db, Database.open(postgresql_url) as other:
        with other.transaction() as connection:
            connection.execute(text("LOCK TABLE meta"))
            with pytest.raises(EnvironmentFault, match="locked by another process"):
                meta.get(db, "a")
        assert meta.get(db, "a") is None


def test_after_a_crash_of_the_server_what_was_acknowledged_is_there(
    db: Database, cluster: Any
) -> None:
    acknowledged: list[str] = []
    failed: list[Exception] = []
    is_over = threading.Event()

    def work(worker: int) -> None:
        number = 0
        while not is_over.is_set():
            name = f"{worker}-{number}"
            number += 1
            try:
                meta.put(db, name, "x")
                acknowledged.append(name)
            except Exception as error:
                failed.append(error)
                time.sleep(0.01)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        time.sleep(0.3)
        cluster.stop(signal.SIGQUIT)
        time.sleep(0.1)
        cluster.start()
    time.sleep(0.3)
    is_over.set()
    for thread in threads:
        thread.join()
    assert len(acknowledged) > 4
    assert failed
    assert {type(error) for error in failed} == {EnvironmentFault}
    with db.read() as connection:
        stored = set(connection.scalars(META.select().with_only_columns(META.c.name)))
    assert set(acknowledged) <= stored


def test_after_a_restart_the_next_request_works(db: Database, cluster: Any) -> None:
    meta.put(db, "before", "x")
    assert meta.get(db, "before") == "x"
    cluster.stop()
    for attempt in (lambda: meta.get(db, "before"), lambda: meta.put(db, "down", "x")):
        with pytest.raises(EnvironmentFault, match=r"cannot be reached|closed the connection"):
            attempt()
    cluster.start()
    assert meta.get(db, "before") == "x"
    meta.put(db, "after", "x")
    assert meta.get(db, "down") is None


def test_a_crowd_takes_few_connections(db: Database, cluster: Any) -> None:
    """A thousand labellers through forty threads, as the app has them."""
    prompts.add(db, [Prompt("p1", (Message("user", "?"),), "train")])
    labellers.add(db, [Labeller(f"l{n}", f"L{n}", True) for n in range(1000)])
    most: list[int] = []
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rather'"

    def judge(number: int) -> None:
        with db.read() as connection:
            most.append(connection.execute(text(query)).scalar() or 0)
            time.sleep(0.01)
        id = f"j{number}"
        answer = {"good": True}
        judgments.record(
            db, Judgment(id, "thumb", "p1", f"l{number}", answer, "2026", id, is_simulated=True)
        )

    with ThreadPoolExecutor(40) as threads:
        for _ in threads.map(judge, range(1000)):
            pass
    assert 16 < max(most) <= 32
    assert {one.id for one in judgments.all(db)} == {f"j{n}" for n in range(1000)}
