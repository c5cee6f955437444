"""The reward model beside TRL 1.16's `RewardTrainer`: losses, gradients, three training steps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rather.config.optimization import Adapter
from rather.config.stages import Reward
from rather.data.batch import Row
from rather.data.judged import Judged, Opinion
from rather.equations import preferences
from rather.models.heads import ScalarHead
from rather.models.library import load_backbone
from rather.models.roles import Policy
from rather.models.tuning import start_tuning
from rather.progress import Progress
from rather.training.loop import Run, slices
from rather.training.reward import train_reward

pytestmark = pytest.mark.slow

SEED = 3
PAIRS = 12
SECTION = Reward(
    pooling="last",  # as TRL's sequence classifier, whose head is random too
    head="random",
    learning_rate=1e-3,
    warmup_fraction=0.0,
    schedule="constant",
    adam_epsilon=1e-4,  # or rounding in gradients near 0 would become whole steps
    max_grad_norm=1e6,  # no clipping
    batch_size=4,
    microbatch_tokens=64,  # TRL's batch of four, here in several microbatches
    adapter=Adapter(tuning="full"),
)
TRAININGS: dict[str, Reward] = {
    "no margin": SECTION.model_copy(update={"margin": False}),
    "with margins": SECTION,
    "clipped": SECTION.model_copy(update={"max_grad_norm": 0.1}),
}


def judged_pairs() -> list[Judged]:
    """Pairs of unequal lengths, of strengths 1, 2 and 3, the first or the second the better."""
    found = []
    generator = torch.Generator().manual_seed(0)
    for n in range(PAIRS):
        lengths = torch.randint(2, 12, (3,), generator=generator).tolist()
        prompt, first, second = (
            tuple(torch.randint(3, 262, (length,), generator=generator).tolist())
            for length in lengths
        )
        opinion = Opinion((0, 1), (1, 2) if n % 2 else (2, 1), strength=1 + n % 3)
        found.append(Judged(Row(prompt, ((*first, 2), (*second, 2))), (opinion,)))
    return found


JUDGED = judged_pairs()


def trl_rows(section: Reward) -> list[dict[str, Any]]:
    """The pairs as TRL reads them, in the order in which our trainer visits them."""
    found = []
    for index in [index for update in slices(PAIRS, section, SEED) for index in update]:
        row, (opinion,) = JUDGED[index].row, JUDGED[index].opinions
        ((better, worse),) = opinion.pairs
        one: dict[str, Any] = {
            "chosen_ids": [*row.prompt_ids, *row.completions[better]],
            "rejected_ids": [*row.prompt_ids, *row.completions[worse]],
        }
        if section.margin:
            one["margin"] = (opinion.strength - 1) / 2  # strengths 1, 2, 3: margins 0, ½, 1
        found.append(one)
    return found


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "scores": 3 * torch.randn(20, generator=generator),  # ten chosen, then ten rejected
        "margin": torch.rand(10, generator=generator),
        "head": ScalarHead(32, SEED).weight.detach(),
    }


@pytest.fixture(scope="module")
def trl(
    ask: Callable[..., Any],
    optimizer_arguments: Callable[..., dict[str, Any]],
    tiny_model: Path,
    tensors: dict[str, Tensor],
) -> Any:
    trainings = {
        name: {"arguments": optimizer_arguments(section), "rows": trl_rows(section)}
        for name, section in TRAININGS.items()
    }
    request = {"model": str(tiny_model), "trainings": trainings}
    return ask("trl_reward", "1.16", request, tensors)


@pytest.mark.parametrize("name", ["plain", "margin"])
def test_the_loss_of_given_scores(
    trl: Any, tensors: dict[str, Tensor], assert_same: Callable[..., None], name: str
) -> None:
    scores = tensors["scores"].clone().requires_grad_()
    chosen, rejected = scores.chunk(2)
    margin = tensors["margin"] if name == "margin" else 0.0
    loss = preferences.preferred(preferences.bradley_terry, chosen, rejected, margin=margin).mean()
    (gradient,) = torch.autograd.grad(loss, scores)
    assert_same({"loss": loss, "gradient": gradient}, trl.under(name))


@dataclass(frozen=True)
class Trained:
    losses: list[float]
    gradients: Mapping[str, Tensor]
    weights: Mapping[str, Tensor]


def trained(section: Reward, model: Path, folder: Path, gradients: Any) -> Trained:
    """Our trainer on the same pairs; its weights by the names they have in TRL's model."""
    start = Policy(load_backbone(model, torch.float32, "cpu"))
    tuned = start_tuning(start, "reward", section.adapter, SEED)
    losses: list[float] = []
    run = Run(folder, lambda step, metrics: losses.append(metrics["loss"]), Progress(quiet=True))
    reward_model = train_reward(section, tuned, JUDGED, [JUDGED[0].row], run, SEED)
    weights = {**tuned.parameters, "score.weight": reward_model.head.weight}
    del weights["lm_head.weight"]  # a sequence classifier has none, and a reward model reads none
    return Trained(losses, _as_matrix(gradients.named(weights)), _as_matrix(weights))


def _as_matrix(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our head is a vector, TRL's a matrix of one row."""
    return {k: t[None] if k.endswith("score.weight") else t for k, t in weights.items()}


@pytest.mark.parametrize("name", TRAININGS)
def test_three_training_steps(
    trl: Any,
    tiny_model: Path,
    tmp_path: Path,
    gradients: Any,
    assert_same: Callable[..., None],
    name: str,
) -> None:
    ours = trained(TRAININGS[name], tiny_model, tmp_path, gradients)
    assert ours.losses == pytest.approx(trl.numbers[name]["losses"], abs=1e-5)
    assert len(ours.losses) == 3
    assert_same(ours.gradients, trl.under(f"{name}/gradient"))
    assert_same(ours.weights, trl.under(f"{name}/weight"))
