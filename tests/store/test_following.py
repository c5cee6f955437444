"""Where tables end, empty ones too."""

from rather.records import Message, Prompt
from rather.store import prompts
from rather.store.database import Database
from rather.store.following import Mark, marks
from rather.store.schema import JUDGMENTS, PROMPTS


def test_where_tables_end(ready: Database) -> None:
    with ready.read() as connection:
        assert marks(connection, [PROMPTS, JUDGMENTS]) == (Mark(2, 2), Mark(0, 0))
    prompts.add(ready, [Prompt("p3", (Message("user", "Why?"),), "train")])
    with ready.read() as connection:
        assert marks(connection, [PROMPTS]) == (Mark(3, 3),)
