"""The frontier of reward and KL, and the point to take."""

import pytest

from rather.evaluation.frontier import Point, choose, frontier, lead_error, over_optimised_from


def point(step: int, kl: float, *scores: float) -> Point:
    return Point(f"step {step}", step, kl, scores)


def test_only_what_nothing_beats_is_on_it() -> None:
    start, near, poor, far = (
        point(0, 0.0, 1.0, 1.0),
        point(5, 2.0, 3.0, 1.0),
        point(10, 5.0, 1.0, 2.0),  # further than step 5, and scores less
        point(15, 9.0, 3.0, 3.0),
    )
    assert frontier([far, poor, start, near]) == [start, near, far]
    # of two at the same distance, the better
    assert frontier([point(1, 1.0, 0.0), point(2, 1.0, 2.0)]) == [point(2, 1.0, 2.0)]


def test_the_error_of_a_lead_is_of_paired_differences() -> None:
    best, other = point(2, 1.0, 2.0, 4.0, 3.0), point(1, 0.5, 1.0, 1.0, 2.0)
    # differences 1, 3, 1: mean 5/3, variance (4/9 + 16/9 + 4/9)/2 = 4/3, error √(4/3/3)
    assert lead_error(best, other) == pytest.approx(2 / 3)
    assert lead_error(best, best) == 0.0


def test_the_nearest_within_an_error_of_the_best_is_taken() -> None:
    start = point(0, 0.0, 0.0, 0.0, 0.0, 0.0)
    near = point(5, 3.0, 2.0, 2.1, 1.9, 2.0)
    # ahead of `near` by 0.5, 0.5, −0.6, −0.2: 0.05 ± 0.27
    best = point(10, 12.0, 2.5, 2.6, 1.3, 1.8)
    found = choose([start, near, best], "gold score")
    assert (found.point, found.best) == (near, best)
    assert found.reason == (
        "step 5 has gold score 2 at a KL of 3 nats, the nearest within a standard error (0.27) of "
        "the best, 2.05 at 12 nats (step 10)."
    )
    clear = point(10, 12.0, 4.0, 4.1, 3.9, 4.0)
    found = choose([start, near, clear], "gold score")
    assert found.point is clear
    assert found.reason.endswith("the best there is, and nothing nearer is within a standard error "
                                 "of it.")  # fmt: skip


def test_nothing_better_than_the_start_leaves_it_there() -> None:
    start = point(0, 0.0, 1.0, 2.0)
    worse = point(5, 4.0, 0.5, 1.5)
    assert choose([start, worse], "score").point is start


def test_over_optimisation_is_the_proxy_rising_while_the_other_falls() -> None:
    points = [point(0, 0.0, 0.0, 0.0), point(5, 2.0, 2.0, 2.0), point(10, 6.0, 1.0, 1.1)]
    assert over_optimised_from(points, [0.0, 1.0, 2.0]) is points[1]
    assert over_optimised_from(points, [0.0, 1.0, 0.9]) is None  # both fell
    assert over_optimised_from(points[:2], [0.0, 1.0]) is None  # still rising together
    # a fall within the error is none
    noisy = [*points[:2], point(10, 6.0, 3.0, 0.9)]
    assert over_optimised_from(noisy, [0.0, 1.0, 2.0]) is None
