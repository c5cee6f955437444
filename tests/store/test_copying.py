"""A database moves whole: every row, id and number, or nothing."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from rather.errors import EnvironmentFault, UsageError
from rather.progress import Progress, Task
from rather.records import Judgment, Prompt
from rather.store import judgments, meta, prompts
from rather.store.copying import copy_database, count_rows, refuse_occupied
from rather.store.database import Database
from rather.store.schema import METADATA

QUIET = Progress(quiet=True)
WHO = {"labeller_id": "ann"}
ROWS: dict[str, list[dict[str, Any]]] = {
    "prompts": [
        {"seq": 2, "id": "p1", "messages": [{"role": "user", "content": "سلام 🙂"}]},
        {"seq": 7, "id": "P2", "messages": [], "tags": ["b", "a"]},
    ],
    "completions": [
        {"seq": 5, "id": "c1", "prompt_id": "p1", "text": "", "sampling": {"z": 0.1, "a": None}}
    ],
    "labellers": [{"seq": 3, "id": "ann", "name": "Ann", "settings": {"pad": [1, 2.5, True]}}],
    "judgments": [
        {"seq": 4, "id": "j1", "answer": {"choice": "A"}, "idempotency_key": "k1", **WHO},
        {"seq": 9, "id": "j2", "answer": {}, "idempotency_key": "k2", "supersedes": "j1", **WHO},
    ],
    "assignments": [{"seq": 1, "item": "i", "completion_ids": ["c1"], **WHO}],
    "remarks": [{"seq": 6, "id": "r1", "item": "i", "idempotency_key": "k", **WHO}],
    "drafts": [{"item": "i", "content": {"text": "half a thou"}, **WHO}],
    "guidelines": [{"hash": "abc", "text": "Be **kind**.\n"}],
    "versions": [{"seq": 1, "name": "reward-1", "parents": [], "metrics": {"accuracy": 0.1 + 0.2}}],
    "runs": [{"seq": 8, "id": "r1", "config": {"seed": 2**62}, "finished_at": None}],
    "metrics": [
        {"run_id": "r1", "step": 10, "name": "loss", "value": None},
        {"run_id": "r1", "step": 9, "name": "kl", "value": math.inf},
        {"run_id": "r1", "step": 9, "name": "KL", "value": 5e-324},
    ],
    "alarms": [{"run_id": "r1", "step": 1, "rule": "kl"}],
    "glimpses": [{"run_id": "r1", "step": 1, "prompt_id": "p1", "score": None, "kl": 0.25}],
    "meta": [{"name": "a", "value": "b"}],
    "questions": [{"seq": 2, "item": "pair:a-b", "prompt_id": "p1", "reasons": {"drift": 0.5}}],
    "rounds": [{"number": 1, "done": {"reward": {"version": "reward-1"}}, "policy": None}],
    "alias_switches": [{"seq": 4, "alias": "prod", "before": None}, {"seq": 5, "before": 4}],
    "api_keys": [{"hash": "h3", "revoked_at": None}],
    "login_tokens": [{"hash": "h1", "used_at": None, **WHO}],
    "sessions": [{"hash": "h2", "revoked_at": "2026", **WHO}],
}
"""What matters of a row in each table; the rest is filled in."""


def filled(name: str, row: dict[str, Any]) -> dict[str, Any]:
    fillers = {"Words": "x", "Document": {}, "Boolean": True, "Integer": 3, "BigInteger": 2**40}
    more = {
        column.name: fillers[type(column.type).__name__]
        for column in METADATA.tables[name].columns
        if column.name not in row and not column.nullable
    }
    refers = {"prompt_id": "p1"} if "prompt_id" in more else {}
    return more | refers | row


def fill(db: Database) -> None:
    with db.transaction() as connection:
        for table in METADATA.sorted_tables:
            for row in ROWS[table.name]:
                connection.execute(table.insert().values(filled(table.name, row)))


def content(db: Database) -> dict[str, list[Any]]:
    with db.read() as connection:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in METADATA.sorted_tables
        }


@pytest.fixture
def full(tmp_path: Path) -> Any:
    with Database.open(tmp_path / "full.db", create=True) as db:
        fill(db)
        yield db


class Meanwhile(Progress):
    """Does something else once, as soon as the first rows are copied."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__(quiet=True)
        self._act: Callable[[], None] | None = act

    def track(self, description: str, total: int | None, unit: str) -> Any:
        whole = super().track(description, total, unit)
        progress = self

        class Watched:
            def __enter__(self) -> Task:
                task = whole.__enter__()

                class Once:
                    def advance(self, n: int = 1, note: str = "") -> None:
                        task.advance(n, note)
                        act, progress._act = progress._act, None
                        if act is not None:
                            act()

                return Once()

            def __exit__(self, *how: Any) -> Any:
                return whole.__exit__(*how)

        return Watched()


def test_there_and_back_again_nothing_has_changed(
    full: Database, new_url: Callable[[], str], tmp_path: Path
) -> None:
    before = content(full)
    assert before["judgments"][1][:2] == (9, "j2")
    assert all(before.values())  # every table there is was filled
    url = new_url()
    there = copy_database(full, url, QUIET)
    with Database.open(url) as server:
        assert content(server) == before
        assert server.check() == []
        back = copy_database(server, str(tmp_path / "back.db"), QUIET)
    with Database.open(tmp_path / "back.db") as returned:
        assert content(returned) == before
        assert returned.check() == []
    assert there == back
    assert {one.table: one.num_rows for one in there} == {
        name: len(rows) for name, rows in ROWS.items()
    }


def test_a_tables_digest_can_be_worked_out_elsewhere(full: Database, tmp_path: Path) -> None:
    copied = copy_database(full, str(tmp_path / "to.db"), QUIET)
    digests = {one.table: one.digest for one in copied}
    # printf '["a", "b"]\n' | sha256sum
    assert digests["meta"] == ("3e0529f999136e8e7bdef5bbb813a664e06d0b8a3efc5691d67205616b2c8dd0")


def test_new_rows_come_after_the_copied_ones(full: Database, new_url: Callable[[], str]) -> None:
    url = new_url()
    copy_database(full, url, QUIET)
    with Database.open(url) as server:
        judgments.record(server, Judgment("j3", "thumb", "p1", "ann", {}, "2026", "k3", False))
        prompts.add(server, [Prompt("p3", (), "train")])
        found = content(server)
    assert [row[:2] for row in found["judgments"]] == [(4, "j1"), (9, "j2"), (10, "j3")]
    assert [row[:2] for row in found["prompts"]] == [(2, "p1"), (7, "P2"), (8, "p3")]


def test_what_is_written_meanwhile_stays_behind(full: Database, new_url: Callable[[], str]) -> None:
    url = new_url()
    copied = copy_database(full, url, Meanwhile(lambda: meta.put(full, "late", "x")))
    assert {one.table: one.num_rows for one in copied}["meta"] == 1
    assert count_rows(full)["meta"] == 2
    with Database.open(url) as server:
        assert meta.get(server, "late") is None


def test_a_workspace_is_not_copied_over(full: Database, any_db: Database, any_where: str) -> None:
    refuse_occupied(any_where)  # tables, but not a row
    meta.put(any_db, "a", "mine")
    with pytest.raises(UsageError, match=r"holds a workspace already \(1 rows\)"):
        copy_database(full, any_where, QUIET)
    assert meta.get(any_db, "a") == "mine"
    with pytest.raises(UsageError, match=r"a workspace already \(25 rows\)"):
        copy_database(full, full.where, QUIET)


def test_another_programs_tables_are_let_be(
    full: Database, new_url: Callable[[], str], cluster: Any
) -> None:
    url = new_url()
    cluster.tell("CREATE TABLE theirs (a int)", url.partition("@/")[2].partition("?")[0])
    with pytest.raises(UsageError, match="holds a table theirs"):
        copy_database(full, url, QUIET)


def test_a_file_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    refuse_occupied(str(tmp_path / "to.db"))
    assert list(tmp_path.iterdir()) == []


def test_rows_that_arrive_changed_undo_the_copy(
    full: Database, postgresql_url: str, cluster: Any
) -> None:
    name = postgresql_url.partition("@/")[2].partition("?")[0]
    cluster.tell(
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN NEW.value = 'spoilt'; RETURN NEW; END$$;"
        " CREATE TRIGGER spoil BEFORE INSERT ON meta FOR EACH ROW EXECUTE FUNCTION spoil()",
        name,
    )
    with pytest.raises(EnvironmentFault, match=r"The table meta did not arrive as it was \(1 rows"):
        copy_database(full, postgresql_url, QUIET)
    with Database.open(postgresql_url) as server:
        assert set(count_rows(server).values()) == {0}


def test_a_copy_that_breaks_off_leaves_no_file(full: Database, tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    (tmp_path / "to.db.notes").write_text("mine")
    with pytest.raises(KeyboardInterrupt):
        copy_database(full, str(tmp_path / "to.db"), Meanwhile(interrupt))
    assert sorted(path.name for path in tmp_path.glob("to*")) == ["to.db.notes"]
