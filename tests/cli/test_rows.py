"""The rows `rather score` is given."""

from pathlib import Path

import pytest

from rather.cli.rows import scored_rows
from rather.errors import DataError, UsageError


def test_a_file_gives_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "a", "completion": "b"}\n\n{"prompt": [], "completion": "c"}\n')
    assert scored_rows(file, None, None) == [
        {"prompt": "a", "completion": "b"},
        {"prompt": [], "completion": "c"},
    ]


def test_flags_give_one_row() -> None:
    assert scored_rows(None, "a", "b") == [{"prompt": "a", "completion": "b"}]


@pytest.mark.parametrize("prompt", [None, "a"])
def test_half_a_row_is_refused(prompt: str | None) -> None:
    with pytest.raises(UsageError, match="a JSONL file, or both --prompt and --completion"):
        scored_rows(None, prompt, None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"prompt": "a", "completion": "b"}\n{', "rows.jsonl:2: not a JSON object"),
        ("[1]", "rows.jsonl:1: not a JSON object"),
        ('{"prompt": "a"}', 'rows.jsonl:1: "completion" is missing or not a text'),
        ('{"completion": "a"}', 'rows.jsonl:1: "prompt" is missing'),
        ("\n", "rows.jsonl has no rows"),
    ],
)
def test_a_malformed_row_is_named(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(DataError) as caught:
        scored_rows(tmp_path / "rows.jsonl", None, None)
    assert sentence in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl cannot be read"):
        scored_rows(tmp_path / "none.jsonl", None, None)
