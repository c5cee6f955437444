"""κ by hand, a published table, and a reason wherever there is no number."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rather.feedback.agreement.kappa import Cells, cohen, kappa_matrix
from rather.feedback.agreement.labels import Label, Table


def together(*said: tuple[str, str, int]) -> "Counter[Cells]":
    return Counter({((one, other),): times for one, other, times in said})


def test_kappa_by_hand() -> None:
    # 50 items: 20 first–first, 5 first–second, 10 second–first, 15 second–second.
    # p_o = 35/50 = .7; margins 25/50, 25/50 and 30/50, 20/50: p_e = .5·.6 + .5·.4 = .5.
    # κ = (.7 − .5) / .5 = .4
    found = cohen(together(("f", "f", 20), ("f", "s", 5), ("s", "f", 10), ("s", "s", 15)))
    assert found.value == pytest.approx(0.4)
    assert found.n == 50
    assert found.low is not None and found.high is not None
    # The large-sample error is √(p_o (1 − p_o) / (n (1 − p_e)²)) = .1296: .4 ± .254
    assert found.low == pytest.approx(0.146, abs=0.05)
    assert found.high == pytest.approx(0.654, abs=0.05)


def test_cohens_own_table() -> None:
    # Cohen 1960, two psychiatrists on 200 patients, as shares: .44 .05 .01 | .07 .20 .03 |
    # .09 .05 .06, margins (.50 .30 .20) and (.60 .30 .10). p_o = .70, p_e = .30 + .09 + .02 = .41,
    # κ = .29/.59 = .492, as he prints.
    rows = [(88, 10, 2), (14, 40, 6), (18, 10, 12)]
    table = [(str(i), str(j), times) for i, row in enumerate(rows) for j, times in enumerate(row)]
    assert cohen(together(*table)).value == pytest.approx(0.492, abs=5e-4)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([("f", "f", 4)], "fewer than 5 items in common"),
        ([("f", "f", 9)], "both said one and the same thing everywhere, so nothing varies"),
    ],
)
def test_a_reason_instead_of_a_number(said: list[tuple[str, str, int]], reason: str) -> None:
    found = cohen(together(*said))
    assert (found.value, found.low, found.reason) == (None, None, reason)


def label(choice: str) -> Label:
    return Label({"": choice})


def test_the_matrix_is_symmetric_and_names_who_shares_nothing() -> None:
    both = {"ann": label("first"), "bob": label("first")}
    differ = {"ann": label("first"), "bob": label("second")}
    second = {"ann": label("second"), "bob": label("second")}
    other = {"bob": label("tie"), "cem": label("tie")}
    # ann and bob on 6 items: 3 ff, 1 fs, 2 ss: p_o = 5/6, p_e = (4·3 + 2·3)/36 = 1/2, κ = 2/3
    items = [both, both, both, differ, second, second, other, {"dan": label("first")}]
    table: Table = {str(number): judges for number, judges in enumerate(items)}
    people, rows = kappa_matrix(table, "pair")
    assert people == ["ann", "bob", "cem"]
    assert [rows[place][place] for place in range(3)] == [None, None, None]
    assert rows[0][1] == rows[1][0]
    assert rows[0][1] is not None and rows[0][1].value == pytest.approx(2 / 3)
    assert rows[0][2] is not None
    assert rows[0][2].reason == "they have judged no item in common"
    assert rows[1][2] is not None and rows[1][2].reason == "fewer than 5 items in common"


def test_one_by_one_or_all_at_once_is_the_same() -> None:
    # The matrix counts pairs in one table of everybody, rankings two by two.
    choices = ["first", "second", "tie", "both_bad"]
    table: Table = {
        str(item): {
            who: label(choices[(item * step + item // 3) % 4 if item % step else 0])
            for step, who in ((2, "ann"), (3, "bob"), (5, "cem"))
            if (item + step) % 7
        }
        for item in range(60)
    }
    people, at_once = kappa_matrix(table, "pair")
    again, one_by_one = kappa_matrix(table, "ranking")
    assert people == again == ["ann", "bob", "cem"]
    for row, (one, other) in enumerate([(0, 1), (0, 2), (1, 2)]):
        found, expected = at_once[one][other], one_by_one[one][other]
        assert found is not None and expected is not None, row
        assert (found.n, found.value) == (expected.n, pytest.approx(expected.value))
        assert found.low == pytest.approx(expected.low, abs=0.06)
        assert found.high == pytest.approx(expected.high, abs=0.06)


def test_a_ranking_counts_as_its_choices() -> None:
    one = Label({"a-b": "first", "a-c": "first", "b-c": "first"})
    other = Label({"a-b": "first", "a-c": "first", "b-c": "second"})
    turned = Label({"a-b": "second", "a-c": "second", "b-c": "first"})
    table: Table = {str(n): {"ann": one, "bob": one} for n in range(3)}
    table |= {"3": {"ann": one, "bob": other}, "4": {"ann": turned, "bob": turned}}
    # 15 choices, 14 the same; ann says first 9 + 3 + 1 = 13, bob 9 + 2 + 1 = 12:
    # p_o = 14/15, p_e = (13·12 + 2·3)/225 = .72, κ = (.93333 − .72)/.28 = .76190
    _, rows = kappa_matrix(table, "ranking")
    assert rows[0][1] is not None
    assert rows[0][1].value == pytest.approx(0.76190, abs=5e-6)
    assert rows[0][1].n == 5


@given(st.lists(st.tuples(st.sampled_from("fst"), st.sampled_from("fst")), min_size=5, max_size=30))
def test_the_same_as_counting_by_hand(said: list[tuple[str, str]]) -> None:
    found = cohen(Counter(((one, other),) for one, other in said))
    n = len(said)
    observed = sum(one == other for one, other in said) / n
    expected = sum(one == other for one, _ in said for _, other in said) / n**2
    if found.value is None:
        assert expected == 1
    else:
        assert found.value == pytest.approx((observed - expected) / (1 - expected))
