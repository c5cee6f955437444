"""What a judge that sees two answers in both orders says, and how far their places sway it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rather.equations.intervals import Interval, wilson
from rather.rollout.llm_judge import Verdict

Both = tuple[Verdict | None, Verdict | None]
"""Of one pair: with our answer first, and with our answer second; None where unreadable."""


@dataclass(frozen=True)
class Judged:
    """A judge's verdicts on one model's answers against another's."""

    win_rate: Interval
    """A pair is the mean of its two orders; one with an unreadable verdict does not count."""
    first_share: Interval
    """How often the answer shown first was chosen, of all choices: one half, where the place makes
    no difference."""
    consistency: Interval
    """Share of the pairs about which both orders say the same."""
    num_unreadable: int
    """Pairs without a readable verdict in one order or both."""


def outcome(both: Both) -> float | None:
    """1 a win, ½ a tie or orders that contradict each other, 0 a loss; None where unreadable."""
    ours_first, ours_second = both
    if ours_first is None or ours_second is None:
        return None
    won = {"first": 1.0, "tie": 0.5, "second": 0.0}
    return (won[ours_first] + 1 - won[ours_second]) / 2


def judged(verdicts: Sequence[Both]) -> Judged:
    """The verdicts on all pairs together."""
    outcomes = [outcome(both) for both in verdicts]
    readable = [one for one in outcomes if one is not None]
    chosen = [one for both in verdicts for one in both if one in ("first", "second")]
    same = [
        both in (("first", "second"), ("second", "first"), ("tie", "tie"))
        for both, known in zip(verdicts, outcomes, strict=True)
        if known is not None
    ]
    return Judged(
        win_rate=wilson(sum(readable), len(readable)),
        first_share=wilson(chosen.count("first"), len(chosen)),
        consistency=wilson(sum(same), len(same)),
        num_unreadable=len(verdicts) - len(readable),
    )
