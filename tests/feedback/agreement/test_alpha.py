"""Krippendorff's published example, one worked by hand, and a brute force that shares nothing."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rather.feedback.agreement.alpha import Item, Level, alpha_of, krippendorff
from rather.feedback.agreement.labels import Label, Table

# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C: four observers,
# twelve units, values missing. He prints α = 0.743 nominal and 0.815 ordinal.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
PUBLISHED: list[Item] = [
    (tuple(sorted(value for value in unit if value is not None)),)
    for unit in zip(*OBSERVERS, strict=True)
]
# By hand, nominal: his coincidences are o11 = 7, o22 = 10, o33 = 8, o44 = 4, o55 = 3 on the
# diagonal, 32 of n = 40; n_c = 9, 13, 10, 5, 3. D_o = 8/40 = 0.2.
# Σ n_c (n_c − 1) = 72 + 156 + 90 + 20 + 6 = 344 of 40 · 39 = 1560, so D_e = 1216/1560 = 0.77949.
# α = 1 − 0.2 / 0.77949 = 0.74342.


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_the_published_example(level: Level, alpha: float) -> None:
    found = alpha_of(PUBLISHED, level)
    assert found.value == pytest.approx(alpha, abs=5e-4)
    assert found.n == 11  # the twelfth unit has one value, and counts for nothing
    assert found.low is not None and found.high is not None and found.value is not None
    assert found.low < found.value < found.high <= 1
    assert found == alpha_of(list(reversed(PUBLISHED)), level)


def test_the_published_example_to_five_digits() -> None:
    assert alpha_of(PUBLISHED, "nominal").value == pytest.approx(0.74342, abs=5e-6)


def pairs(*said: str) -> Table:
    """Items named by number; judges by their place: f(irst), s(econd), t(ie), . (not judged)."""
    words = {"f": "first", "s": "second", "t": "tie"}
    return {
        str(number): {
            f"judge {place}": Label({"": words[letter]})
            for place, letter in enumerate(item)
            if letter != "."
        }
        for number, item in enumerate(said)
    }


def test_two_judges_by_hand() -> None:
    # ff ff ff fs ss ss tt: 7 items, n = 14. Disagreement: one item, o_fs = o_sf = 1, D_o = 2/14.
    # n_f = 7, n_s = 5, n_t = 2: Σ n_c n_k (c ≠ k) = 14² − (49 + 25 + 4) = 118, D_e = 118/(14·13).
    # α = 1 − (2/14)(14·13)/118 = 1 − 26/118 = 0.77966.
    found = krippendorff(pairs("ff", "ff", "ff", "fs", "ss", "ss", "tt", "f.", ".s"), "pair")
    assert found.value == pytest.approx(0.77966, abs=5e-6)
    assert found.n == 7


def ranked(**ranks: int) -> Label:
    return Label({}, ranks)


def test_rankings_are_ordinal_on_the_rank_of_each_answer() -> None:
    # Five items of three answers, ranks 1 2 3 by both judges but for one item, where the second
    # judge swaps the last two. Every rank is given 10 times, n = 30, the middles of 1, 2, 3 lie
    # at 5, 15, 25: δ²(1,2) = δ²(2,3) = 100, δ²(1,3) = 400.
    # D_o: two units (2, 3) and (3, 2), o_23 = o_32 = 2: 4 · 100 / 30 = 40/3.
    # D_e: 2 · (100·100 + 100·100 + 100·400) / (30·29) = 120000/870. α = 1 − 13.3333/137.931.
    same = {"ann": ranked(a=1, b=2, c=3), "bob": ranked(a=1, b=2, c=3)}
    swapped = {"ann": ranked(a=1, b=2, c=3), "bob": ranked(a=1, b=3, c=2)}
    table: Table = {"0": swapped, "1": same, "2": same, "3": same, "4": same}
    found = krippendorff(table, "ranking")
    assert found.value == pytest.approx(0.903333, abs=5e-7)
    assert found.n == 5


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({}, "fewer than two people have judged anything"),
        (pairs("f", "s", "t"), "fewer than two people have judged anything"),
        (pairs("f.", ".s"), "no item was judged by two people"),
        (pairs("ff", "fs", "ss", "ss"), "fewer than 5 items were judged by two people"),
        (pairs(*["ff"] * 9), "everybody said the same everywhere, so nothing varies"),
    ],
)
def test_a_reason_instead_of_a_number(table: Table, reason: str) -> None:
    found = krippendorff(table, "pair")
    assert (found.value, found.low, found.high, found.reason) == (None, None, None, reason)


def test_what_people_write_is_not_counted() -> None:
    for kind in ("demonstration", "correction"):
        found = krippendorff({}, kind)
        assert found.reason == "what people write cannot be counted as the same or different"


def test_full_agreement_has_no_interval_to_make_up() -> None:
    found = krippendorff(pairs("ff", "ff", "ss", "ss", "tt"), "pair")
    assert (found.value, found.low, found.high) == (1.0, None, None)


def brute_force(units: list[list[int]], level: Level) -> float:
    """Every ordered pair of values within units, over every ordered pair of values at all."""
    units = [unit for unit in units if len(unit) > 1]
    everything = [value for unit in units for value in unit]

    def distance(one: int, other: int) -> float:
        if level == "nominal":
            return float(one != other)
        low, high = sorted((one, other))
        between = sum(low <= value <= high for value in everything)
        return (between - (everything.count(low) + everything.count(high)) / 2) ** 2

    observed = 0.0
    for unit in units:
        distances = [distance(one, other) for one, other in permutations(unit, 2)]
        observed += sum(distances) / (len(unit) - 1)
    expected = [distance(one, other) for one, other in permutations(everything, 2)]
    return 1 - (observed / len(everything)) / (sum(expected) / len(expected))


UNITS = st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=4), min_size=5, max_size=9)


@given(units=UNITS, level=st.sampled_from(["nominal", "ordinal"]))
def test_the_same_as_counting_every_pair(units: list[list[int]], level: Any) -> None:
    found = alpha_of([(tuple(sorted(unit)),) for unit in units], level)
    pairable = [unit for unit in units if len(unit) > 1]
    if found.value is None:
        same = len({value for unit in pairable for value in unit}) == 1
        assert len(pairable) < 5 or same
    else:
        assert found.value == pytest.approx(brute_force(units, level))
        assert found.low is None or (found.high is not None and found.low < found.high <= 1)
