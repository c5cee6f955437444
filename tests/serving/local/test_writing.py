"""Text comes in whole characters, ends before a stop text, and is never another text."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rather.data.tokens import load_codec
from rather.serving.local.writing import Detokenizer, StopTexts, Writer


def by_bytes(ids: Sequence[int]) -> str:
    """A tokenizer whose tokens are bytes."""
    return bytes(ids).decode("utf-8", "replace")


def test_no_character_comes_in_halves() -> None:
    detokenizer = Detokenizer(by_bytes)
    # é is C3 A9, € is E2 82 AC, 😀 is F0 9F 98 80
    pieces = [detokenizer.add(byte) for byte in "aé€😀".encode()]
    assert pieces == ["a", "", "é", "", "", "€", "", "", "", "😀"]
    assert detokenizer.flush() == ""


def test_what_never_became_a_character_comes_at_the_end() -> None:
    detokenizer = Detokenizer(by_bytes)
    assert [detokenizer.add(byte) for byte in (0x61, 0xE2, 0x82)] == ["a", "", ""]
    assert detokenizer.flush() == "\ufffd"


def test_a_nul_is_shown_as_what_it_is_not() -> None:
    detokenizer = Detokenizer(by_bytes)
    assert [detokenizer.add(byte) for byte in (0x61, 0, 0x62)] == ["a", "\ufffd", "b"]


@given(st.lists(st.integers(0, 255), max_size=40))
def test_the_pieces_are_the_text(ids: list[int]) -> None:
    detokenizer = Detokenizer(by_bytes)
    pieces = [detokenizer.add(one) for one in ids] + [detokenizer.flush()]
    assert "".join(pieces) == by_bytes(ids).replace("\x00", "\ufffd")
    assert not any(piece.endswith("\ufffd") for piece in pieces[:-1] if "\x00" not in piece) or (
        0 in ids
    )


@given(ids=st.lists(st.integers(0, 261), max_size=30))
def test_a_real_tokenizers_pieces_are_the_codecs_text(tiny_model: Path, ids: list[int]) -> None:
    codec = load_codec(tiny_model, 256, ())
    body = [one for one in ids if one not in codec.stop_ids]

    def decode(some: Sequence[int]) -> str:
        return str(codec.tokenizer.decode(list(some), skip_special_tokens=True))

    detokenizer = Detokenizer(decode)
    pieces = [detokenizer.add(one) for one in body] + [detokenizer.flush()]
    assert "".join(pieces) == codec.text(tuple(body))


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["ab", "c"], ["a", ""]),  # "b" may begin the stop text, and did
        (["ab", "x"], ["a", "bx"]),
        (["a", "b", "b", "c"], ["a", "", "b", ""]),  # the first b did not
        (["abcd"], ["a"]),
        (["xx", "bc", "never seen"], ["xx", ""]),
    ],
)
def test_a_stop_text_is_met_across_borders(pieces: list[str], shown: list[str]) -> None:
    stops = StopTexts(["bc"])
    found = []
    for piece in pieces:
        text, is_stopped = stops.add(piece)
        found.append(text)
        if is_stopped:
            break
    assert found == shown


def test_the_earliest_of_several_stop_texts_counts() -> None:
    assert StopTexts(["cd", "bcx", "b"]).add("abcd") == ("a", True)
    assert StopTexts([]).add("abcd") == ("abcd", False)


@given(text=st.text("abc", max_size=20), cuts=st.lists(st.integers(0, 20)), stop=st.text("abc"))
def test_what_is_shown_is_the_text_before_the_stop(text: str, cuts: list[int], stop: str) -> None:
    stops = StopTexts([stop] if stop else [])
    places = sorted({0, *(min(cut, len(text)) for cut in cuts), len(text)})
    shown = ""
    for start, end in pairwise(places):
        piece, is_stopped = stops.add(text[start:end])
        shown += piece
        if is_stopped:
            break
    else:
        shown += stops.flush()
    assert shown == (text.partition(stop)[0] if stop else text)


def test_a_stop_text_may_end_with_a_character_that_was_held_back() -> None:
    writer = Writer(by_bytes, ["a\ufffd"])
    given: list[Any] = [writer.add(byte) for byte in (0x62, 0x61, 0xE2)]
    assert given == [("b", False), ("", False), ("", False)]
    assert writer.end() == ("", True)
