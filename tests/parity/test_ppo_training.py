"""Whole PPO steps beside TRL 1.12's `PPOTrainer`: the same completions, everything else its own.

Both trainers get the same policy, reward model, critic, prompts and (in the place of sampling)
completions; each computes log-probabilities, scores, values, advantages, losses and updates.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rather.config.optimization import Adapter
from rather.config.ppo import KL, PPO, Critic, Shaping, StopRules
from rather.data.batch import Row
from rather.models.heads import ScalarHead
from rather.models.library import load_backbone
from rather.models.roles import Policy, RewardModel, ValueModel
from rather.models.tuning import start_tuning
from rather.progress import Progress
from rather.records import Message, Prompt
from rather.rollout import local
from rather.rollout.rollout import Roles, Rollout
from rather.rollout.tables import score_rows
from rather.training.cast import Cast, Task
from rather.training.learner import Learner
from rather.training.loop import Run, epoch_order, train
from rather.training.ppo import Trainer
from rather.training.targets import Targets

pytestmark = pytest.mark.slow

SEED, EOS, WIDTH, PROMPTS = 3, 2, 6, 8
HEADS = {"reward_head": ScalarHead(32, 1).weight.data, "critic_head": ScalarHead(32, 2).weight.data}
NO_RULES = StopRules(
    max_mismatch_kl=None,  # nobody sampled the completions, so the sampler's log-probabilities lie
    max_kl=None,
    min_kl=None,
    max_update_kl=None,
    max_ratio=None,
    max_length_growth=None,
    min_eos_share=None,
    min_entropy_share=None,
    min_distinct_share=None,
)
SECTION = PPO(
    num_steps=2,
    num_epochs=2,
    num_minibatches=2,
    num_completions=1,
    batch_size=PROMPTS,
    max_new_tokens=WIDTH,
    temperature=0.7,
    kl_coefficient=0.2,
    learning_rate=2e-3,
    warmup_fraction=0.0,
    schedule="constant",
    adam_epsilon=1e-3,  # or rounding in gradients near 0 would become whole steps
    max_grad_norm=1e6,  # TRL's PPO does not clip gradients
    microbatch_tokens=32,
    adapter=Adapter(tuning="full"),
    critic=Critic(value_coefficient=0.3, value_clip_range=0.1),
    kl=KL(estimator="k1"),
    shaping=Shaping(missing_eos_penalty=0.5),
    rules=NO_RULES,
)


@dataclass(frozen=True)
class Training:
    """Our section, and how many minibatches and microbatches TRL makes of its batch."""

    section: PPO
    trl_minibatches: int
    trl_microbatches: int = 1
    is_ragged: bool = False
    critic: str = "critic_head"
    shares: dict[str, float] = field(default_factory=dict)
    """What TRL's number of an update is of ours, where they are not the same."""


OF_UPDATES = (
    *("loss/policy_avg", "loss/value_avg", "policy/approxkl_avg"),
    *("policy/clipfrac_avg", "val/clipfrac_avg", "val/ratio"),
)
COMPARED = (
    *OF_UPDATES,
    *("objective/kl", "objective/entropy", "objective/scores"),
    *("objective/non_score_reward", "objective/rlhf_reward"),
)


def changed(**changes: Any) -> PPO:
    return SECTION.model_copy(update=changes)


TRAININGS = {
    "two minibatches": Training(SECTION, trl_minibatches=2),
    "k3": Training(changed(kl=KL(estimator="k3")), trl_minibatches=2),
    # ours are cut by tokens, TRL's by rows
    "two microbatches": Training(changed(num_minibatches=1), trl_minibatches=1, trl_microbatches=2),
    # TRL counts every microbatch as one of the accumulation, whichever minibatch it is of: with
    # two of each, its two minibatches are one update, and half of its table of losses stays 0
    "minibatches accumulated": Training(
        changed(num_minibatches=1),
        trl_minibatches=2,
        trl_microbatches=2,
        shares=dict.fromkeys(OF_UPDATES, 0.5),
    ),
    # the critic is the reward model, so that the place of the score makes no difference to the
    # first step (see test_ppo.py); it does not learn, for TRL's learns past EOS too: at 7 slots
    # beside 24 tokens, where this critic happens to be right
    "ragged": Training(
        changed(
            num_steps=1,
            num_epochs=1,
            num_minibatches=1,
            critic=Critic(value_coefficient=0.0, value_clip_range=0.1),
            shaping=Shaping(missing_eos_penalty=0.0),
        ),
        trl_minibatches=1,
        is_ragged=True,
        critic="reward_head",
        shares={"loss/value_avg": 24 / 31},
    ),
}


def ids(generator: torch.Generator, length: int) -> tuple[int, ...]:
    return tuple(torch.randint(3, 262, (length,), generator=generator).tolist())


def tasks() -> list[Task]:
    generator = torch.Generator().manual_seed(7)
    return [
        Task(Prompt(f"p{n}", (Message("user", str(n)),), "train"), ids(generator, 2 + n % 4))
        for n in range(PROMPTS)
    ]


def completions(training: Training) -> list[list[tuple[int, ...]]]:
    """Of every step; every other one ends with EOS, and all fill the width unless ragged."""
    generator = torch.Generator().manual_seed(8)
    found = []
    for _ in range(training.section.num_steps):
        step = []
        for place in range(PROMPTS):
            length = 1 + place % WIDTH if training.is_ragged else WIDTH
            stops = place % 2 == 0 or length < WIDTH
            one = ids(generator, length)
            step.append((*one[:-1], EOS) if stops else one)
        found.append(step)
    return found


def order_of(section: PPO, step: int, epoch: int) -> list[int]:
    """Rows of one minibatch after another, as our trainer visits them."""
    order = epoch_order(PROMPTS, SEED + 7919 * (step + 1), epoch)
    parts = [order[part :: section.num_minibatches] for part in range(section.num_minibatches)]
    return [place for part in parts for place in part]


def trl_case(training: Training, arguments: dict[str, Any]) -> dict[str, Any]:
    section = training.section
    own = {
        "per_device_train_batch_size": PROMPTS // training.trl_microbatches,
        "gradient_accumulation_steps": training.trl_microbatches,
        "num_mini_batches": training.trl_minibatches,
        "num_ppo_epochs": section.num_epochs,
        "response_length": section.max_new_tokens,
        "temperature": section.temperature,
        "kl_coef": section.kl_coefficient,
        "kl_estimator": section.kl.estimator,
        "cliprange": section.clip_range,
        "cliprange_value": section.critic.value_clip_range,
        "vf_coef": section.critic.value_coefficient,
        "gamma": section.discount,
        "lam": section.critic.gae_lambda,
        "missing_eos_penalty": section.shaping.missing_eos_penalty,
    }
    prompts = [[list(task.ids) for task in step] for step in prompts_of(section)]
    steps = [
        {
            "prompts": prompts[step],
            "completions": said,
            "orders": [order_of(section, step, epoch) for epoch in range(section.num_epochs)],
        }
        for step, said in enumerate(completions(training))
    ]
    return {"arguments": {**arguments, **own}, "steps": steps, "value_head": training.critic}


def prompts_of(section: PPO) -> list[list[Task]]:
    """Every prompt in every step, in the order in which our trainer takes them."""
    return [
        [tasks()[place] for place in epoch_order(PROMPTS, SEED, step)]
        for step in range(section.num_steps)
    ]


@pytest.fixture(scope="module")
def trl(
    ask: Callable[..., Any],
    optimizer_arguments: Callable[..., dict[str, Any]],
    tiny_model: Path,
) -> Any:
    trainings = {
        name: trl_case(training, optimizer_arguments(training.section))
        for name, training in TRAININGS.items()
    }
    request = {"model": str(tiny_model), "trainings": trainings}
    return ask("trl_ppo", "1.12", request, HEADS)


class WithBessel(Trainer):
    """Our trainer, its advantages whitened by TRL's unbiased variance (see test_ppo.py)."""

    def targets(self, rollout: Rollout) -> Targets:
        found, count = super().targets(rollout), int(rollout.completion_mask.sum())
        return replace(found, advantages=found.advantages * math.sqrt((count - 1) / count))


def head_of(name: str) -> ScalarHead:
    head = ScalarHead(32)
    head.weight.data.copy_(HEADS[name])
    return head


def cast_of(training: Training, model: Path) -> Cast:
    """Policy and critic are whole copies that learn, as TRL's are."""
    base = load_backbone(model, torch.float32, "cpu")
    reward = RewardModel(base, None, head_of("reward_head"), "last")
    tuned = start_tuning(Policy(base), "policy", training.section.adapter, SEED)
    critic = ValueModel(base.trainable_copy(), None, head_of(training.critic))

    def score(prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
        return score_rows(reward, rows, 64)

    weights = {
        **tuned.parameters,
        **{f"value.{name}": w for name, w in critic.backbone.model.named_parameters()},
        "value.score.weight": critic.head.weight,
    }
    roles = Roles(Policy(tuned.backbone), Policy(base), critic, score)
    return Cast(roles, weights, stop_ids=(EOS,))


def speak(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have our trainer sample the completions of the training."""
    steps = zip(prompts_of(training.section), completions(training), strict=True)

    def sample(
        backbone: Any, adapter: Any, requests: Sequence[local.Request], *_: Any
    ) -> list[list[local.Sampled]]:
        prompts, said = next(steps)
        assert [request.prompt_ids for request in requests] == [task.ids for task in prompts]
        unknown = (0.0,) * WIDTH
        return [
            [local.Sampled(one, unknown[: len(one)], "stop" if one[-1] == EOS else "length")]
            for one in said
        ]

    monkeypatch.setattr(local, "sample", sample)


def trained(training: Training, cast: Cast, folder: Path) -> list[dict[str, float]]:
    """What `train_ppo` does, with the trainer that whitens as TRL's; every step's metrics."""
    section, metrics = training.section, []
    run = Run(folder, lambda step, numbers: metrics.append(numbers), Progress(quiet=True))
    num_updates = section.num_steps * section.num_epochs * section.num_minibatches
    learner = Learner(cast.parameters, section, num_updates)
    trainer = WithBessel(section, cast, learner, tasks(), run, SEED)
    train(learner, run, section.num_steps, trainer.step, trainer.kept, unit="steps")
    return metrics


@pytest.mark.parametrize("name", TRAININGS)
def test_whole_steps(
    trl: Any,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gradients: Any,
    assert_same: Callable[..., None],
    name: str,
) -> None:
    training = TRAININGS[name]
    cast = cast_of(training, tiny_model)
    speak(training, monkeypatch)
    metrics = trained(training, cast, tmp_path)
    theirs = trl.numbers[f"trainings/{name}"]
    for ours, other in zip(metrics, theirs, strict=True):
        if training.section.kl.estimator == "k3":
            ours["objective/kl"] = ours["objective/kl_k3"]  # TRL has one name for what it penalises
        found = {key: ours[key] * training.shares.get(key, 1.0) for key in COMPARED}
        expected = {key: other[key] for key in COMPARED}
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)
    # a classifier has no language-model head, and a critic reads none
    weights = {key: w for key, w in cast.parameters.items() if key != "value.lm_head.weight"}
    assert_same(_shaped(gradients.named(weights)), trl.under(f"trainings/{name}/gradient"))
    assert_same(_shaped(weights), trl.under(f"trainings/{name}/weight"))
    section = training.section
    updates = section.num_steps * section.num_epochs * section.num_minibatches
    assert len(gradients.steps) == updates


def _shaped(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our head is a vector, TRL's a matrix of one row."""
    return {k: t[None] if k.endswith("score.weight") else t for k, t in weights.items()}


def test_the_policy_moved_and_was_clipped(trl: Any) -> None:
    """Or the agreement above would be about nothing."""
    second = trl.numbers["trainings/two minibatches"][1]
    assert second["objective/kl"] > 0.01
    assert 0 < second["policy/clipfrac_avg"] < 1
    assert 0 < second["val/clipfrac_avg"] < 1
