"""No number without something behind it."""

from rather.feedback.agreement.estimate import Estimate, not_computable, share


def test_nothing_has_a_reason() -> None:
    assert share(0, 0, "nothing there") == Estimate(None, 0, reason="nothing there")
    assert not_computable("too few", 3) == Estimate(None, 3, reason="too few")


def test_rounding_does_not_leave_the_bounds() -> None:
    found = share(3.0000000000000004, 3, "")
    assert (found.value, found.high) == (1.0, 1.0)
