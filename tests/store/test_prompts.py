"""Prompts are stored once and come back in order."""

from dataclasses import replace

import pytest

from rather.errors import DataError
from rather.records import Message, Prompt
from rather.store import prompts
from rather.store.database import Database

FULL = Prompt(
    "p1",
    (Message("system", "Be kind."), Message("user", "سلام 🙂 \u202e")),
    "heldout",
    is_text=True,
    source="a.jsonl",
    tags=("x", "y"),
)


def test_a_prompt_comes_back_as_it_was(db: Database) -> None:
    assert prompts.add(db, [FULL]) == 1
    assert prompts.get(db, "p1") == FULL
    assert prompts.get(db, "p2") is None


def test_the_same_id_again_changes_nothing(db: Database) -> None:
    other = replace(FULL, split="train")
    assert prompts.add(db, [FULL, other]) == 1
    assert prompts.add(db, [other]) == 0
    assert prompts.all(db) == [FULL]


def test_order_is_the_order_of_arrival(db: Database) -> None:
    made = [replace(FULL, id=id, split=split) for id, split in (("z", "train"), ("a", "heldout"))]
    prompts.add(db, [*made, made[0]])
    prompts.add(db, [replace(FULL, id="m", split="train")])
    assert [prompt.id for prompt in prompts.all(db)] == ["z", "a", "m"]
    assert [prompt.id for prompt in prompts.all(db, split="train")] == ["z", "m"]
    assert prompts.count(db) == {"train": 2, "heldout": 1}


def test_counts_name_empty_splits(db: Database) -> None:
    assert prompts.count(db) == {"train": 0, "heldout": 0}


@pytest.mark.parametrize("bad", ["a\x00b", "a\ud800b"])
def test_text_no_database_keeps_is_refused_and_nothing_is_stored(db: Database, bad: str) -> None:
    broken = replace(FULL, id="p9", messages=(Message("user", bad),))
    with pytest.raises(DataError, match=r"NUL|surrogate"):
        prompts.add(db, [FULL, broken])
    assert prompts.all(db) == []


def test_a_chat_that_is_imported_later_is_asked(db: Database) -> None:
    chat = replace(FULL, split="train", source="playground")
    gold = replace(chat, id="p2", source="gold")
    prompts.add(db, [chat, gold])
    assert [one.is_asked for one in prompts.all(db)] == [False, False]
    assert prompts.add(db, [FULL, replace(gold, source="a.jsonl"), chat]) == 0
    # people may have trained on it, so it stays where it was
    assert prompts.all(db) == [replace(FULL, split="train"), gold]
    assert prompts.all(db)[0].is_asked


def test_a_withdrawn_prompt_keeps_where_it_came_from(db: Database) -> None:
    other = replace(FULL, id="p2")
    prompts.add(db, [FULL, other])
    for _ in range(2):  # the second time there is nothing to do
        db.write(lambda connection: prompts.withdraw_in(connection, FULL.id))
    assert prompts.all(db) == [replace(FULL, source="withdrawn"), other]
    assert [one.is_asked for one in prompts.all(db)] == [False, True]
    assert sum(prompts.count(db).values()) == 1
    prompts.add(db, [FULL])  # its file is imported once more
    assert not prompts.all(db)[0].is_asked
    with db.read() as connection:
        assert prompts.withdrawn(connection) == {FULL.id: FULL.source}
    assert prompts.ask_again(db, FULL.id)
    assert prompts.all(db) == [FULL, other]
    assert not prompts.ask_again(db, FULL.id)
    assert not prompts.ask_again(db, "unknown")


def test_a_prompt_that_comes_as_a_withdrawn_one_can_be_asked_again(db: Database) -> None:
    exported = replace(FULL, source="withdrawn")
    for _ in range(2):
        prompts.add(db, [exported])
    assert not prompts.all(db)[0].is_asked
    assert prompts.ask_again(db, FULL.id)
    assert prompts.all(db) == [replace(FULL, source="")]
    prompts.add(db, [exported])  # what is known keeps its place
    assert prompts.all(db)[0].is_asked
    with db.read() as connection:
        assert prompts.withdrawn(connection) == {}
