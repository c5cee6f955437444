"""Our PPO: `Trainer.step` with its own rollout, one step at a time.

The roles are those of a run whose reward is a reward model on the same backbone: policy, reference
(no adapter), reward model, and a critic that begins as a copy of it or sits on the policy's trunk.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed.pace import Pace, read_request
from benchmarks.speed.workers.ours import (
    MANY,
    RATE,
    backbone_of,
    paced_run,
    scratch,
    shake,
    shorter,
)
from rather.config.optimization import Adapter
from rather.config.ppo import PPO, Critic
from rather.data.batch import Row
from rather.models.backbone import Backbone
from rather.models.heads import ScalarHead
from rather.models.roles import Policy, RewardModel, ValueModel
from rather.models.tuning import start_tuning
from rather.records import Message, Prompt
from rather.rollout.rollout import Roles
from rather.rollout.tables import score_rows
from rather.training.cast import Cast, Task
from rather.training.ppo import train_ppo


def cast_of(backbone: Backbone, section: PPO) -> Cast:
    """Everybody who takes part, on one backbone; no token ends a completion."""
    tuned = start_tuning(Policy(backbone), "policy", section.adapter, seed=0)
    judge = start_tuning(Policy(backbone), "reward", section.adapter, seed=0)
    shake(judge.parameters)
    for parameter in judge.parameters.values():
        parameter.requires_grad_(False)
    head = ScalarHead(backbone.hidden_size).to(backbone.device).requires_grad_(False)
    reward = RewardModel(backbone, judge.adapter, head, "last")
    critic, own = _critic_of(backbone, section)

    def score(prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
        return score_rows(reward, rows, section.microbatch_tokens)

    roles = Roles(Policy(backbone, tuned.adapter), Policy(backbone), critic, score)
    never = backbone.model.config.vocab_size
    return Cast(roles, {**tuned.parameters, **own}, (never,), frozenset(own))


def _critic_of(backbone: Backbone, section: PPO) -> tuple[ValueModel, dict[str, Any]]:
    """A copy of the reward model's adapter and head, or a head on the policy's trunk."""
    if section.critic.value_model == "trunk":
        head = ScalarHead.zero(backbone.hidden_size).to(backbone.device)
        return ValueModel(backbone, "policy", head), {"value.head": head.weight}
    trunk = start_tuning(Policy(backbone, "reward"), "value", section.adapter, seed=0)
    head = ScalarHead(backbone.hidden_size).to(backbone.device)
    named = {f"value.{name}": weight for name, weight in trunk.parameters.items()}
    return ValueModel(backbone, "value", head), {**named, "value.head": head.weight}


def section_of(settings: dict[str, Any], work: dict[str, Any]) -> PPO:
    """Four epochs of one minibatch, as TRL's trainer is told; the rest is the product's default."""
    fewer = {key: settings[key] for key in ("microbatch_tokens",) if key in settings}
    return PPO(
        num_steps=MANY,
        batch_size=len(work["prompts"]),
        num_completions=work["num_samples"],
        max_new_tokens=work["max_new_tokens"],
        num_epochs=4,
        learning_rate=RATE,
        checkpoint_every=MANY,
        critic=Critic(value_model=settings["value_model"]),
        adapter=Adapter(**settings["adapter"]),
        **fewer,
    )


def main() -> None:
    """Train on the request's prompts, all of them in every step."""
    request, pace = read_request(), Pace()
    work = request["workload"]
    section = section_of(request["settings"], work)
    with scratch() as folder:
        model = shorter(Path(request["model"]), work["context"], Path(folder))
        backbone = backbone_of(request | {"model": str(model)})
    tasks = [
        Task(Prompt(f"p{place}", (Message("user", "..."),), "train"), tuple(ids))
        for place, ids in enumerate(work["prompts"])
    ]
    with scratch() as folder:
        train_ppo(section, cast_of(backbone, section), tasks, paced_run(pace, folder), seed=0)


if __name__ == "__main__":
    main()
