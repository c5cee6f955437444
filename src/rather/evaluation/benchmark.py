"""When a reward model is right about a benchmark's row: its good answers lie above all others."""

import math
from collections.abc import Sequence

from rather.equations.intervals import wilson
from rather.evaluation.reward_model import Scores, Share
from rather.evaluation.statistics import mean


def outcome(scores: Sequence[float], num_chosen: int) -> float:
    """1 where every chosen answer scores higher than every rejected one, else 0.

    `scores`: of the chosen answers, then of the rejected. A single chosen one that is level with k
    others at the top counts 1/(1 + k), as if the winner were drawn (of two answers one half); of
    several, each must lie above. RewardBench 2: https://arxiv.org/abs/2506.01937.
    """
    chosen, rejected = scores[:num_chosen], scores[num_chosen:]
    lowest, highest = min(chosen), max(rejected)
    if lowest != highest:
        return float(lowest > highest)
    return 1 / (1 + rejected.count(highest)) if num_chosen == 1 else 0.0


def chance(num_chosen: int, num_rejected: int) -> float:
    """How often scores drawn at random are right about such a row."""
    return 1 / math.comb(num_chosen + num_rejected, num_chosen)


def share(scores: Scores, lengths: Scores, num_chosen: Sequence[int]) -> Share:
    """How often the model is right, beside the rules that the longest and the shortest is best.

    A row each: the answers' scores, their lengths in tokens, and how many are chosen.
    """
    right = [outcome(list(row), n) for row, n in zip(scores, num_chosen, strict=True)]
    longest = [outcome(list(row), n) for row, n in zip(lengths, num_chosen, strict=True)]
    shortest = [
        outcome([-length for length in row], n) for row, n in zip(lengths, num_chosen, strict=True)
    ]
    return Share(wilson(sum(right), len(right)), mean(longest), mean(shortest))
