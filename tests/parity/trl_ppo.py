"""TRL's PPO: the lines of its trainer on tensors we made, and short trainings on our completions.

TRL's arithmetic stands in the middle of `PPOTrainer.train`: `lines_between` takes it out as it is.
"""

import inspect
import textwrap
from collections.abc import Iterator
from types import CodeType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from oracle import Gradients, Question
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    PreTrainedModel,
)
from trl.experimental.ppo import PPOConfig, PPOTrainer, ppo_trainer

PAD, EOS = 0, 2


def lines_between(first: str, last: str) -> CodeType:
    """TRL's statements from a line that begins with `first` to the next that begins with `last`."""
    lines = inspect.getsource(PPOTrainer.train).splitlines()
    start = next(n for n, line in enumerate(lines) if line.strip().startswith(first))
    end = next(n for n in range(start, len(lines)) if lines[n].strip().startswith(last))
    taken = textwrap.dedent("\n".join(lines[start : end + 1]))
    return compile(taken, "PPOTrainer.train", "exec")


def run_lines(lines: CodeType, variables: dict[str, Any]) -> dict[str, Any]:
    """All variables after TRL's statements, which see its module's names too."""
    seen = {**vars(ppo_trainer), **variables}
    exec(lines, seen)
    return seen


TARGETS = lines_between("contain_eos_token = ", "advantages = torch.masked_fill(")
LOSS = lines_between("new_logprobs = torch.masked_fill(", "loss = pg_loss")
STATISTICS = lines_between("pg_clipfrac = masked_mean(", "ratio_stats[")


def targets(question: Question, name: str, case: dict[str, Any]) -> None:
    """Penalty for a missing EOS, token rewards, GAE and whitening, as TRL's trainer does them."""
    given = {of: question.tensors[f"{case['on']}/{of}"].clone() for of in case["reads"]}
    seen = run_lines(TARGETS, {**given, **variables_of(given["responses"], case)})
    kept = ("scores", "rewards", "advantages", "returns", "padding_mask", "padding_mask_p1")
    question.keep(name, {of: seen[of] for of in kept})


def variables_of(responses: Tensor, case: dict[str, Any]) -> dict[str, Any]:
    """What TRL's trainer has at hand when it takes targets."""
    args = SimpleNamespace(**case["args"])
    lengths = ppo_trainer.first_true_indices(responses == PAD) - 1
    return {
        "args": args,
        "self": SimpleNamespace(args=args, processing_class=SimpleNamespace(eos_token_id=EOS)),
        "postprocessed_responses": responses,
        "sequence_lengths": lengths,
    }


def losses(question: Question, name: str, case: dict[str, Any]) -> None:
    """Policy loss, value loss, their gradients and statistics, of one microbatch."""
    given = {of: question.tensors[f"{case['on']}/{of}"].clone() for of in case["reads"]}
    logprobs, values = (given[of].requires_grad_() for of in ("new_logprobs", "new_values"))
    nothing = torch.zeros(len(values), 1)
    everything = torch.arange(len(values))
    variables = {
        **{key: value for key, value in given.items() if key.startswith(("mb_", "padding"))},
        "args": SimpleNamespace(**case["args"]),
        "micro_batch_inds": everything,
        "context_length": 1,
        "new_logprobs": logprobs,
        "vpred_temp": torch.cat([values, nothing], dim=1)[..., None],
        "logits": torch.zeros(*values.shape, 2),
    }
    names = ("approxkl", "pg_clipfrac", "pg_loss", "vf_loss", "vf_clipfrac", "entropy", "ratio")
    statistics = {f"{name}_stats": torch.zeros(1, 1, 1) for name in names}
    places = {"ppo_epoch_idx": 0, "minibatch_idx": 0, "gradient_accumulation_idx": 0}
    seen = run_lines(LOSS, variables)
    seen["loss"].backward()
    with torch.no_grad():
        seen = run_lines(STATISTICS, {**seen, **statistics, **places})
    question.keep(name, {one: seen[f"{one}_stats"].squeeze() for one in names})
    question.keep(name, {"loss": seen["loss"]})
    question.keep(f"{name}/gradient", {"logprobs": logprobs.grad, "values": values.grad})


def whitening(question: Question, name: str, case: dict[str, Any]) -> None:
    """TRL's masked whitening."""
    values, mask = (question.tensors[f"{case['on']}/{of}"] for of in ("values", "mask"))
    shifted = case["shift_mean"]
    question.keep(name, {"whitened": ppo_trainer.masked_whiten(values, mask, shift_mean=shifted)})


def classifier(question: Question, head: str) -> PreTrainedModel:
    """A model that scores, with the head we made."""
    folder = question.request["model"]
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1)
    with torch.no_grad():
        model.score.weight.copy_(question.tensors[head][None])
    return model


def train(question: Question, name: str, case: dict[str, Any]) -> None:
    """Train on the prompts, completions and orders of the request; everything else is TRL's."""
    folder = question.request["model"]
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    policy, reference = (AutoModelForCausalLM.from_pretrained(folder) for _ in range(2))
    value = classifier(question, case["value_head"])
    steps = case["steps"]
    prompts = [{"input_ids": ids} for step in steps for ids in step["prompts"]]
    trainer = PPOTrainer(
        PPOConfig(
            **question.training_arguments(case["arguments"]),
            total_episodes=len(prompts),
            num_sample_generations=0,
            stop_token="eos",
        ),
        tokenizer,
        policy,
        reference,
        classifier(question, "reward_head"),
        Dataset.from_list(prompts),
        value,
    )
    collate = DataCollatorWithPadding(tokenizer)
    trainer.dataloader = [
        collate([{"input_ids": ids} for ids in step["prompts"]]) for step in steps
    ]
    speak(trainer.args.temperature, iter([step["completions"] for step in steps]))
    orders = iter([order for step in steps for order in step["orders"]])
    np.random.permutation = lambda _: np.array(next(orders))
    trainer.log = question.numbers.setdefault(name, []).append
    gradients = Gradients()
    trainer.train()
    gradients.stop()
    weights = dict(policy.named_parameters())
    weights |= {f"value.{key}": weight for key, weight in value.named_parameters()}
    question.keep(f"{name}/gradient", gradients.named(weights))
    question.keep(f"{name}/weight", weights)


def speak(temperature: float, completions: Iterator[list[list[int]]]) -> None:
    """Have TRL's trainer sample these completions, with the logits it would have sampled from."""

    def batch_generation(model: Any, queries: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
        ids = next(completions)
        width = max(map(len, ids))
        responses = torch.tensor([[*one, *[PAD] * (width - len(one))] for one in ids])
        whole = torch.cat([queries, responses], dim=1)
        logits = ppo_trainer.forward(model, whole, PAD).logits[:, queries.shape[1] - 1 : -1]
        return whole, logits / (temperature + 1e-7)

    ppo_trainer.batch_generation = torch.no_grad()(batch_generation)


if __name__ == "__main__":
    question = Question.from_arguments()
    kinds = {"targets": targets, "losses": losses, "whitening": whitening, "trainings": train}
    for kind, compute in kinds.items():
        for name, case in question.request.get(kind, {}).items():
            compute(question, f"{kind}/{name}", case)
    question.answer()
