"""Ids in statements of bounded size, and where tables end."""

from rather.records import Message, Prompt
from rather.store import prompts
from rather.store.database import Database
from rather.store.rows import Mark, chunks, fields, marks
from rather.store.schema import JUDGMENTS, PROMPTS


def test_chunks_hold_each_value_once() -> None:
    parts = list(chunks([str(i % 1500) for i in range(4000)]))
    assert [len(part) for part in parts] == [1000, 500]
    assert list(chunks([])) == []


def test_fields_leave_the_sequence_out() -> None:
    assert fields({"seq": 3, "id": "a"}) == {"id": "a"}


def test_where_tables_end(ready: Database) -> None:
    with ready.read() as connection:
        assert marks(connection, [PROMPTS, JUDGMENTS]) == (Mark(2, 2), Mark(0, 0))
    prompts.add(ready, [Prompt("p3", (Message("user", "Why?"),), "train")])
    with ready.read() as connection:
        assert marks(connection, [PROMPTS]) == (Mark(3, 3),)
