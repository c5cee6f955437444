"""Reward against distance: which points nothing beats, and which of them to take."""

from collections.abc import Sequence
from dataclasses import dataclass

from rather.evaluation.statistics import mean, standard_error


@dataclass(frozen=True)
class Point:
    """A policy on the plane of KL and score."""

    name: str
    step: int
    """Steps of training behind it; 0 is where it began."""
    kl: float
    """Mean nats an answer from the reference."""
    scores: tuple[float, ...]
    """Of its answer to each held-out prompt, by the score that decides."""

    @property
    def score(self) -> float:
        """Their mean."""
        return mean(self.scores)


@dataclass(frozen=True)
class Choice:
    """The point to take, and why."""

    point: Point
    best: Point
    """The point with the highest mean score."""
    error: float
    """Standard error of the best point's lead over the chosen one, prompt by prompt."""
    reason: str


def frontier(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both: none with less KL scores as high, by rising KL."""
    found: list[Point] = []
    for point in sorted(points, key=lambda one: (one.kl, -one.score)):
        if not found or point.score > found[-1].score:
            found.append(point)
    return found


def choose(points: Sequence[Point], scorer: str) -> Choice:
    """The nearest point on the frontier whose score is within one standard error of the best.

    The one-standard-error rule (Breiman et al. 1984, §3.4.3) on paired differences: whatever is
    further away is not shown to be better, and costs more KL.
    """
    candidates = frontier(points)
    best = candidates[-1]
    for point in candidates:
        error = lead_error(best, point)
        if best.score - point.score <= error:
            return Choice(point, best, error, _reason(point, best, error, scorer))
    raise AssertionError("the best point is within an error of itself")


def lead_error(best: Point, point: Point) -> float:
    """Standard error of the mean difference of two points' scores, prompt by prompt."""
    if best is point or len(best.scores) < 2:
        return 0.0
    return standard_error([a - b for a, b in zip(best.scores, point.scores, strict=True)])


def over_optimised_from(points: Sequence[Point], proxies: Sequence[float]) -> Point | None:
    """The best point, where after it the proxy goes on rising while the score that decides falls.

    points in the order of their steps, proxies their mean scores by what was trained on. Gao et al.
    2022, https://arxiv.org/abs/2210.10760. None where the two still rise together.
    """
    place = max(range(len(points)), key=lambda one: points[one].score)
    best, last = points[place], points[-1]
    if place == len(points) - 1 or max(proxies[place + 1 :]) <= proxies[place]:
        return None
    return best if best.score - last.score > lead_error(best, last) else None


def _reason(point: Point, best: Point, error: float, scorer: str) -> str:
    here = f"step {point.step} has {scorer} {point.score:.3g} at a KL of {point.kl:.3g} nats"
    if point is best:
        return f"{here}, the best there is, and nothing nearer is within a standard error of it."
    return (
        f"{here}, the nearest within a standard error ({error:.2g}) of the best, "
        f"{best.score:.3g} at {best.kl:.3g} nats (step {best.step})."
    )
