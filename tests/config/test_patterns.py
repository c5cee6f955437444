"""A pattern that cannot be used is refused in a sentence."""

import pytest

from rather.config.patterns import compiled


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("(", "is no regular expression"),
        ("a*", "matches the empty text"),
        ("", "matches the empty"),
    ],
)
def test_a_bad_pattern_is_named(pattern: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        compiled(pattern)


def test_a_good_one_is_blind_to_case() -> None:
    assert compiled("abc-[0-9]+").search("Ticket ABC-12").group() == "ABC-12"
