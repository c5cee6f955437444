"""TRL's preference trainers: their losses on given log-probabilities, and short trainings."""

from collections import defaultdict
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from accelerate import Accelerator
from datasets import Dataset
from oracle import Question
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer, KTOTrainer
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

TABLES = ("logprobs", "ref_logprobs", "mask")
"""[2M, T] of a request: the chosen completions of M pairs, then the rejected ones."""

DPO_DEFAULTS = {
    "beta": 0.1,
    "label_smoothing": 0.0,
    "loss_types": ["sigmoid"],
    "loss_weights": [1.0],
    "ld_alpha": None,
    "f_divergence_type": "reverse_kl",
    "use_weighting": False,
}
COMMON = {
    "aux_loss_enabled": False,
    "precompute_ref_logps": False,
    "_total_train_tokens": 0,
    "_tp_size": 1,
}


def speaker(*tables: Tensor) -> Any:
    """A model whose passes, one after another, give these log-probabilities [M, T]."""
    left = list(tables)

    def forward(**_: Any) -> Any:
        table = left.pop(0)
        nothing = torch.zeros_like(table).detach()
        return SimpleNamespace(
            log_probs=table, entropy=nothing, mean_logits=nothing, is_top1=nothing.bool()
        )

    return forward


def behind(reference: Any, settings: dict[str, Any]) -> Any:
    """What the loss functions of TRL's trainers read of their trainer."""
    model = torch.nn.Module()
    model.is_gradient_checkpointing = False
    return SimpleNamespace(
        **COMMON,
        **settings,
        model=model,
        ref_model=reference,
        accelerator=Accelerator(cpu=True),
        args=SimpleNamespace(gradient_checkpointing_kwargs=None),
        _metrics=defaultdict(lambda: defaultdict(list)),
    )


def completions(mask: Tensor) -> dict[str, Tensor]:
    """Inputs of one prompt token and completions under a mask [M, T]; the ids are never read."""
    whole = torch.cat([torch.zeros(len(mask), 1, dtype=torch.long), mask], dim=1)
    return {"completion_mask": whole, "input_ids": torch.ones_like(whole), "attention_mask": whole}


def dpo_loss(question: Question, name: str, case: dict[str, Any]) -> None:
    """`DPOTrainer._compute_loss` behind models that give the log-probabilities we made."""
    logprobs, ref_logprobs, mask = (question.tensors[f"{case['on']}/{of}"] for of in TABLES)
    logprobs = logprobs.clone().requires_grad_()
    policy = speaker(logprobs * mask)
    trainer = behind(speaker(ref_logprobs), {**DPO_DEFAULTS, **case["settings"]})
    loss = DPOTrainer._compute_loss(trainer, policy, completions(mask), return_outputs=False)
    loss.backward()
    question.keep(name, {"loss": loss, "gradient": logprobs.grad})


def kto_loss(question: Question, name: str, settings: dict[str, Any]) -> None:
    """`KTOTrainer._compute_loss`, its completions of mismatched prompts given too."""
    logprobs, ref_logprobs, mask = (question.tensors[f"pairs/{of}"] for of in TABLES)
    mismatched, ref_mismatched, _ = (question.tensors[f"mismatched/{of}"] for of in TABLES)
    logprobs = logprobs.clone().requires_grad_()
    policy = speaker(mismatched, logprobs * mask)
    trainer = behind(
        speaker(ref_mismatched, ref_logprobs),
        {"loss_type": "kto", "calculate_KL": True, **settings},
    )
    trainer._compute_kl_logps = partial(KTOTrainer._compute_kl_logps, trainer)
    inputs = completions(mask)
    inputs |= {f"KL_{key}": value for key, value in inputs.items()}
    inputs["label"] = question.tensors["is_desirable"]
    loss = KTOTrainer._compute_loss(trainer, policy, inputs, return_outputs=False)
    loss.backward()
    question.keep(name, {"loss": loss, "gradient": logprobs.grad})
    question.numbers[name] = {"baseline": trainer._metrics["train"]["kl"]}


TRAINERS = {
    "dpo": (DPOTrainer, DPOConfig),
    "cpo": (CPOTrainer, CPOConfig),
    "orpo": (ORPOTrainer, ORPOConfig),
}


def train(question: Question, name: str, case: dict[str, Any]) -> None:
    """Train on rows of text; the ids that TRL makes of them are part of the answer."""
    trainer_class, config_class = TRAINERS[case["trainer"]]
    folder = question.request["model"]
    trainer = trainer_class(
        model=AutoModelForCausalLM.from_pretrained(folder),
        args=config_class(**question.training_arguments(case["arguments"]), max_length=128),
        train_dataset=Dataset.from_list(case["rows"]),
        processing_class=AutoTokenizer.from_pretrained(folder),
    )
    question.numbers[name] = {"ids": [ids_of(row) for row in trainer.train_dataset.to_list()]}
    question.train(name, trainer)


def ids_of(row: dict[str, Any]) -> list[list[int]]:
    """Prompt, chosen and rejected; CPO's and ORPO's completions begin with the prompt."""
    if "prompt_ids" in row:
        return [row["prompt_ids"], row["chosen_ids"], row["rejected_ids"]]
    prompt = row["prompt_input_ids"]
    whole = [row["chosen_input_ids"], row["rejected_input_ids"]]
    return [prompt, *(ids[len(prompt) :] for ids in whole)]


if __name__ == "__main__":
    question = Question.from_arguments()
    kinds = {"dpo": dpo_loss, "kto": kto_loss, "trainings": train}
    for kind, compute in kinds.items():
        for name, case in question.request.get(kind, {}).items():
            compute(question, f"{kind}/{name}", case)
    question.answer()
