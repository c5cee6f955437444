"""Chosen questions: each once, in their order, by kind."""

from rather.records import Question
from rather.store import questions
from rather.store.database import Database

FIRST = Question("pair:a-b", "pair", "p1", True, "2026")
SECOND = Question("pair:a-c", "pair", "p1", False, "2026", {"disagreement": 0.25})
RANKED = Question("ranking:a-b-c", "ranking", "p2", False, "2026")


def test_questions_come_back_as_they_were(ready: Database) -> None:
    assert questions.add(ready, [FIRST, RANKED]) == 2
    assert questions.add(ready, [SECOND, FIRST]) == 1
    assert questions.all(ready) == [FIRST, RANKED, SECOND]
    assert questions.all(ready, "pair") == [FIRST, SECOND]
    with ready.read() as connection:
        assert questions.after(connection, 2) == [SECOND]
