"""Raw agreement and the ceiling, counted on fingers."""

import pytest

from rather.feedback.agreement.labels import Label, Table
from rather.feedback.agreement.shares import ceiling, raw_agreement

FIRST, SECOND, TIE, BAD = (Label({"": said}) for said in ("first", "second", "tie", "both_bad"))
TABLE: Table = {
    "1": {"ann": FIRST, "bob": FIRST},  # the same: 1
    "2": {"ann": FIRST, "bob": SECOND},  # 0
    "3": {"ann": FIRST, "bob": FIRST, "cem": SECOND},  # 1 of 3 pairs of judges
    "4": {"ann": TIE, "bob": TIE},  # 1; nobody decided
    "5": {"ann": FIRST, "bob": BAD},  # 0; one decided
    "6": {"ann": SECOND, "bob": TIE, "cem": SECOND},  # 1 of 3; of the two who decided, 1
    "7": {"ann": FIRST},  # one judge
}


def test_raw_agreement() -> None:
    found = raw_agreement(TABLE, "pair")
    assert found.value == pytest.approx((1 + 0 + 1 / 3 + 1 + 0 + 1 / 3) / 6)
    assert found.n == 6
    # Wilson of 2.6667/6 = .4444: centre (.4444 + .3201)/1.64025 = .46611, half width .31121
    assert (found.low, found.high) == (
        pytest.approx(0.1549, abs=5e-4),
        pytest.approx(0.7773, abs=5e-4),
    )


def test_the_ceiling_is_of_those_who_decided() -> None:
    found = ceiling(TABLE, "pair")
    assert found.value == pytest.approx((1 + 0 + 1 / 3 + 1) / 4)
    assert found.n == 4


def test_a_ranking_counts_as_its_choices() -> None:
    one = Label({"a-b": "first", "a-c": "first", "b-c": "tie"})
    other = Label({"a-b": "first", "a-c": "second", "b-c": "second"})
    table: Table = {"1": {"ann": one, "bob": other}}
    assert raw_agreement(table, "ranking").value == pytest.approx(1 / 3)
    assert ceiling(table, "ranking").value == pytest.approx(1 / 2)  # b-c: one did not decide


@pytest.mark.parametrize(
    ("table", "raw", "top"),
    [
        ({}, "fewer than two people have judged anything",
         "fewer than two people have judged anything"),
        ({"1": {"ann": FIRST}, "2": {"bob": FIRST}}, "no item was judged by two people",
         "no item was judged by two people"),
        ({"1": {"ann": TIE, "bob": TIE}}, None, "no item was decided by two people"),
    ],
)  # fmt: skip
def test_a_reason_instead_of_a_number(table: Table, raw: str | None, top: str) -> None:
    assert raw_agreement(table, "pair").reason == raw
    assert (ceiling(table, "pair").value, ceiling(table, "pair").reason) == (None, top)


def test_what_people_write_is_not_counted() -> None:
    for measure in (raw_agreement, ceiling):
        found = measure(TABLE, "demonstration")
        assert found.reason == "what people write cannot be counted as the same or different"
