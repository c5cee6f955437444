"""Whole files: what kind they are, what becomes of good rows and of bad ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from rather.data.importing import SplitRule, detect, read
from rather.errors import DataError, UsageError

SHARED = Path(__file__).parents[3] / "shared" / "data"

PAIR = {"prompt": "Why?", "chosen": "Yes.", "rejected": "No."}


def write(tmp_path: Path, *rows: Any) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (PAIR, "pairs"),
        ({"chosen": "a b", "rejected": "a c"}, "pairs"),
        ({"prompt": [], "a": "x", "b": "y", "label": "a", "votes": []}, "pairs"),
        ({"model_a": "", "winner": "tie", "conversation_a": [], "conversation_b": []}, "pairs"),
        ({"prompt": "", "completions": [], "ranks": []}, "rankings"),
        ({"prompt": "", "completion": "", "label": True}, "thumbs"),
        ({"prompt": "", "completion": ""}, "demonstrations"),
        ({"prompt": [], "response": ""}, "demonstrations"),
        ({"instruction": "", "input": "", "output": ""}, "demonstrations"),
        ({"messages": [{"role": "user"}, {"role": "assistant"}]}, "demonstrations"),
        ({"conversations": [{"from": "human"}, {"from": "gpt"}]}, "demonstrations"),
        ({"messages": [{"role": "user"}]}, "prompts"),
        ({"prompt": ""}, "prompts"),
        ({"turns": []}, "prompts"),
        ({"text": ""}, "prompts"),
        ({"question": "", "answer": ""}, "prompts"),
        ({"type": "rather", "version": 1}, "rather"),
        ({"colour": "red"}, None),
    ],
)
def test_kinds_are_told_by_their_fields(row: dict[str, Any], kind: str | None) -> None:
    assert detect([row]) == kind


def test_bad_rows_are_counted_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path, PAIR, PAIR | {"rejected": "Yes."}, PAIR | {"chosen": " "}, [1], PAIR)
    imported = read(path)
    assert (imported.kind, imported.num_rows) == ("pairs", 5)
    assert [str(rejected) for rejected in imported.rejected] == [
        f"{path}:2: rejected is identical to the other answer",
        f"{path}:3: chosen is empty",
        f"{path}:4: the row must be an object, it is a list",
    ]
    assert (len(imported.prompts), len(imported.completions)) == (1, 2)
    assert [one.kind for one in imported.judgments] == ["pair", "pair"]
    assert imported.prompts[0].source == "rows.jsonl"


def test_stop_stops_at_the_first_bad_row(tmp_path: Path) -> None:
    path = write(tmp_path, PAIR, PAIR | {"rejected": ""}, [1])
    with pytest.raises(DataError, match=r"rows\.jsonl:2: rejected is empty; 2 of 3 rows cannot"):
        read(path, on_error="stop")


def test_the_same_file_again_has_the_same_keys(tmp_path: Path) -> None:
    path = write(tmp_path, PAIR, PAIR, PAIR | {"rejected": "Maybe."})
    first, again = read(path), read(path)
    keys = [judgment.idempotency_key for judgment in first.judgments]
    assert keys == [judgment.idempotency_key for judgment in again.judgments]
    assert len(set(keys)) == 3
    assert {judgment.source for judgment in first.judgments} == {"import"}
    assert {judgment.id for judgment in first.judgments}.isdisjoint(
        judgment.id for judgment in again.judgments
    )


def test_equal_prompts_fall_on_one_side_in_every_file(tmp_path: Path) -> None:
    rows = [{"prompt": f"Question {i}?"} for i in range(200)]
    whole = read(write(tmp_path, *rows), split=SplitRule(seed=3, heldout_fraction=0.3))
    sides = {prompt.id: prompt.split for prompt in whole.prompts}
    part = read(write(tmp_path, *rows[50:90]), split=SplitRule(seed=3, heldout_fraction=0.3))
    assert {prompt.id: prompt.split for prompt in part.prompts}.items() <= sides.items()
    assert 30 < list(sides.values()).count("heldout") < 90


def test_a_file_that_does_not_say_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"fields: colour.*--as, one of prompts, demonstrations"):
        read(write(tmp_path, {"colour": "red"}))
    with pytest.raises(DataError, match="holds no row that can be read"):
        read(write(tmp_path))
    with pytest.raises(DataError, match="do not say what they are"):
        read(write(tmp_path, PAIR), "rather")


def test_the_asked_kind_goes_before_the_look(tmp_path: Path) -> None:
    path = write(tmp_path, {"question": "Why?", "answer": "So."}, {"question": "How?"})
    imported = read(path, "demonstrations")
    assert [one.answer for one in imported.judgments] == [{"text": "So."}]
    assert [rejected.field for rejected in imported.rejected] == ["completion"]
    assert len(read(path).prompts) == 2


def test_a_native_file_from_a_newer_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="version 2 and this rather knows version 1"):
        read(write(tmp_path, {"type": "rather", "version": 2}))


@pytest.mark.skipif(not SHARED.exists(), reason="the development data are not on this machine")
@pytest.mark.parametrize(
    ("file", "kind", "num_rows", "num_judgments", "num_rejected"),
    [
        ("preferences/hh_harmless_dev.jsonl", "pairs", 1158, 1155, 3),
        ("preferences/llmfao_dev.jsonl", "pairs", 1295, 4522, 209),
        ("preferences/mtbench_faireval_human_dev.jsonl", "pairs", 176, 176, 0),
        ("preferences/oasst_en100_dev.jsonl", "pairs", 514, 514, 0),
        ("preferences/pandalm_dev.jsonl", "pairs", 585, 1689, 22),
        ("preferences/rbr_gold_safety_train.jsonl", "demonstrations", 351, 344, 7),
        ("demonstrations/chatterbot_english.jsonl", "demonstrations", 2026, 2026, 0),
        ("demonstrations/oasst_en100_sft.jsonl", "demonstrations", 163, 163, 0),
        ("demonstrations/selfinstruct_human.jsonl", "demonstrations", 275, 275, 0),
        ("prompts/ifeval_541.jsonl", "prompts", 541, 0, 0),
        ("prompts/mt_bench_80.jsonl", "prompts", 80, 0, 0),
        ("prompts/vicuna_80.jsonl", "prompts", 80, 0, 0),
    ],
)
def test_real_data_are_understood(
    file: str, kind: str, num_rows: int, num_judgments: int, num_rejected: int
) -> None:
    imported = read(SHARED / file)
    assert (imported.kind, imported.num_rows) == (kind, num_rows)
    assert len(imported.judgments) == num_judgments
    assert len(imported.rejected) == num_rejected
