"""Counters of texts, by hand."""

import math

import pytest

from rather.evaluation.texts import counters, distinct_n, refuses, repetition


def test_distinct_sequences_by_hand() -> None:
    # the cat the dog / the cat: 6 words, 3 different; pairs: the-cat cat-the the-dog the-cat
    texts = ["The cat, the dog.", "the cat"]
    assert distinct_n(texts, 1) == pytest.approx(3 / 6)
    assert distinct_n(texts, 2) == pytest.approx(3 / 4)
    assert math.isnan(distinct_n(["one"], 2))


@pytest.mark.parametrize(
    ("text", "is_refusal"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I’m unable to do this.", True),
        ("As an AI, I have no opinion.", True),
        ("I cannot recommend it enough: go there!", True),  # a counter of phrases, not a judge
        ("Sure! Boil it for eight minutes.", False),
        ("You can't boil it for long." + " Then peel it." * 20 + " I cannot say more.", False),
    ],
)
def test_refusals_are_told_by_how_they_begin(text: str, is_refusal: bool) -> None:
    assert refuses(text) is is_refusal


def test_repetition_by_hand() -> None:
    # seven words of one kind: four sequences, one different
    assert repetition("no no no no no no no") == pytest.approx(3 / 4)
    assert repetition("all of these words are different ones") == 0.0
    assert repetition("too short") == 0.0


def test_all_together() -> None:
    found = counters(["I cannot do it.", "no no no no no no no"])
    assert found["refusal_rate"] == 0.5
    assert found["repetitive_rate"] == 0.5
    assert found["repetition"] == pytest.approx(3 / 8)
