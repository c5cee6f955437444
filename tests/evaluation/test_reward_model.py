"""Held-out accuracy of a reward model, beside two rules that read nothing but lengths."""

import math

import pytest
import torch

from rather.data.batch import Row
from rather.data.judged import Judged, Opinion
from rather.evaluation import reward_model
from rather.evaluation.reward_model import (
    agreement_levels,
    cases_of,
    held_out_accuracy,
    length_gaps,
    mean_scores,
    shares_by,
    spread_of,
)
from rather.models.backbone import Backbone
from rather.models.heads import ScalarHead
from rather.models.roles import RewardModel
from rather.rollout.tables import score_rows

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
    found = held_out_accuracy(constant_model(tiny_backbone), [], 4096)
    assert (found.accuracy.n, dict(found.by_strength)) == (0, {})
    assert math.isnan(found.score_length_correlation)


def scoring(monkeypatch: pytest.MonkeyPatch, *scores: list[float]) -> None:
    """Let these be a model's scores of the rows it is given."""
    monkeypatch.setattr(reward_model, "score_rows", lambda *_: list(scores))


def test_accuracy_by_how_much_better_people_found_it(
    tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = [
        Judged(
            Row(PROMPT, (SHORT, MIDDLE, LONG)),
            (Opinion((0, 1), (1, 2), strength=3), Opinion((0, 2), (1, 2)), Opinion((1, 2), (2, 1))),
        )
    ]
    scoring(monkeypatch, [1.0, 0.0, 2.0])
    found = held_out_accuracy(constant_model(tiny_backbone), judged, 4096)
    # much better: 1 > 0 is right. Slightly: 1 > 2 is wrong, 2 > 0 is right.
    shares = {strength: (one.value, one.n) for strength, one in found.by_strength.items()}
    assert shares == {1: (0.5, 2), 3: (1.0, 1)}
    assert found.accuracy.value == pytest.approx(2 / 3)


def test_many_judgments_of_a_pair_are_one_case_for_the_interval(
    tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Opinion((0, 1), (1, 2)), Opinion((1, 0), (1, 2), strength=2)
    judged = [
        Judged(Row(PROMPT, (SHORT, LONG)), (first, first, second)),
        Judged(Row(PROMPT, (SHORT, MIDDLE)), (first,)),
    ]
    scoring(monkeypatch, [1.0, 0.0], [1.0, 0.0])
    found = held_out_accuracy(constant_model(tiny_backbone), judged, 4096)
    # three of four judgments, on two pairs; the third judge's is the other way round
    assert (found.accuracy.value, found.accuracy.n) == (0.75, 2)
    assert {key: (one.value, one.n) for key, one in found.by_strength.items()} == {
        1: (1.0, 2),
        2: (0.0, 1),
    }
    # the lengths' shares are of judgments: 0, 0, 1 and 0 of 4
    assert found.longer_wins == 0.25


def test_scores_that_follow_the_length(
    tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Opinion((0, 1), (1, 2))
    judged = [
        Judged(Row(PROMPT, (SHORT, MIDDLE, LONG)), (one,)),
        Judged(Row(PROMPT, (SHORT, LONG)), (one,)),
    ]
    model = constant_model(tiny_backbone)
    # around the prompts' means: lengths −1 0 1 | −1 1, scores −1 0 1 | −1 1
    scoring(monkeypatch, [0.0, 1.0, 2.0], [10.0, 12.0])
    assert held_out_accuracy(model, judged, 4096).score_length_correlation == pytest.approx(1.0)
    # scores −1 0 1 | 2 −2: (1 + 0 + 1 − 2 − 2) / √(10·4)
    scoring(monkeypatch, [0.0, 1.0, 2.0], [14.0, 10.0])
    found = held_out_accuracy(model, judged, 4096).score_length_correlation
    assert found == pytest.approx(-2 / 40**0.5)


def judged_by(*votes: tuple[tuple[int, int], ...]) -> list[Judged]:
    """A row for each pair, with an opinion for every (better, worse) in it."""
    return [
        Judged(Row(PROMPT, (SHORT, LONG)), tuple(Opinion(pair, (1, 2)) for pair in pairs))
        for pairs in votes
    ]


def test_accuracy_by_how_people_agree() -> None:
    ours, theirs = (0, 1), (1, 0)
    judged = judged_by((ours,), (ours, ours), (ours, ours, theirs), (ours, theirs))
    cases = cases_of(judged, [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    found = shares_by(cases, agreement_levels(cases))
    assert {name: (one.accuracy.value, one.accuracy.n) for name, one in found.items()} == {
        "one judgment": (1.0, 1),
        "all agree": (0.0, 1),
        "most agree": (pytest.approx(2 / 3), 1),
        "evenly split": (0.5, 1),
    }


def test_accuracy_by_length_gap_beside_the_rules_that_only_count() -> None:
    rows = [
        Judged(Row(PROMPT, ((1,) * 10, (2,) * 11)), (Opinion((0, 1), (1, 2)),)),  # 1 of 11: 9 %
        Judged(Row(PROMPT, ((1,) * 10, (2,) * 15)), (Opinion((1, 0), (1, 2)),)),  # 5 of 15: 33 %
        Judged(Row(PROMPT, ((1,) * 10, (2,) * 40)), (Opinion((1, 0), (1, 2)),)),  # 30 of 40: 75 %
        Judged(Row(PROMPT, ((1,) * 10, (2,) * 10)), (Opinion((1, 0), (1, 2)),)),
    ]
    # a model that prefers the longer one
    cases = cases_of(rows, [[10.0, 11.0], [10.0, 15.0], [10.0, 40.0], [0.0, 0.0]])
    found = shares_by(cases, length_gaps)
    assert {name: (one.accuracy.value, one.longer_wins) for name, one in found.items()} == {
        "lengths differ by up to 10 %": (0.25, 0.25),  # one lost, one tied
        "better is shorter": (0.0, 0.0),
        "lengths differ by 10 to 50 %": (1.0, 1.0),
        "better is longer": (1.0, 1.0),
        "lengths differ by over 50 %": (1.0, 1.0),
        "equally long": (0.5, 0.5),
    }


def test_the_spread_of_an_ensemble_tells_where_it_is_wrong() -> None:
    judged = judged_by(((0, 1),), ((0, 1),), ((0, 1),), ((0, 1),))
    # margins of the two members: 1 1 | 1 1 | 3 −5 | 5 −7
    first = [[1.0, 0.0], [1.0, 0.0], [3.0, 0.0], [5.0, 0.0]]
    second = [[1.0, 0.0], [1.0, 0.0], [-5.0, 0.0], [-7.0, 0.0]]
    found = spread_of(judged, [first, second])
    assert found is not None
    assert (found.agreeing.value, found.differing.value) == (1.0, 0.0)
    # deviations of the eight scores: 0 0 0 0 4 0 6 0
    assert found.mean_std == pytest.approx(10 / 8)
    assert spread_of(judged, [first]) is None
    assert mean_scores([first, second])[2] == [-1.0, 0.0]
