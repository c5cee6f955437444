"""The reward model learns a planted rule, reads ties and strengths, and is centred."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from rather.config.optimization import Adapter
from rather.config.stages import Reward
from rather.data.batch import Row
from rather.data.judged import Judged, Opinion
from rather.evaluation.reward_model import held_out_accuracy
from rather.models.library import load_backbone, weights_digest
from rather.models.roles import Policy, RewardModel
from rather.models.tuning import Tuned, start_tuning
from rather.rollout.tables import score_rows
from rather.training.reward import PAIR_LOSSES, choose_pair_losses, pair_accuracy, sum_of_losses
from rather.training.reward import train_reward as train

LIKED = 200
SECTION = Reward(learning_rate=3e-3, batch_size=8, num_epochs=2, checkpoint_every=2)


def planted(number: int, ties: bool = False) -> list[Judged]:
    """Pairs in which the completion with the liked token wins; every fourth may be a tie."""
    found = []
    for n in range(number):
        generator = torch.Generator().manual_seed(n)
        prompt, first, second = (
            torch.randint(10, 190, (length,), generator=generator).tolist() for length in (4, 5, 5)
        )
        place = int(torch.randint(5, (), generator=generator))
        if ties and n % 4 == 3:
            opinion = Opinion((0, 1), (1, 1))
        else:
            opinion = Opinion((0, 1), (1, 2) if n % 2 else (2, 1))
            (first if n % 2 else second)[place] = LIKED
        found.append(Judged(Row(tuple(prompt), ((*first, 2), (*second, 2))), (opinion,)))
    return found


JUDGED = planted(16)


def trained(
    new_tuned: Any,
    recorded: Any,
    section: Reward = SECTION,
    judged: list[Judged] | None = None,
) -> tuple[RewardModel, str]:
    tuned: Tuned = new_tuned()
    judged = JUDGED if judged is None else judged
    model = train(section, tuned, judged, [one.row for one in judged], recorded.run, seed=1)
    weights = {**tuned.parameters, "head": model.head.weight, "bias": model.head.bias}
    return model, weights_digest(weights)


def test_a_planted_rule_is_learnt(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    section = Reward(learning_rate=1e-2, batch_size=16, num_epochs=4, pooling="mean")
    recorded = new_run()
    model, _ = trained(new_tuned, recorded, section, planted(160))
    held_out = planted(240)[160:]
    found = held_out_accuracy(model, held_out, 4096)
    assert found.accuracy.n == 80
    assert found.accuracy.value > 0.9
    assert recorded.of("accuracy")[-1] > 0.9
    assert recorded.of("loss")[-1] < 0.5 * math.log(2)


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_layers_above_its_depth_neither_count_nor_learn(
    tiny_model: Path, new_run: Callable[..., Any], tuning: Literal["lora", "full"]
) -> None:
    start = Policy(load_backbone(tiny_model, torch.float32, "cpu"))
    tuned = start_tuning(start, "learning", Adapter(tuning=tuning), seed=0, depth=1)
    assert not any(".layers.1." in name for name in tuned.parameters)
    before = {name: p.clone() for name, p in tuned.backbone.model.named_parameters()}
    model = train(SECTION, tuned, JUDGED, [one.row for one in JUDGED], new_run().run, seed=1)
    after = dict(tuned.backbone.model.named_parameters())
    assert {n for n in before if ".layers.0." in n and not torch.equal(before[n], after[n])}
    above = [name for name in before if ".layers.1." in name]
    assert above and all(torch.equal(before[name], after[name]) for name in above)
    rows = [one.row for one in JUDGED]
    scores = score_rows(model, rows, 4096)
    with torch.no_grad():
        for name in above:
            after[name].fill_(7.0)
    assert score_rows(model, rows, 4096) == scores


def test_the_references_rows_score_0_on_average(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    section = SECTION.model_copy(update={"head": "random"})
    model, _ = trained(new_tuned, new_run(), section)
    scores = score_rows(model, [one.row for one in JUDGED], 4096)
    flat = [score for row in scores for score in row]
    assert sum(flat) / len(flat) == pytest.approx(0.0, abs=1e-5)
    assert model.head.bias.abs() > 1e-3
    assert max(flat) > 0.01


@pytest.mark.parametrize("ties", ["davidson", "rao_kupper"])
def test_models_of_ties_are_trained(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any], ties: str
) -> None:
    section = SECTION.model_copy(update={"ties": ties, "num_epochs": 6, "pooling": "mean"})
    recorded = new_run()
    model, _ = trained(new_tuned, recorded, section, planted(32, ties=True))
    assert recorded.of("loss")[-1] < recorded.of("loss")[0]
    gaps = [abs(a - b) for a, b in score_rows(model, [j.row for j in planted(32, True)], 4096)]
    tied = sum(gaps[3::4]) / 8
    decided = (sum(gaps) - sum(gaps[3::4])) / 24
    assert decided > 2 * tied


def test_which_model_of_ties_is_used() -> None:
    without, having = planted(4), planted(4, ties=True)
    assert choose_pair_losses(Reward(ties="davidson"), without) == PAIR_LOSSES["drop"]
    assert choose_pair_losses(Reward(ties="davidson"), having) == PAIR_LOSSES["davidson"]
    assert choose_pair_losses(Reward(ties="rao_kupper"), having) == PAIR_LOSSES["rao_kupper"]
    # a ranking with a tie in it is Plackett–Luce's business
    ranking = Judged(Row((1,), ((2,), (3,), (4,))), (Opinion((0, 1, 2), (1, 1, 2)),))
    assert choose_pair_losses(Reward(ties="davidson"), [ranking]) == PAIR_LOSSES["drop"]


@pytest.mark.parametrize(
    ("settings", "opinion", "loss"),
    [
        ({}, Opinion((0, 1), (1, 2)), 1.313262),  # 2 over 3: log(1 + e)
        ({}, Opinion((0, 1), (2, 1)), 0.313262),  # 3 over 2: log(1 + 1/e)
        ({}, Opinion((1, 0), (1, 2)), 0.313262),  # the same, its places the other way round
        ({}, Opinion((0, 1), (2, 1), strength=3), 0.693147),  # a margin of 1 eats the lead
        ({"margin": False}, Opinion((0, 1), (2, 1), strength=3), 0.313262),
        # ¾·.313262 + ¼·1.313262
        ({"label_smoothing": 0.25}, Opinion((0, 1), (2, 1)), 0.563262),
        # Plackett–Luce of 3, 2, 0: log(1 + e⁻¹ + e⁻³) + log(1 + e⁻²)
        ({}, Opinion((0, 1, 2), (2, 1, 3)), 0.475940),
    ],
)
def test_losses_by_hand(settings: dict[str, Any], opinion: Opinion, loss: float) -> None:
    judged = [Judged(Row((1,), ((2,), (3,), (4,))), (opinion,))]
    scores = [torch.tensor([2.0, 3.0, 0.0])]
    found = sum_of_losses(Reward(**settings), PAIR_LOSSES["drop"], scores, judged)
    assert found.item() == pytest.approx(loss, abs=1e-5)


def test_equal_scores_cost_ln_2_and_are_half_right() -> None:
    scores = [torch.zeros(2)] * 4
    judged = planted(4)
    total = sum_of_losses(Reward(), PAIR_LOSSES["drop"], scores, judged)
    assert total.item() == pytest.approx(4 * 0.693147, abs=1e-5)
    assert pair_accuracy(scores, judged) == (2.0, 4)
    assert pair_accuracy([torch.tensor([1.0, 0.0])] * 4, judged) == (2.0, 4)
    assert pair_accuracy([torch.tensor([1.0, 0.0])], judged[1:2]) == (1.0, 1)


def test_microbatches_change_nothing(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    found = []
    for tokens in (64, 4096):
        section = SECTION.model_copy(update={"microbatch_tokens": tokens, "adam_epsilon": 1e-3})
        tuned = new_tuned()
        model = train(section, tuned, JUDGED, [JUDGED[0].row], new_run(str(tokens)).run, seed=1)
        found.append({**tuned.parameters, "head": model.head.weight})
    for name, one in found[0].items():
        assert torch.allclose(one, found[1][name], atol=1e-6, rtol=0), name


@pytest.mark.parametrize("dies_after", [1, 3, 4])
def test_a_killed_run_ends_bit_for_bit_like_a_whole_one(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any], dies_after: int
) -> None:
    _, whole = trained(new_tuned, new_run("whole"))
    with pytest.raises(KeyboardInterrupt):
        trained(new_tuned, new_run("killed", dies_after))
    _, resumed = trained(new_tuned, new_run("killed"))
    assert resumed == whole
    _, again = trained(new_tuned, new_run("killed"))  # killed before it could publish
    assert again == whole
