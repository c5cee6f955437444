"""Completions hang on prompts and come back in order."""

import pytest

from rather.errors import DataError
from rather.records import Completion, Message, Prompt
from rather.store import completions, prompts
from rather.store.database import Database

A = Completion("c1", "p1", "One.", "base", {"top_p": 0.9, "temperature": 1.0}, 7, "length", 3)
B = Completion("c0", "p2", "Two.", "ppo-1")
C = Completion("c2", "p1", "Three.", "ppo-1", seed=2**40)


def test_completions_come_back_as_they_were(ready: Database) -> None:
    assert completions.add(ready, [A, B]) == 2
    assert completions.add(ready, [B, C]) == 1
    assert completions.all(ready) == [A, B, C]
    assert list(completions.all(ready)[0].sampling) == ["top_p", "temperature"]


def test_they_are_found_by_prompt_model_and_id(ready: Database) -> None:
    completions.add(ready, [A, B, C])
    assert completions.all(ready, prompt_ids=["p1"]) == [A, C]
    assert completions.all(ready, prompt_ids=[]) == []
    assert completions.all(ready, prompt_ids=["p2", "p1"], model="ppo-1") == [B, C]
    assert completions.get_many(ready, ["c2", "c1", "nothing"]) == {"c1": A, "c2": C}
    assert completions.count(ready) == {"base": 1, "ppo-1": 2}


def test_more_ids_than_one_statement_takes(ready: Database) -> None:
    many = [Completion(f"c{i}", "p1", str(i), "base") for i in range(2500)]
    assert completions.add(ready, many) == 2500
    assert len(completions.get_many(ready, [one.id for one in many])) == 2500


def test_an_unknown_prompt_is_refused(ready: Database) -> None:
    with pytest.raises(DataError, match=r"(?i)FOREIGN KEY"):
        completions.add(ready, [A, Completion("c9", "p9", "x", "base")])
    assert completions.all(ready) == []


def test_those_of_control_items_and_chats_are_not_counted(ready: Database) -> None:
    words = (Message("user", "Right?"),)
    prompts.add(ready, [Prompt("g1", words, "train", source="gold")])
    prompts.add(ready, [Prompt("chat", words, "train", source="playground")])
    completions.add(ready, [A, Completion("g", "g1", "x", "m"), Completion("t", "chat", "x", "m")])
    assert completions.count(ready) == {"base": 1}
    assert prompts.count(ready) == {"train": 1, "heldout": 1}
    with ready.read() as connection:
        assert [one.id for one in completions.after(connection, 1)] == ["g", "t"]
        assert [one.id for one in prompts.after(connection, 2)] == ["g1", "chat"]
