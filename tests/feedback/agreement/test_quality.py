"""One labeller's numbers."""

import pytest

from rather.feedback.agreement.quality import (
    consistency,
    gold_accuracy,
    left_picks,
    median_milliseconds,
    num_fast,
)
from rather.feedback.pair import Pair


def test_shares_of_right_answers() -> None:
    found = gold_accuracy([True, False, True, True])
    assert (found.value, found.n) == (0.75, 4)
    # Wilson of 3 of 4: centre (.75 + .48018)/1.96036 = .62753, half width .32683
    assert found.low == pytest.approx(0.3006, abs=5e-4)
    assert found.high == pytest.approx(0.9544, abs=5e-4)
    assert gold_accuracy([]).reason == "no control item was answered"
    assert consistency([False]).value == 0.0
    assert consistency([]).reason == "no item was asked a second time"


def test_only_choices_have_a_side() -> None:
    answers = [Pair("a", "b", choice) for choice in ("A", "A", "B", "tie", "both_bad")]
    found = left_picks(answers)
    assert (found.value, found.n) == (pytest.approx(2 / 3), 3)
    assert left_picks(answers[3:]).reason == "no answer was chosen over another"


def test_speed() -> None:
    assert median_milliseconds([1000, 5000, 2000]) == 2000
    assert median_milliseconds([1000, 2001]) == 1500  # halves go to the even number
    assert median_milliseconds([]) is None
    assert num_fast([1999, 2000, 10]) == 2
