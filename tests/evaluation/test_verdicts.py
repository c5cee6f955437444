"""Two orders of one pair: what they say together, and what the place alone says."""

import pytest

from rather.evaluation.statistics import wilson
from rather.evaluation.verdicts import Both, judged, outcome


@pytest.mark.parametrize(
    ("both", "won"),
    [
        (("first", "second"), 1.0),  # ours, wherever it stands
        (("second", "first"), 0.0),
        (("tie", "tie"), 0.5),
        (("first", "first"), 0.5),  # whatever stands first: it contradicts itself
        (("first", "tie"), 0.75),
        ((None, "second"), None),
    ],
)
def test_two_orders_of_one_pair(both: Both, won: float | None) -> None:
    assert outcome(both) == won


def test_a_judge_that_looks_at_the_place_only() -> None:
    found = judged([("first", "first")] * 10)
    assert found.win_rate == wilson(5, 10)
    assert found.first_share == wilson(20, 20)
    assert found.consistency == wilson(0, 10)


def test_all_together() -> None:
    found = judged([("first", "second"), ("tie", "tie"), (None, None), ("second", "second")])
    # 1 + ½ + ½ of 3; first was chosen once of four choices; two of three are consistent
    assert found.win_rate == wilson(2, 3)
    assert found.first_share == wilson(1, 4)
    assert found.consistency == wilson(2, 3)
    assert found.num_unreadable == 1
    assert judged([]).win_rate.n == 0
