"""From records to token rows; what is left out is counted and named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rather.config.stages import SFT
from rather.data.batch import Row
from rather.data.identity import prompt_id
from rather.errors import DataError, UsageError
from rather.feedback.events import Circumstances, new_judgment
from rather.feedback.pair import Pair
from rather.records import Comparison, Completion, Labeller, Learnt, Message, Prompt
from rather.stages.examples import (
    LeftOut,
    demonstration_rows,
    fitting,
    identity,
    judged_rows,
    load_comparisons,
    tasks,
    text_rows,
    without_tied_pairs,
)
from rather.stages.runs import open_library
from rather.store import completions, judgments, labellers, prompts
from rather.workspace import Workspace

LONG = Prompt("long", (Message("user", "x" * 300),), "train")
"""Three hundred tokens, and the tiny model's context is 256."""


def compare(ranks: tuple[int, ...], *texts: str, name: str = "j") -> Comparison:
    prompt = Prompt("p", (Message("user", "Why?"),), "train")
    return Comparison(prompt, texts or ("yes", "no"), ranks, judgment_id=name)


def test_comparisons_of_a_split(judged_ws: Workspace) -> None:
    train, left_out = load_comparisons(judged_ws, "train")
    assert len(train) == 8
    assert {comparison.prompt.split for comparison in train} == {"train"}
    assert train[0].completions == ("Please, the 0.", "No way, 0!")
    assert [comparison.ranks for comparison in train[:2]] == [(1, 2), (2, 1)]
    assert left_out.counts["a demonstration compares nothing"] == 8
    heldout, _ = load_comparisons(judged_ws, "heldout")
    assert len(heldout) == 3


def test_tied_pairs_are_left_out_where_they_say_nothing() -> None:
    left_out = LeftOut()
    given = [
        compare((1, 1), name="tied"),
        compare((2, 1)),
        compare((1, 1, 2), "a", "b", "c"),
        compare((1, 1, 1), "a", "b", "c", name="all"),
    ]
    assert without_tied_pairs(given, left_out) == [given[1], given[2]]
    assert left_out.counts == {"a tie says nothing here": 2}
    assert left_out.examples == {"a tie says nothing here": ["tied", "all"]}


def test_what_does_not_fit_is_left_out_and_named(ws: Workspace) -> None:
    codec = open_library(ws).codec("base")
    left_out = LeftOut()
    fits, too_long = compare((1, 2)), compare((1, 2), "y" * 300, "no", name="j2")
    found = fitting([fits, too_long], codec, left_out)
    assert found == [fits]
    (judged,) = judged_rows(found, codec)
    assert judged.row.completions == (codec.completion_ids("yes"), codec.completion_ids("no"))
    assert left_out.counts == {"longer than the model's context": 1}
    said: list[str] = []
    left_out.tell(said.append)
    assert said[0].startswith("left out 1: longer than the model's context (for example j2: ")


def test_a_few_examples_of_many() -> None:
    left_out = LeftOut()
    for number in range(9):
        left_out.add("odd", f"j{number}")
    assert left_out.counts == {"odd": 9}
    assert left_out.examples == {"odd": ["j0", "j1", "j2", "j3", "j4"]}


def test_demonstrations_of_training_prompts(judged_ws: Workspace) -> None:
    codec = open_library(judged_ws).codec("base")
    rows, named, left_out, learnt = demonstration_rows(judged_ws, SFT(), codec)
    assert (len(rows), len(named)) == (8, 8)
    first = prompts.all(judged_ws.db)[0]
    text = "Thank you for the question 0."
    assert rows[0] == Row(codec.prompt_ids(first), (codec.completion_ids(text),))
    assert rows[0].completions[0][-1] == 2  # the end of the turn is learnt, too
    assert named[0] == [first.id, text]
    assert left_out.counts["a pair demonstrates nothing"] == 8
    given = judgments.live(judged_ws.db, "demonstration")[:8]
    assert learnt == Learnt(tuple(one.id for one in given), tuple(one.prompt_id for one in given))


def test_tasks_are_training_prompts_that_fit(ws: Workspace) -> None:
    prompts.add(ws.db, [LONG])
    codec, left_out = open_library(ws).codec("base"), LeftOut()
    found = tasks(ws, codec, left_out)
    assert [task.prompt.split for task in found] == ["train"] * 8
    assert found[0].ids == codec.prompt_ids(found[0].prompt)
    assert left_out.counts == {"longer than the model's context": 1}
    assert left_out.examples["longer than the model's context"][0].startswith("long: ")


def test_text_is_cut_into_blocks_that_miss_no_token(ws: Workspace) -> None:
    (ws.root / "book.txt").write_text("abcdefghijklmnopqrst")
    codec, left_out = open_library(ws).codec("base"), LeftOut()
    rows = text_rows(ws, "book.txt", 8, codec, left_out)
    # a stop token, 20 letters and a stop token: 21 predicted tokens in blocks of 8, 8 and 5
    assert [len(row.completions[0]) for row in rows] == [8, 8, 5]
    predicted = sum((row.completions[0] for row in rows), ())
    assert predicted == codec.completion_ids("abcdefghijklmnopqrst")
    before = [codec.stop_ids[0], *predicted]
    assert [row.prompt_ids for row in rows] == [(before[0],), (before[8],), (before[16],)]
    assert left_out.counts == {}


def test_documents_are_joined_by_the_stop_token(ws: Workspace) -> None:
    lines = [json.dumps({"text": text}) for text in ("ab", "", "c")]
    (ws.root / "docs.jsonl").write_text("\n".join(lines))
    codec, left_out = open_library(ws).codec("base"), LeftOut()
    (row,) = text_rows(ws, "docs.jsonl", 64, codec, left_out)
    stop = codec.stop_ids[0]
    assert row.prompt_ids == (stop,)
    assert row.completions == ((*codec.completion_ids("ab"), *codec.completion_ids("c")),)
    assert row.completions[0].count(stop) == 2
    assert left_out.examples == {"the text is empty": ["docs.jsonl:2"]}


def test_a_block_larger_than_the_context_is_refused(ws: Workspace) -> None:
    (ws.root / "book.txt").write_text("abc")
    codec = open_library(ws).codec("base")
    with pytest.raises(UsageError, match=r"sft\.text_block is 256, but .* context of 256 tokens"):
        text_rows(ws, "book.txt", 256, codec, LeftOut())
    assert len(text_rows(ws, "book.txt", 255, codec, LeftOut())) == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, r"sft\.text: there is no file"),
        ('{"prompt": "x"}', r'should hold rows of \{"text": \.\.\.\}'),
        ('{"text": 3}', r'should hold rows of \{"text": \.\.\.\}'),
        ("[1, 2]", r'should hold rows of \{"text": \.\.\.\}'),
        ("not json", r'should hold rows of \{"text": \.\.\.\}'),
    ],
)
def test_text_that_is_none_is_refused(ws: Workspace, content: str | None, sentence: str) -> None:
    if content is not None:
        (ws.root / "docs.jsonl").write_text(content)
    with pytest.raises(DataError, match=sentence):
        text_rows(ws, "docs.jsonl", 8, open_library(ws).codec("base"), LeftOut())


def test_what_identifies_comparisons(new_judged_ws: Callable[..., Workspace]) -> None:
    ws = new_judged_ws()
    before = identity(load_comparisons(ws, "train")[0])
    assert before == identity(load_comparisons(ws, "train")[0])
    prompt = Prompt(
        prompt_id((Message("user", "Question 0?"),)), (Message("user", "Question 0?"),), "train"
    )
    left, right = (
        judgment.answer[f"{side}_completion_id"]
        for judgment in judgments.live(ws.db, "pair")[:1]
        for side in ("left", "right")
    )
    ben = Labeller("ben", "Ben", False)
    labellers.add(ws.db, [ben])
    judgments.record(ws.db, new_judgment(prompt.id, ben, Pair(left, right, "B")))
    after = identity(load_comparisons(ws, "train")[0])
    assert after != before
    assert after[:8] == before


def test_files_are_found_from_the_workspace(ws: Workspace, tmp_path: Path) -> None:
    (tmp_path / "beside.txt").write_text("abc")
    codec = open_library(ws).codec("base")
    assert len(text_rows(ws, str(tmp_path / "beside.txt"), 8, codec, LeftOut())) == 1
    assert len(text_rows(ws, "../beside.txt", 8, codec, LeftOut())) == 1


@pytest.mark.parametrize("source", ["playground", "use"])
def test_chats_train_and_measure_nothing(judged_ws: Workspace, source: Any) -> None:
    chats = [
        Prompt(f"chat-{split}", (Message("user", split),), split, source=source)
        for split in ("train", "heldout")
    ]
    prompts.add(judged_ws.db, chats)
    known = [prompts.all(judged_ws.db, split)[0].id for split in ("train", "heldout")]
    before = {split: len(load_comparisons(judged_ws, split)[0]) for split in ("train", "heldout")}
    ann = Labeller("ann", "Ann", False)
    for number, prompt_id_ in enumerate([*known, *(chat.id for chat in chats)]):
        given = [
            Completion(f"{number}-{text}", prompt_id_, text, "base", {"purpose": source})
            for text in ("one", "two")
        ]
        completions.add(judged_ws.db, given)
        answer = Pair(given[0].id, given[1].id, "A")
        circumstances = Circumstances(source=source)
        judgments.record(judged_ws.db, new_judgment(prompt_id_, ann, answer, circumstances))
    train, _ = load_comparisons(judged_ws, "train")
    assert len(train) == before["train"] + 2
    heldout, left_out = load_comparisons(judged_ws, "heldout")
    assert len(heldout) == before["heldout"]
    assert left_out.counts["given in the playground or in use, which measures nothing"] == 4
    codec = open_library(judged_ws).codec("base")
    for split, number in (("train", 8), ("heldout", 3)):
        asked = tasks(judged_ws, codec, LeftOut(), split)
        assert len(asked) == number
        assert all(task.prompt.is_asked for task in asked)
