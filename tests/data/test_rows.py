"""Bytes become rows, or are rejected where they stand."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rather.data import rows as rows_module
from rather.data.collected import Rejected
from rather.data.rows import Row, read_rows
from rather.errors import DataError


def read(tmp_path: Path, content: bytes, name: str = "a.jsonl") -> list[Row | Rejected]:
    path = tmp_path / name
    path.write_bytes(content)
    return list(read_rows(path))


def test_lines_keep_their_numbers(tmp_path: Path) -> None:
    found = read(tmp_path, b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": "\xc3\xa9\xe2\x80\xa8"}')
    assert found == [Row(1, {"a": 1}), Row(3, {"a": "é\u2028"})]


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        (b'{"a": "\\u0000"}', "a", "holds a NUL character"),
        (b'{"a": "\x00"}', "", "the line is not JSON (Invalid control character at at column 8)"),
        (b'{"a": ["\\ud800"]}', "a", "holds half a surrogate pair, which is not Unicode"),
        (b'{"a": {"b\\u0000": 1}}', "a", "holds a NUL character"),
        (b'{"a": "\xff"}', "", "byte 8 of the line is not UTF-8"),
        (b'{"a": NaN}', "", "NaN is not JSON"),
        (b'{"a": -Infinity}', "", "-Infinity is not JSON"),
        (b'{"a": 1e999}', "", "the number 1e999 is too large"),
        (b'{"a": {"b": 1, "b": 2}}', "", "the key 'b' stands twice in one object"),
        (b"[" * 200_000, "", "the JSON is nested too deeply"),
        (b"[1]", "", "the row must be an object, it is a list"),
        (b'{"a": 1', "", "the line is not JSON (Expecting ',' delimiter at column 8)"),
    ],
)
def test_a_bad_line_is_rejected_and_the_next_one_read(
    tmp_path: Path, line: bytes, field: str, reason: str
) -> None:
    found = read(tmp_path, line + b'\n{"a": 1}\n')
    assert found == [Rejected(str(tmp_path / "a.jsonl"), 1, field, reason), Row(2, {"a": 1})]


def test_a_number_of_too_many_digits_is_rejected(tmp_path: Path) -> None:
    (found,) = read(tmp_path, b'{"a": ' + b"1" * 5000 + b"}")
    assert isinstance(found, Rejected) and "Exceeds the limit" in found.reason


def test_a_long_line_is_rejected_without_being_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "MAX_LINE_BYTES", 1_000_000)
    found = read(tmp_path, b'{"a": "' + b"x" * 3_500_000 + b'"}\n{"a": 1}\n')
    assert found == [
        Rejected(str(tmp_path / "a.jsonl"), 1, "", "the line is longer than 1 MB"),
        Row(2, {"a": 1}),
    ]


def test_utf_16_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="UTF-16; save it as UTF-8"):
        read(tmp_path, '{"a": 1}'.encode("utf-16"))


def test_missing_and_unknown_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file .*b\.jsonl"):
        list(read_rows(tmp_path / "b.jsonl"))
    with pytest.raises(DataError, match=r"no known kind; it must end in one of \.jsonl"):
        read(tmp_path, b"x", "a.docx")


def test_lines_of_text_are_prompts(tmp_path: Path) -> None:
    found = read(tmp_path, b"Why?\n\n How? \n", "a.txt")
    assert found == [Row(1, {"prompt": "Why?"}), Row(3, {"prompt": " How? "})]


def test_a_json_list_is_read_item_by_item(tmp_path: Path) -> None:
    found = read(tmp_path, b'[{"a": 1},\n 2]', "a.json")
    assert found[0] == Row(1, {"a": 1})
    assert isinstance(found[1], Rejected) and found[1].line == 2
    with pytest.raises(DataError, match="not a JSON list"):
        read(tmp_path, b'[{"a": 1}', "a.json")


def test_csv_has_texts_and_labels(tmp_path: Path) -> None:
    content = 'prompt,completion,label\r\n"a, ""b""",true,True\r\nc,,false\r\nd,e,f,g\r\n'
    found = read(tmp_path, content.encode("utf-8-sig"), "a.csv")
    assert found[0] == Row(2, {"prompt": 'a, "b"', "completion": "true", "label": True})
    assert found[1] == Row(3, {"prompt": "c", "label": False})
    assert isinstance(found[2], Rejected)
    assert found[2].reason == "the row has more cells than the header"


def test_parquet_rows_have_no_missing_fields(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    items = [
        {"prompt": [{"role": "user", "content": "Why?"}], "x": None, "y": 0.5},
        {"prompt": None, "x": "a\x00", "y": float("nan")},
    ]
    parquet.write_table(pyarrow.Table.from_pylist(items), tmp_path / "a.parquet")
    found = list(read_rows(tmp_path / "a.parquet"))
    assert found[0] == Row(1, {"prompt": [{"role": "user", "content": "Why?"}], "y": 0.5})
    assert isinstance(found[1], Rejected) and (found[1].line, found[1].field) == (2, "x")
    with pytest.raises(DataError, match="not sound Parquet"):
        read(tmp_path, b"PAR1 nonsense PAR1", "b.parquet")


@given(content=st.binary(max_size=300))
def test_any_bytes_become_rows_or_reasons(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "a.jsonl"
    path.write_bytes(b"#" + content)
    assert all(isinstance(row, Rejected) for row in read_rows(path) if row.line == 1)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=5),
        st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
        min_size=1,
    )
)
def test_any_good_text_comes_through(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("texts") / "a.jsonl"
    path.write_text(json.dumps(values, ensure_ascii=False) + "\n", encoding="utf-8", newline="")
    assert list(read_rows(path)) == [Row(1, values)]
