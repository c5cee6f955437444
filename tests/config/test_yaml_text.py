"""YAML without its traps."""

from typing import Any

import pytest
import yaml

from rather.config.yaml_text import format_value, iter_leaves, parse_document, parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 0.00001),
        ("-.5", -0.5),
        ("010", 10),
        ("0x10", "0x10"),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("no", "no"),
        ("true", True),
        ("null", None),
        ("'1'", "1"),
        ("[0.7, 1e0]", [0.7, 1.0]),
        ("a: b", "a: b"),
        ("http://host:8000/v1#model", "http://host:8000/v1#model"),
    ],
)
def test_a_value_is_what_it_looks_like(text: str, value: Any) -> None:
    read = parse_value(text)
    assert (read, type(read)) == (value, type(value))


def test_values_keep_their_lines() -> None:
    document = parse_document("# head\nmodel: base\nppo:\n  num_steps: 3\n")
    assert document.values == {"model": "base", "ppo": {"num_steps": 3}}
    assert document.lines == {"model": 2, "ppo": 3, "ppo.num_steps": 4}
    assert document.problems == []


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: 2\na: 3", 3, "a was set before, in line 1"),
        ("a: &x 1\nb: *x", 1, "b: aliases (*name) are not supported"),
        ("a: &x [*x]", 1, "a: aliases (*name) are not supported"),
        ("a: !!python/name:os.system x", 1, "a has the tag tag:yaml.org,2002:python/name:"),
        ("a: 1\n[b]: 2", 2, "the file has a key that is not a name"),
        ("- a", 1, "must be a list of `setting: value` lines"),
        ("a: 1\nb: [", 2, "not valid YAML"),
        ("a: 1\nb: \x07", 2, "not valid YAML"),
    ],
)
def test_what_is_malformed_is_named_with_its_line(text: str, line: int, problem: str) -> None:
    found_line, sentence = parse_document(text).problems[0]
    assert (found_line, sentence[: len(problem)]) == (line, problem)


@pytest.mark.parametrize("text", ["", "# nothing\n", "null\n"])
def test_nothing_is_an_empty_document(text: str) -> None:
    document = parse_document(text)
    assert (document.values, document.problems) == ({}, [])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-5, "1.0e-05"),
        (0.2, "0.2"),
        ("embedded", "embedded"),
        ("no", '"no"'),
        ("null", '"null"'),
        ("two words: # here", '"two words: # here"'),
        ("line\nbreak", '"line\\nbreak"'),
        ("", '""'),
        (None, "null"),
        (False, "false"),
        ((0.5, 1.0), "[0.5, 1.0]"),
        (("a", "b, c"), '[a, "b, c"]'),
    ],
)
def test_what_is_written_is_read_back_by_us_and_by_yaml(value: Any, text: str) -> None:
    assert format_value(value) == text
    expected = list(value) if isinstance(value, tuple) else value
    assert parse_value(text) == expected
    assert yaml.safe_load(text) == expected


def test_leaves_are_dotted() -> None:
    nested = {"ppo": {"adapter": {"rank": 4}}, "dpo__beta": 0.2, "sft.start": "base"}
    assert dict(iter_leaves(nested)) == {
        "ppo.adapter.rank": 4,
        "dpo.beta": 0.2,
        "sft.start": "base",
    }
