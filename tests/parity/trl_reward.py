"""TRL's reward trainer: its loss on given scores, and a short training of its own."""

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import torch
from accelerate import Accelerator
from datasets import Dataset
from oracle import Question
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from trl import RewardConfig, RewardTrainer


def loss_on_scores(question: Question, name: str, inputs: dict[str, Any]) -> None:
    """`RewardTrainer.compute_loss` behind a model that gives the scores we made."""
    trainer = SimpleNamespace(
        model=SimpleNamespace(training=True),
        args=SimpleNamespace(center_rewards_coefficient=None),
        accelerator=Accelerator(cpu=True),
        _metrics=defaultdict(lambda: defaultdict(list)),
        _total_train_tokens=0,
        _tp_size=1,
    )
    scores = question.tensors["scores"].clone().requires_grad_()
    model = lambda **_: SimpleNamespace(logits=scores[:, None])  # noqa: E731
    ones = torch.ones(len(scores), 1, dtype=torch.long)
    loss = RewardTrainer.compute_loss(trainer, model, {"attention_mask": ones, **inputs})
    loss.backward()
    question.keep(name, {"loss": loss, "gradient": scores.grad})


def train(question: Question, name: str, case: dict[str, Any]) -> None:
    """Train on rows of token ids, from the head we made."""
    folder = question.request["model"]
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1)
    with torch.no_grad():
        model.score.weight.copy_(question.tensors["head"][None])
    arguments = question.training_arguments(case["arguments"])
    trainer = RewardTrainer(
        model=model,
        args=RewardConfig(**arguments, max_length=None),
        train_dataset=Dataset.from_list(case["rows"]),
        processing_class=AutoTokenizer.from_pretrained(folder),
    )
    question.train(name, trainer)


if __name__ == "__main__":
    question = Question.from_arguments()
    loss_on_scores(question, "plain", {})
    loss_on_scores(question, "margin", {"margin": question.tensors["margin"]})
    for name, case in question.request["trainings"].items():
        train(question, name, case)
    question.answer()
