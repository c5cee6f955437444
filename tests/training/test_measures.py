"""A rollout's numbers by hand."""

import math

import pytest
import torch

from rather.data.batch import Row
from rather.rollout.rollout import Rollout
from rather.training.measures import distinct_2, of_rollout, of_targets
from rather.training.targets import Targets

MASK = torch.tensor([[True, True, True], [True, False, False]])
ROLLOUT = Rollout(
    rows=(Row((1,), ((5, 6, 5), (7,))),),
    stopped=torch.tensor([True, False]),
    scores=torch.tensor([1.0, 3.0]),
    completion_mask=MASK,
    logprobs=torch.tensor([[-1.0, -2.0, -1.0], [-4.0, 0.0, 0.0]]),
    sampler_logprobs=torch.tensor([[-1.0, -2.0, -1.0], [-3.0, 9.0, 9.0]]),
    ref_logprobs=torch.tensor([[-2.0, -2.0, -2.0], [-4.0, 9.0, 9.0]]),
    values=torch.tensor([[1.0, 1.0, 1.0], [0.0, 9.0, 9.0]]),
)


def test_a_rollout_in_numbers() -> None:
    found = of_rollout(ROLLOUT)
    assert found["objective/scores_raw"] == 2.0
    assert found["objective/kl"] == 1.0  # 1 + 0 + 1 and 0, halved
    assert found["objective/kl_error"] == pytest.approx(1 / math.sqrt(2))  # std 1 of two
    # k3 = e^(−d) − 1 + d: e⁻¹ at d = 1, twice, 0 elsewhere
    assert found["objective/kl_k3"] == pytest.approx(math.exp(-1))
    assert found["objective/entropy"] == 4.0  # (4 + 4) / 2
    # the sampler said −3 where the trainer says −4: e⁻¹ over four real tokens
    assert found["objective/mismatch_kl"] == pytest.approx(math.exp(-1) / 4)
    assert (found["length"], found["eos_rate"]) == (2.0, 0.5)
    assert found["eos_error"] == pytest.approx(0.5 / math.sqrt(2))  # std ½ of two
    assert found["distinct_2"] == 1.0


def test_pairs_that_come_again_are_counted_once() -> None:
    rows = (Row((1,), ((5, 5, 5), (5, 5, 6))),)
    # 5-5, 5-5, 5-5, 5-6: two different of four
    assert distinct_2(Rollout(**{**vars(ROLLOUT), "rows": rows})) == 0.5
    assert distinct_2(Rollout(**{**vars(ROLLOUT), "rows": (Row((1,), ((5,),)),)})) == 0.0


def test_how_well_the_critic_had_seen_it() -> None:
    returns = torch.tensor([[1.0, 1.0, 1.0], [2.0, 0.0, 0.0]])
    targets = Targets(
        torch.zeros(2, 3), returns, torch.tensor([[0, 0, 1.0], [2, 0, 0]]), ROLLOUT.scores
    )
    found = of_targets(targets, ROLLOUT)
    assert found["objective/rlhf_reward"] == 1.5
    assert found["objective/scores"] == 2.0
    assert found["objective/non_score_reward"] == -0.5
    # residuals 0, 0, 0, 2 → mean square 1; returns have variance 3/16
    assert found["val/explained_variance"] == pytest.approx(1 - 1 / (3 / 16))
    assert "val/explained_variance" not in of_targets(
        Targets(targets.advantages, None, targets.token_rewards, targets.scores), ROLLOUT
    )


def test_nothing_is_foreseen_where_all_returns_are_the_same() -> None:
    same = Targets(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2))
    assert "val/explained_variance" not in of_targets(same, ROLLOUT)
