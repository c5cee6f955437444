"""How well a reward model predicts judgments it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

from rather.data.judged import Judged
from rather.evaluation.statistics import Interval, wilson
from rather.failpoints import failpoint
from rather.models.roles import RewardModel
from rather.rollout.rollout import score_rows


@dataclass(frozen=True)
class Accuracy:
    """Share of held-out pairs ordered as the labeller did, beside two rules that read nothing."""

    accuracy: Interval
    longer_wins: float
    shorter_wins: float


def held_out_accuracy(
    model: RewardModel, judged: Sequence[Judged], microbatch_tokens: int
) -> Accuracy:
    """Accuracy on all (better, worse) pairs; equal scores or lengths count half."""
    scores = score_rows(model, [one.row for one in judged], microbatch_tokens)
    failpoint("evaluation.scored")
    right = longer = shorter = 0.0
    num_pairs = 0
    for row_scores, one in zip(scores, judged, strict=True):
        lengths = [len(completion) for completion in one.row.completions]
        for better, worse in one.pairs:
            num_pairs += 1
            right += _wins(row_scores[better], row_scores[worse])
            longer += _wins(lengths[better], lengths[worse])
            shorter += _wins(lengths[worse], lengths[better])
    n = max(1, num_pairs)
    return Accuracy(wilson(right, num_pairs), longer / n, shorter / n)


def _wins(ours: float, theirs: float) -> float:
    return (ours > theirs) + 0.5 * (ours == theirs)
