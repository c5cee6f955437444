"""What is remembered of past texts: the longest common beginning, within its memory."""

import random
from collections.abc import Sequence

import pytest

from rather.models.decode.prefixes import LEAST_TOKENS, Owner, Prefixes
from tests.models.decode.test_spans import numbers, span

BASE, ANNS = Owner(None, ""), Owner("ppo-1", "ann")
TOKEN = 24
"""Bytes: two layers of a key of two numbers and a value of one, 4 bytes each."""
STEM = tuple(range(1, 21))


def remembering(*texts: Sequence[int], most: int = 1 << 20) -> Prefixes:
    made = Prefixes(most)
    for text in texts:
        made.keep(BASE, text, span(*text))
    return made


def known(prefixes: Prefixes, text: Sequence[int], owner: Owner = BASE) -> list[float]:
    """The numbers that the keys found for a text hold: those of its own tokens, if all is well."""
    return [number for part in prefixes.find(owner, text) for number in numbers(part)]


def test_the_longest_common_beginning_is_found() -> None:
    prefixes = remembering((*STEM, 50, 51, 52), (*STEM, 60), (70, *STEM))
    assert known(prefixes, (*STEM, 50, 51, 99)) == [*STEM, 50, 51]
    assert known(prefixes, (*STEM, 60, 61)) == [*STEM, 60]
    assert known(prefixes, (*STEM, 99)) == [*STEM]
    assert known(prefixes, STEM[:17]) == [*STEM[:17]]
    assert known(prefixes, (99, *STEM)) == []
    assert (prefixes.num_asked, prefixes.num_found) == (5, 4)
    assert prefixes.num_tokens_found == 22 + 21 + 20 + 17


def test_texts_share_whole_blocks_only() -> None:
    """Of 18 tokens: what begins alike for less is kept for each, and what fills none is not."""
    long = tuple(range(1, 41))
    other = (*long[:17], *range(60, 80))
    prefixes = Prefixes(1 << 20, block=18)
    for text in (long, other, (*long[:18], *range(80, 100)), STEM[:17]):
        prefixes.keep(BASE, text, span(*text))
    assert known(prefixes, (*long, 99)) == [*long[:36]]
    assert known(prefixes, (*long[:35], 99)) == [*long[:18]]
    assert known(prefixes, (*other[:36], 99)) == [*other[:36]]
    assert known(prefixes, (*STEM[:17], 99, 99)) == []
    # 36 of the first, 36 of the second, and 18 of the third behind the first's first block
    assert prefixes.num_bytes == (36 + 36 + 18) * TOKEN


def test_what_begins_alike_for_little_is_not_worth_it() -> None:
    prefixes = remembering(STEM)
    assert LEAST_TOKENS == 16
    assert known(prefixes, (*STEM[:15], 99)) == []
    assert known(prefixes, (*STEM[:16], 99)) == [*STEM[:16]]


def test_common_parts_are_there_once() -> None:
    prefixes = remembering((*STEM, 50), (*STEM, 60), (*STEM, 60, 61), STEM)
    assert prefixes.num_bytes == (20 + 1 + 1 + 1) * TOKEN


def test_nothing_is_found_of_another_owner() -> None:
    prefixes = remembering(STEM)
    prefixes.keep(ANNS, STEM, span(*STEM))
    for owner in (Owner("ppo-1", ""), Owner("ppo-1", "bob"), Owner("ppo-2", "ann")):
        assert known(prefixes, STEM, owner) == []
    assert known(prefixes, STEM, ANNS) == [*STEM]


def test_the_longest_unused_goes_first_and_no_stem_before_its_ends() -> None:
    first, second = (*STEM, *range(100, 110)), (*STEM, *range(200, 210))
    prefixes = remembering(first, second, most=40 * TOKEN)
    assert prefixes.num_bytes == 40 * TOKEN
    assert known(prefixes, first) == [*first]  # used last, with the stem
    third = tuple(range(300, 305))
    prefixes.keep(BASE, third, span(*third))
    assert known(prefixes, second) == [*STEM]
    assert known(prefixes, first) == [*first]
    assert prefixes.num_bytes == 35 * TOKEN


def test_what_never_fits_is_left_out_and_costs_nobody_else() -> None:
    prefixes = remembering(STEM, most=25 * TOKEN)
    long = tuple(range(400, 426))
    prefixes.keep(BASE, long, span(*long))
    assert known(prefixes, long) == []
    assert known(prefixes, STEM) == [*STEM]


def test_an_adapters_texts_are_forgotten_with_it() -> None:
    prefixes = remembering(STEM)
    for owner in (ANNS, Owner("ppo-1", "bob"), Owner("ppo-2", "ann")):
        prefixes.keep(owner, STEM, span(*STEM))
    prefixes.forget("ppo-1")
    assert prefixes.num_bytes == 2 * 20 * TOKEN
    assert known(prefixes, STEM, ANNS) == []
    assert known(prefixes, STEM, Owner("ppo-2", "ann")) == [*STEM]
    assert known(prefixes, STEM) == [*STEM]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_comes_and_goes_only_a_texts_own_keys_are_found(seed: int) -> None:
    """Texts over three tokens, which branch everywhere, in a memory that is always too small."""
    random_ = random.Random(seed)
    prefixes, said = Prefixes(60 * TOKEN), set()
    for _ in range(150):
        text = tuple(random_.choice((1, 2, 3)) for _ in range(16)) * random_.choice((1, 2))
        text = (1,) * random_.choice((0, 8, 17)) + text
        found = known(prefixes, text)
        assert found == [*text[: len(found)]]
        assert not found or any(one[: len(found)] == text[: len(found)] for one in said)
        prefixes.keep(BASE, text, span(*text))
        said.add(text)
        assert known(prefixes, text) == [*text]
        assert prefixes.num_bytes <= 60 * TOKEN
        held = sum(len(branch.tokens) for branch in prefixes._by_use)
        assert prefixes.num_bytes == held * TOKEN
