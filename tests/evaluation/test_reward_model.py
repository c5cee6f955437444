"""Held-out accuracy of a reward model, beside two rules that read nothing but lengths."""

import torch

from rather.data.batch import Row
from rather.data.judged import Judged, Opinion
from rather.evaluation.reward_model import held_out_accuracy
from rather.models.backbone import Backbone
from rather.models.heads import ScalarHead
from rather.models.roles import RewardModel
from rather.rollout.rollout import score_rows

SHORT, MIDDLE, LONG = (9,), (10, 11), (12, 13, 14)
PROMPT = (7, 8)


def constant_model(backbone: Backbone) -> RewardModel:
    return RewardModel(backbone, None, ScalarHead.zero(backbone.hidden_size), "last")


def test_a_model_that_knows_nothing_has_half(tiny_backbone: Backbone) -> None:
    judged = [
        # short ≻ long: "shorter" is right
        Judged(Row(PROMPT, (SHORT, LONG)), (Opinion((0, 1), (1, 2)),)),
        # long ≻ middle ≻ short: three pairs for "longer"
        Judged(Row(PROMPT, (SHORT, MIDDLE, LONG)), (Opinion((0, 1, 2), (3, 2, 1)),)),
        # equal lengths count half for both, a tie counts for nobody
        Judged(
            Row(PROMPT, (SHORT, (15,), LONG)), (Opinion((0, 1), (1, 2)), Opinion((0, 2), (1, 1)))
        ),
    ]
    found = held_out_accuracy(constant_model(tiny_backbone), judged, 4096)
    # 5 pairs: longer 0 + 3 + ½, shorter 1 + 0 + ½; all scores are 0, so each pair is half right
    assert (found.accuracy.value, found.accuracy.n) == (0.5, 5)
    assert (found.longer_wins, found.shorter_wins) == (0.7, 0.3)


def test_accuracy_counts_the_pairs_the_scores_order(tiny_backbone: Backbone) -> None:
    head = ScalarHead(tiny_backbone.hidden_size, seed=2).requires_grad_(False)
    model = RewardModel(tiny_backbone, None, head, "mean")
    row = Row(PROMPT, (SHORT, MIDDLE, LONG))
    ((a, b, c),) = score_rows(model, [row], 4096)
    ranks = tuple(int(rank) for rank in torch.tensor([-a, -b, -c]).argsort().argsort() + 1)
    backwards = tuple(4 - rank for rank in ranks)
    right = held_out_accuracy(model, [Judged(row, (Opinion((0, 1, 2), ranks),))], 4096)
    wrong = held_out_accuracy(model, [Judged(row, (Opinion((0, 1, 2), backwards),))], 4096)
    assert (right.accuracy.value, right.accuracy.n) == (1.0, 3)
    assert (wrong.accuracy.value, wrong.accuracy.n) == (0.0, 3)


def test_nothing_held_out_is_said_by_n(tiny_backbone: Backbone) -> None:
    assert held_out_accuracy(constant_model(tiny_backbone), [], 4096).accuracy.n == 0
