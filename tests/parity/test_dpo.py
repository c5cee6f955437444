"""Preference losses beside TRL 1.16's trainers: losses, gradients, three training steps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rather.config.optimization import Adapter
from rather.config.stages import DPO
from rather.data.batch import Row, pack
from rather.data.judged import Judged, Opinion
from rather.equations import dpo
from rather.equations.kto import kl_baseline, kto
from rather.models.library import load_backbone
from rather.models.roles import Policy
from rather.models.tuning import Tuned, start_tuning
from rather.progress import Progress
from rather.training.dpo import train_dpo
from rather.training.loop import Run, slices

pytestmark = pytest.mark.slow

PAIRS, WIDTH = 8, 9


@dataclass(frozen=True)
class Case:
    """One loss: ours by name and settings, and how TRL spells it."""

    ours: str
    settings: dict[str, float]
    trl: dict[str, Any]
    on: str = "pairs"
    """Which tables: `pairs`, or `first`, the first pair alone."""


CASES = {
    "sigmoid": Case("sigmoid", {"beta": 0.1}, {"loss_types": ["sigmoid"], "beta": 0.1}),
    # TRL's `sigmoid` has no smoothing any more; its `aot` sorts the batch, so that of one pair is
    # the plain smoothed loss
    "cDPO": Case(
        "sigmoid",
        {"beta": 0.3, "label_smoothing": 0.2},
        {"loss_types": ["aot"], "beta": 0.3, "label_smoothing": 0.2},
        on="first",
    ),
    "robust": Case(
        "robust",
        {"beta": 0.2, "label_smoothing": 0.1},
        {"loss_types": ["robust"], "beta": 0.2, "label_smoothing": 0.1},
    ),
    "hinge": Case("hinge", {"beta": 0.5}, {"loss_types": ["hinge"], "beta": 0.5}),
    "ipo_mean": Case("ipo_mean", {"beta": 0.1}, {"loss_types": ["ipo"], "beta": 0.1}),
}


def tables(generator: torch.Generator, lengths: Tensor) -> dict[str, Tensor]:
    """Random log-probabilities [2M, T], chosen above rejected, 0 where a completion has ended."""
    mask = torch.arange(WIDTH) < lengths[:, None]
    shape = (len(lengths), WIDTH)
    logprobs, ref_logprobs = (-3 * torch.rand(shape, generator=generator) for _ in range(2))
    return {"logprobs": logprobs * mask, "ref_logprobs": ref_logprobs * mask, "mask": mask.long()}


def by_hand() -> dict[str, Tensor]:
    """Two pairs: chosen of 2 tokens at −1 and of 4 at −2; rejected of 4 at −2 and of 2 at −1."""
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0]])
    each = torch.tensor([-1.0, -2.0, -2.0, -1.0])
    return {
        "logprobs": each[:, None] * mask,
        "ref_logprobs": torch.zeros(4, 4),
        "mask": mask,
    }


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(4)
    lengths = torch.randint(1, WIDTH + 1, (2 * PAIRS,), generator=generator)
    pairs, mismatched = tables(generator, lengths), tables(generator, lengths)
    # the mismatched must be likelier than under the reference, or KTO's baseline is just 0
    mismatched["logprobs"] = mismatched["logprobs"] * 0.8
    found = {"pairs": pairs, "mismatched": mismatched, "by hand": by_hand()}
    found["first"] = {name: table[[0, PAIRS]] for name, table in pairs.items()}
    flat = {f"{key}/{name}": t for key, group in found.items() for name, t in group.items()}
    is_desirable = torch.rand(2 * PAIRS, generator=generator) < 0.4
    return {**flat, "is_desirable": is_desirable}


@pytest.fixture(scope="module")
def trl(
    ask: Callable[..., Any],
    optimizer_arguments: Callable[..., dict[str, Any]],
    tiny_model: Path,
    tensors: dict[str, Tensor],
) -> Any:
    losses = {name: {"on": case.on, "settings": case.trl} for name, case in CASES.items()}
    losses["LD"] = {"on": "pairs", "settings": {"ld_alpha": 0.3}}
    for name in ("ipo", "sft"):
        settings = {"loss_types": [name], "beta": 0.5}
        losses[f"{name} by hand"] = {"on": "by hand", "settings": settings}
    trainings = {
        name: {
            "trainer": training.trainer,
            "arguments": {**optimizer_arguments(training.section), **training.trl},
            "rows": trl_rows(training),
        }
        for name, training in TRAININGS.items()
    }
    weights = {"beta": 0.2, "desirable_weight": 1.0, "undesirable_weight": 1.5}
    request = {"dpo": losses, "kto": {"KTO": weights}, "trainings": trainings}
    return ask("trl_dpo", "1.16", {"model": str(tiny_model), **request}, tensors)


def sums(table: Tensor) -> tuple[Tensor, Tensor]:
    chosen, rejected = table.sum(dim=1).chunk(2)
    return chosen, rejected


def said_of(tensors: Mapping[str, Tensor], on: str, logprobs: Tensor) -> dpo.PairLogprobs:
    ref_logprobs, mask = tensors[f"{on}/ref_logprobs"], tensors[f"{on}/mask"]
    return dpo.PairLogprobs(*sums(logprobs * mask), *sums(ref_logprobs), *sums(mask))


@pytest.mark.parametrize("name", CASES)
def test_the_loss_of_given_logprobs(
    trl: Any, tensors: dict[str, Tensor], assert_same: Callable[..., None], name: str
) -> None:
    case = CASES[name]
    logprobs = tensors[f"{case.on}/logprobs"].clone().requires_grad_()
    loss = dpo.LOSSES[case.ours](said_of(tensors, case.on, logprobs), **case.settings).mean()
    (gradient,) = torch.autograd.grad(loss, logprobs)
    assert_same({"loss": loss, "gradient": gradient}, trl.under(f"dpo/{name}"))


def test_the_length_desensitized_loss_of_given_logprobs(
    trl: Any, tensors: dict[str, Tensor], assert_same: Callable[..., None]
) -> None:
    mask = tensors["pairs/mask"].bool()
    shorter = torch.minimum(*mask.sum(dim=1).chunk(2)).repeat(2)
    logprobs = tensors["pairs/logprobs"].clone().requires_grad_()
    chosen, rejected, ref_chosen, ref_rejected = (
        part
        for table in (logprobs, tensors["pairs/ref_logprobs"])
        for part in dpo.length_desensitized_sum(table, mask, shorter, alpha=0.3).chunk(2)
    )
    lengths = mask.sum(dim=1).chunk(2)
    said = dpo.PairLogprobs(chosen, rejected, ref_chosen, ref_rejected, *lengths)
    loss = dpo.sigmoid(said, beta=0.1).mean()
    (gradient,) = torch.autograd.grad(loss, logprobs)
    assert_same({"loss": loss, "gradient": gradient}, trl.under("dpo/LD"))


def test_the_kto_loss_of_given_logprobs(
    trl: Any, tensors: dict[str, Tensor], assert_same: Callable[..., None]
) -> None:
    mismatched = tensors["mismatched/logprobs"] - tensors["mismatched/ref_logprobs"]
    baseline = kl_baseline(mismatched.sum(dim=1))
    assert [baseline.item()] == pytest.approx(trl.numbers["kto/KTO"]["baseline"], rel=1e-5)
    assert baseline > 0.1
    logprobs = tensors["pairs/logprobs"].clone().requires_grad_()
    log_ratios = (logprobs * tensors["pairs/mask"] - tensors["pairs/ref_logprobs"]).sum(dim=1)
    weights = {"desirable_weight": 1.0, "undesirable_weight": 1.5}
    loss = kto(log_ratios, tensors["is_desirable"], baseline, beta=0.2, **weights).mean()
    (gradient,) = torch.autograd.grad(loss, logprobs)
    assert_same({"loss": loss, "gradient": gradient}, trl.under("kto/KTO"))


def test_ipo_of_the_paper_is_on_sums(trl: Any, tensors: dict[str, Tensor]) -> None:
    """Azar et al. write log π(y), a sum, and so does our `ipo`; TRL's divides by the length.

    Both numbers by hand, at β = ½ (target 1). Sums: h = −2 + 8 = 6 and −8 + 2 = −6, so
    ((6 − 1)² + (−6 − 1)²)/2 = 37. Means: −1 + 2 = 1 and −2 + 1 = −1, so (0² + 2²)/2 = 2.
    """
    said = said_of(tensors, "by hand", tensors["by hand/logprobs"])
    assert dpo.ipo(said, beta=0.5).mean().item() == pytest.approx(37.0)
    assert trl.tensors["dpo/ipo by hand/loss"].item() == pytest.approx(2.0)
    assert dpo.ipo_mean(said, beta=0.5).mean().item() == pytest.approx(2.0)


def test_the_likelihood_term_weighs_pairs_alike(trl: Any, tensors: dict[str, Tensor]) -> None:
    """Pang et al. divide each chosen completion by its own length; TRL the batch by its tokens.

    Both numbers by hand: (2/2 + 8/4)/2 = 1.5 of pairs alike, (2 + 8)/(2 + 4) = 1.6667 of tokens
    alike, where a long completion counts for more.
    """
    said = said_of(tensors, "by hand", tensors["by hand/logprobs"])
    ours = dpo.negative_log_likelihood(said.chosen, said.chosen_length)
    assert ours.mean().item() == pytest.approx(1.5)
    assert trl.tensors["dpo/sft by hand/loss"].item() == pytest.approx(1.666667, abs=1e-5)


SEED = 3
SECTION = DPO(
    learning_rate=1e-3,
    warmup_fraction=0.0,
    schedule="constant",
    adam_epsilon=1e-4,  # or rounding in gradients near 0 would become whole steps
    max_grad_norm=1e6,  # no clipping
    batch_size=4,
    microbatch_tokens=64,  # TRL's batch of four, here in several microbatches
    adapter=Adapter(tuning="full"),
)


@dataclass(frozen=True)
class Training:
    """A short training: our section, and what TRL's trainer is told beside the optimizer."""

    section: DPO
    trl: dict[str, Any]
    trainer: str = "dpo"
    texts: str = "ragged"
    """Which texts: `ragged`, `even` (chosen of one length), `short` (and prompts of one token)."""


def training(changes: dict[str, Any], trl: dict[str, Any], **more: Any) -> Training:
    return Training(SECTION.model_copy(update=changes), trl, **more)


ORPO_RAGGED = "ORPO on prompts of several tokens"
TRAININGS = {
    "sigmoid": training({"beta": 0.1}, {"loss_type": "sigmoid", "beta": 0.1}),
    "robust": training(
        {"loss": "robust", "label_smoothing": 0.1},
        {"loss_type": "robust", "label_smoothing": 0.1},
    ),
    "hinge": training({"loss": "hinge", "beta": 1.0}, {"loss_type": "hinge", "beta": 1.0}),
    "ipo_mean": training({"loss": "ipo_mean", "beta": 0.5}, {"loss_type": "ipo", "beta": 0.5}),
    "apo_zero": training({"loss": "apo_zero", "beta": 0.1}, {"loss_type": "apo_zero", "beta": 0.1}),
    "LD": training({"length_weight": 0.3}, {"loss_type": "sigmoid", "ld_alpha": 0.3}),
    "likelihood": training(
        {"nll_coefficient": 0.5},
        {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.5]},
        texts="even",
    ),
    # TRL's γ is ours too: it divides by β what it then multiplies by β
    "SimPO": training(
        {"loss": "simpo", "beta": 2.0, "target_margin": 0.3},
        {"loss_type": "simpo", "beta": 2.0, "simpo_gamma": 0.3, "cpo_alpha": 0.0},
        trainer="cpo",
    ),
    # TRL's likelihood term takes the prompt too, and all tokens of a batch alike; a prompt of one
    # token and chosen completions of one length leave no difference
    "ORPO": training({"loss": "orpo", "beta": 0.3}, {"beta": 0.3}, trainer="orpo", texts="short"),
    ORPO_RAGGED: training({"loss": "orpo", "beta": 0.3}, {"beta": 0.3}, trainer="orpo"),
}


def texts(kind: str) -> list[dict[str, str]]:
    """Random letters; prompts end with a line, so that no token spans the border."""
    generator = torch.Generator().manual_seed(5)

    def letters(low: int, high: int) -> str:
        length = int(torch.randint(low, high + 1, (), generator=generator))
        codes = torch.randint(ord("a"), ord("z") + 1, (length,), generator=generator)
        return "".join(map(chr, codes.tolist()))

    return [
        {
            "prompt": "\n" if kind == "short" else f"{letters(2, 9)}\n",
            "chosen": letters(2, 12) if kind == "ragged" else letters(6, 6),
            "rejected": letters(2, 12),
        }
        for _ in range(12)
    ]


def visited(section: DPO) -> list[int]:
    """Rows in the order in which our trainer visits them."""
    return [index for update in slices(12, section, SEED) for index in update]


def trl_rows(training: Training) -> list[dict[str, str]]:
    rows = texts(training.texts)
    return [rows[index] for index in visited(training.section)]


def judged_of(training: Training, tokenizer: Any) -> list[Judged]:
    """The same texts as our trainer reads them; a completion ends with EOS."""
    found = []
    for text in texts(training.texts):
        prompt, chosen, rejected = (
            tuple(tokenizer(text[name])["input_ids"]) for name in ("prompt", "chosen", "rejected")
        )
        row = Row(prompt, ((*chosen, 2), (*rejected, 2)))
        found.append(Judged(row, (Opinion((0, 1), (1, 2)),)))
    return found


def trained(
    section: DPO, judged: Sequence[Judged], model: Path, folder: Path
) -> tuple[list[float], Tuned]:
    """Losses and weights of our trainer."""
    reference = Policy(load_backbone(model, torch.float32, "cpu"))
    tuned = start_tuning(reference, "dpo", section.adapter, SEED)
    losses: list[float] = []
    run = Run(folder, lambda step, metrics: losses.append(metrics["loss"]), Progress(quiet=True))
    train_dpo(section, tuned, reference, judged, run, SEED)
    return losses, tuned


@pytest.mark.parametrize("name", [name for name in TRAININGS if name != ORPO_RAGGED])
def test_three_training_steps(
    trl: Any,
    tiny_model: Path,
    tiny_tokenizer: Any,
    tmp_path: Path,
    gradients: Any,
    assert_same: Callable[..., None],
    name: str,
) -> None:
    section, judged = TRAININGS[name].section, judged_of(TRAININGS[name], tiny_tokenizer)
    rows = [judged[index].row for index in visited(section)]
    ids = [[list(row.prompt_ids), *map(list, row.completions)] for row in rows]
    assert ids == trl.numbers[f"trainings/{name}"]["ids"]
    losses, tuned = trained(section, judged, tiny_model, tmp_path)
    assert losses == pytest.approx(trl.numbers[f"trainings/{name}"]["losses"], rel=1e-5, abs=1e-5)
    assert len(losses) == 3
    assert_same(gradients.named(tuned.parameters), trl.under(f"trainings/{name}/gradient"))
    assert_same(tuned.parameters, trl.under(f"trainings/{name}/weight"))


def test_the_likelihood_of_orpo_is_the_completions(
    trl: Any, tiny_model: Path, tiny_tokenizer: Any, tmp_path: Path
) -> None:
    """Hong et al. 2024, Eq. 3, take log P(y|x), and so do we; TRL's takes the prompt's tokens too.

    It also weighs all tokens of a batch alike, where the paper takes the mean of each completion.
    Nothing else of the first loss differs.
    """
    training = TRAININGS[ORPO_RAGGED]
    judged = judged_of(training, tiny_tokenizer)
    losses, _ = trained(training.section, judged, tiny_model, tmp_path)
    rows = [judged[index].row for index in visited(training.section)[: SECTION.batch_size]]
    policy = Policy(load_backbone(tiny_model, torch.float32, "cpu"))
    chosen = [Row(row.prompt_ids, row.completions[:1]) for row in rows]
    whole = [Row(r.prompt_ids[:1], ((*r.prompt_ids[1:], *r.completions[0]),)) for r in rows]
    by_pair, by_token = (pack(of) for of in (chosen, whole))
    with torch.no_grad():
        ours = -policy.logprobs(by_pair).sum(dim=1) / by_pair.completion_mask.sum(dim=1)
        theirs = -policy.logprobs(by_token).sum() / by_token.completion_mask.sum()
    difference = (theirs - ours.mean()).item()
    assert abs(difference) > 0.01
    found = trl.numbers[f"trainings/{ORPO_RAGGED}"]["losses"][0] - losses[0]
    assert found == pytest.approx(difference, abs=1e-5)
