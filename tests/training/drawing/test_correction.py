"""What an older policy's rollout counts, by hand."""

import math

import pytest
import torch

from rather.config.rollouts import Rollouts
from rather.data.batch import Row
from rather.rollout.rollout import Rollout
from rather.training.drawing.correction import STALENESS, Correction, correction_of
from rather.training.measures import of_rollout

MASK = torch.tensor([[True, True], [True, True], [True, False]])
SAMPLER = torch.tensor([[-1.0, -1.0], [-1.0, -1.0], [-1.0, 9.0]])
LOG_2, LOG_8 = math.log(2), math.log(8)
# π/μ of the tokens: 2 and ½ (mean 1), 8 and 2 (mean 4), 8 of the only one
LOGPROBS = SAMPLER + torch.tensor([[LOG_2, -LOG_2], [LOG_8, LOG_2], [LOG_8, 7.0]])
ROLLOUT = Rollout(
    rows=(Row((1,), ((5, 6), (5, 7), (8,))),),
    stopped=torch.ones(3, dtype=torch.bool),
    scores=torch.zeros(3),
    completion_mask=MASK,
    logprobs=LOGPROBS,
    sampler_logprobs=SAMPLER,
    ref_logprobs=SAMPLER,
)


def test_tokens_are_held_and_completions_far_away_count_nothing() -> None:
    weights = Correction(4.0, most_ratio=5.0).of_rollout(ROLLOUT)
    assert weights.tolist() == [
        pytest.approx([2.0, 0.5]),
        pytest.approx([4.0, 2.0]),  # 8, held at 4
        [0.0, 0.0],  # 8 in the mean, rejected
    ]
    unheld = Correction(100.0).of_rollout(ROLLOUT)
    assert unheld[2].tolist() == [pytest.approx(8.0, rel=1e-6), 0.0]


def test_what_was_held_and_rejected_is_counted() -> None:
    found = Correction(4.0, most_ratio=3.0).measures(ROLLOUT)
    # two of five tokens have 8 and are held; means of 4 and 8 are rejected
    assert found == {"sampler/truncated": pytest.approx(0.4), "sampler/rejected": 2.0}
    stale = Rollout(**{**vars(ROLLOUT), "staleness": torch.tensor([1, 1, 1])})
    assert Correction(4.0).measures(stale)[STALENESS] == 1.0
    assert Correction(4.0).measures(stale)["sampler/rejected"] == 0.0


def test_the_kl_of_what_an_older_policy_drew_is_weighed() -> None:
    """With μ = π_ref the plain mean of log π − log π_ref is −KL(μ‖π), below 0."""
    # two tokens that μ draws as often; π prefers the first, 3 to 1
    drawn = math.log(0.5)
    logprobs = torch.tensor([[math.log(0.75)], [math.log(0.25)]])
    older = Rollout(
        rows=(Row((1,), ((5,), (6,))),),
        stopped=torch.ones(2, dtype=torch.bool),
        scores=torch.zeros(2),
        completion_mask=torch.ones(2, 1, dtype=torch.bool),
        logprobs=logprobs,
        sampler_logprobs=torch.full((2, 1), drawn),
        ref_logprobs=torch.full((2, 1), drawn),
        staleness=torch.tensor([1, 1]),
    )
    plain = 0.5 * math.log(1.5) + 0.5 * math.log(0.5)
    truth = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert plain < 0 < truth
    assert of_rollout(older, Correction(2.0))["objective/kl"] == pytest.approx(truth)
    own = Rollout(**{**vars(older), "staleness": None})
    assert of_rollout(own, Correction(2.0))["objective/kl"] == pytest.approx(plain)


def test_only_servers_are_corrected() -> None:
    assert correction_of(Rollouts()) is None
    section = Rollouts(
        engine="vllm", servers=("http://a",), max_importance_weight=3, max_completion_ratio=None
    )
    assert correction_of(section) == Correction(3.0, None)
