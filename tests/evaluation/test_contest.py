"""A contest before people: counted by pair, balanced by sides, and when it is enough."""

import pytest

from rather.evaluation.contest import Met, left_share, standing, suggest
from rather.evaluation.statistics import wilson
from rather.feedback.pair import Pair
from rather.records import Choice

NAMES = ("ppo-1", "base")


def met(number: int, *choices: Choice, is_swapped: bool = False, same: bool = False) -> Met:
    ours, theirs = f"a{number}", f"b{number}"
    left, right = (theirs, ours) if is_swapped else (ours, theirs)
    answers = tuple(Pair(left, right, choice) for choice in choices)
    return Met(ours, theirs, (5, 4), same, answers)


def test_a_pair_counts_once_and_sides_do_not_matter() -> None:
    found = standing(
        [
            met(0, "A"),  # won
            met(1, "B", is_swapped=True),  # won, shown on the right
            met(2, "A", is_swapped=True),  # lost
            met(3, "tie"),
            met(4, "both_bad"),
            met(5, "A", "A", "B"),  # two of three for ours
            met(6, same=True),  # both wrote the same
            met(7),  # open
        ],
        NAMES,
    )
    # 1 + 1 + 0 + ½ + ½ + ⅔ + ½ of 7
    assert found.win_rate == pytest.approx(wilson(25 / 6, 7))
    assert (found.num_pairs, found.num_identical, found.num_judged) == (8, 1, 6)
    assert (found.num_judgments, found.num_ties, found.num_both_bad) == (8, 1, 1)
    # three won, one lost: B(4, 2)·2⁴ = 3!·1!/5! · 16
    assert found.evidence == pytest.approx(0.8)
    assert not found.is_enough
    assert "1 pair is open" in found.suggestion


def test_which_side_was_chosen() -> None:
    # left, right, left of three choices; a tie chooses no side
    pairs = [met(0, "A"), met(1, "B"), met(2, "A", is_swapped=True), met(3, "tie")]
    assert left_share(pairs) == wilson(2, 3)


def test_enough_either_way() -> None:
    won = standing([met(n, "A") for n in range(8)], NAMES)
    assert won.is_enough
    assert won.suggestion.startswith("Enough: people prefer ppo-1 (evidence 28 to 1, where 20 to 1")
    lost = standing([met(n, "B") for n in range(8)], NAMES)
    assert lost.suggestion.startswith("Enough: people prefer base")
    assert lost.length_controlled.n == 8


@pytest.mark.parametrize(
    ("decided", "num_open", "said"),
    [
        ((0, 0), 10, "Go on: nothing is shown yet; 10 pairs are open."),
        ((7, 0), 10, "Go on: about 1 more judgments like these would show it; 10 pairs are open."),
        ((3, 2), 0, "Not shown, and no pair is open: import more held-out prompts"),
        ((800, 790), 0, "Enough: the two are equal to within 5%."),
    ],
)
def test_whether_to_go_on(decided: tuple[int, int], num_open: int, said: str) -> None:
    rate = wilson(decided[0], sum(decided))
    suggestion, is_enough = suggest(rate, decided, num_open, NAMES)
    assert suggestion.startswith(said)
    assert is_enough is said.startswith("Enough")


def test_nobody_has_judged_anything() -> None:
    found = standing([met(0), met(1)], NAMES)
    assert (found.win_rate.n, found.num_judged, found.evidence) == (0, 0, 1.0)
