"""Control items come from a file, once, under ids of their own, and go when their rows go."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rather.errors import DataError, UsageError
from rather.records import Prompt
from rather.stages import controls
from rather.stages.sampling import plan
from rather.store import completions, judgments, labellers, prompts
from rather.workspace import Workspace

ROWS: dict[str, list[dict[str, Any]]] = {
    "pair": [
        {"prompt": "Question 0?", "chosen": "Kind.", "rejected": "Rude."},
        {"prompt": "Two?", "chosen": "Yes.", "rejected": "No."},
    ],
    "ranking": [{"prompt": "Two?", "completions": ["b", "a", "c"], "ranks": [2, 1, 2]}],
    "thumb": [{"prompt": "Two?", "completion": "Yes.", "label": True}],
}


@pytest.fixture
def checked(new_ws: Callable[..., Workspace]) -> Callable[..., Workspace]:
    """Workspaces with a file of control items."""

    def make(rows: list[dict[str, Any]], kind: str = "pair") -> Workspace:
        ws = new_ws(label={"kind": kind, "checks": {"gold": "gold.jsonl"}})
        write(ws, rows)
        return ws

    return make


def write(ws: Workspace, rows: list[dict[str, Any]]) -> None:
    (ws.root / "gold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def bring(ws: Workspace) -> int:
    return controls.bring(ws, controls.read(ws))


def gold_prompts(ws: Workspace) -> list[Prompt]:
    return [one for one in prompts.all(ws.db) if one.source == "gold"]


@pytest.mark.parametrize(
    ("kind", "num", "rest"),
    [
        ("pair", 2, {"choice": "A"}),
        ("ranking", 1, {"ranks": [2, 1, 2]}),
        ("thumb", 1, {"good": True}),
    ],
)
def test_each_kind_is_brought_once(
    checked: Callable[..., Workspace], kind: str, num: int, rest: dict[str, Any]
) -> None:
    ws = checked(ROWS[kind], kind)
    assert bring(ws) == num
    assert bring(ws) == 0
    truths = judgments.live(ws.db, labeller_id="gold")
    assert len(truths) == len(judgments.all(ws.db)) == num
    for truth in truths:
        assert (truth.kind, truth.source, truth.is_simulated) == (kind, "gold", True)
        assert truth.answer.items() >= rest.items()
    assert {one.model for one in completions.all(ws.db)} == {"imported"}
    assert [one.role for one in labellers.all(ws.db)] == ["labeller"]


def test_an_ordinary_prompt_with_the_same_words_stays_one(
    checked: Callable[..., Workspace],
) -> None:
    ws = checked(ROWS["pair"])
    before = prompts.all(ws.db)
    counted = prompts.count(ws.db)
    bring(ws)
    assert prompts.all(ws.db)[: len(before)] == before
    assert [one.messages[0].content for one in gold_prompts(ws)] == ["Question 0?", "Two?"]
    assert prompts.count(ws.db) == counted
    assert completions.count(ws.db) == {}
    asked = {prompt.id for _, _, prompt, _ in plan(ws, ws.config.sample)}
    assert asked.isdisjoint(one.id for one in gold_prompts(ws))


def test_rows_that_went_or_changed_are_asked_no_more(checked: Callable[..., Workspace]) -> None:
    ws = checked(ROWS["pair"])
    bring(ws)
    turned = {"prompt": "Two?", "chosen": "No.", "rejected": "Yes."}
    write(ws, [turned])
    assert bring(ws) == 1
    (truth,) = judgments.live(ws.db, labeller_id="gold")
    texts = {one.id: one.text for one in completions.all(ws.db)}
    assert texts[truth.answer["left_completion_id"]] == "No."
    write(ws, ROWS["pair"])
    assert bring(ws) == 2
    assert len(judgments.live(ws.db, labeller_id="gold")) == 2


def test_a_row_that_cannot_be_used_is_named(checked: Callable[..., Workspace]) -> None:
    ws = checked([ROWS["pair"][0], {"prompt": "x", "chosen": "same", "rejected": "same"}])
    with pytest.raises(DataError) as error:
        controls.read(ws)
    assert str(error.value) == (
        f"{ws.root}/gold.jsonl:2: rejected is identical to the other answer; 1 of 2 control items "
        "cannot be used: mend them in the file, or take them out."
    )


def test_two_truths_about_one_item_are_refused(checked: Callable[..., Workspace]) -> None:
    turned = {"prompt": "Two?", "chosen": "No.", "rejected": "Yes."}
    ws = checked([ROWS["pair"][1], turned])
    with pytest.raises(DataError, match=r"gold.jsonl: two rows know different answers .*'Two\?'"):
        controls.read(ws)


def test_more_answers_than_a_page_shows_are_refused(checked: Callable[..., Workspace]) -> None:
    row = {"prompt": "x", "completions": list("abcdefg"), "ranks": [1] * 7}
    with pytest.raises(DataError, match="ranks 7 answers, and a page shows 6 at most"):
        controls.read(checked([row], "ranking"))


def test_what_is_written_has_no_truth(checked: Callable[..., Workspace]) -> None:
    with pytest.raises(UsageError, match="whether a demonstration is right"):
        controls.read(checked(ROWS["pair"], "demonstration"))


def test_a_missing_file_is_said(checked: Callable[..., Workspace]) -> None:
    made = checked(ROWS["pair"])
    Path(made.root / "gold.jsonl").unlink()
    with pytest.raises(DataError, match=r"There is no file .*gold.jsonl"):
        controls.read(made)


def test_no_file_no_control_items(ws: Workspace) -> None:
    assert controls.read(ws) == []
    assert controls.bring(ws, []) == 0
    assert labellers.all(ws.db) == []
