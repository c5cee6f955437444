"""TRL's PPOTrainer, one step (rollout, and four epochs on it) at a time."""

import tempfile
from typing import Any

from datasets import Dataset
from peft import inject_adapter_in_model
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
)
from trl.experimental.ppo import PPOConfig, PPOTrainer, ppo_trainer

from benchmarks.speed.pace import Pace, read_request
from benchmarks.speed.workers.trl import MANY, Paced, arguments, lora, model_settings

PAD, STOP = 3, 4
"""TRL finds its masks and its ends by tokens: two that the model was given and never writes."""


class Writes:
    """TRL's own generation, its completions ended where the workload says."""

    def __init__(self, pace: Pace, work: dict[str, Any]) -> None:
        self.pace, self.work, self.own = pace, work, ppo_trainer.batch_generation

    def __call__(self, model: Any, queries: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
        """Begins the step, generates, and puts the stop token at the forced ends."""
        self.pace.begin()
        whole, logits = self.own(model, queries, *rest)
        answers = whole[:, queries.shape[1] :]
        ends = self.work["context"] - (queries != PAD).sum(dim=1)
        for answer, end in zip(answers, ends.tolist(), strict=True):
            if end < self.work["max_new_tokens"]:
                answer[end - 1] = STOP
        return whole, logits


def classifier(request: dict[str, Any]) -> PreTrainedModel:
    """A model that scores; its head is random."""
    return AutoModelForSequenceClassification.from_pretrained(
        request["model"], num_labels=1, pad_token_id=PAD, **model_settings(request["settings"])
    )


def critic(request: dict[str, Any]) -> PreTrainedModel:
    """A classifier whose adapter and head learn; TRL adapts the policy only."""
    model = inject_adapter_in_model(lora("SEQ_CLS"), classifier(request))
    for name, weight in model.named_parameters():
        if "lora_" in name:
            weight.data = weight.data.float()  # as peft keeps the policy's
        weight.requires_grad_("lora_" in name or name.startswith("score."))
    return model


def main() -> None:
    """Train on the request's prompts, all of them in every step."""
    request, pace = read_request(), Pace()
    work, settings = request["workload"], request["settings"]
    prompts = [ids for ids in work["prompts"] for _ in range(work["num_samples"])]
    tokenizer = AutoTokenizer.from_pretrained(request["model"], padding_side="left")
    tokenizer.pad_token_id = PAD
    policy = AutoModelForCausalLM.from_pretrained(request["model"], **model_settings(settings))
    ppo_trainer.batch_generation = Writes(pace, work)
    with tempfile.TemporaryDirectory() as folder:
        told = arguments(settings, len(prompts), folder)
        del told["max_steps"]
        trainer = PPOTrainer(
            PPOConfig(
                **told,
                total_episodes=MANY * len(prompts),
                num_ppo_epochs=4,
                num_mini_batches=1,
                response_length=work["max_new_tokens"],
                temperature=1.0,
                stop_token_id=STOP,
                num_sample_generations=0,
            ),
            tokenizer,
            policy,
            None,
            classifier(request).requires_grad_(False),
            Dataset.from_list([{"input_ids": ids} for ids in prompts]),
            critic(request),
            peft_config=lora("CAUSAL_LM"),
            callbacks=[Paced(pace, work["num_samples"] * sum(work["ends"]))],
        )
        trainer.train()


if __name__ == "__main__":
    main()
