"""The real trainers in the known world: tables in, trained policies and reward models out."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from examples.known_truth.world import MICROBATCH_TOKENS, STOP, World
from rather.config.optimization import Adapter
from rather.config.ppo import PPO, StopRules
from rather.config.stages import DPO, Reward
from rather.data.batch import Row
from rather.data.judged import Judged, Opinion
from rather.models.heads import ScalarHead
from rather.models.roles import Policy, ValueModel
from rather.models.tuning import Tuned, start_tuning
from rather.progress import Progress
from rather.records import Prompt
from rather.rollout.rollout import Roles
from rather.rollout.tables import score_rows
from rather.training.cast import Cast, Task
from rather.training.dpo import train_dpo
from rather.training.loop import Run
from rather.training.ppo import train_ppo
from rather.training.reward import train_reward

ADAPTER = Adapter(tuning="lora", rank=16, alpha=32.0)
COMMON: dict[str, Any] = {
    "adapter": ADAPTER,
    "microbatch_tokens": MICROBATCH_TOKENS,
    "checkpoint_every": 1_000_000,
}
NO_RULES = StopRules(
    max_length_growth=None, min_eos_share=None, min_entropy_share=None, min_distinct_share=None
)
"""Three tokens are too few for the rules that watch text."""


class TableScorer:
    """The Python reward of a rollout: each completion's place in a table [P, Y]."""

    def __init__(self, world: World, rewards: Tensor) -> None:
        self.rewards = {
            (prompt, completion): reward
            for prompt, row in zip(world.prompts, rewards.tolist(), strict=True)
            for completion, reward in zip(world.completions, row, strict=True)
        }

    def __call__(self, prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
        return [[self.rewards[row.prompt_ids, c] for c in row.completions] for row in rows]


def tune_by_ppo(world: World, rewards: Tensor, section: PPO, seed: int = 0) -> Policy:
    """The reference tuned by `train_ppo` against a table of rewards."""
    tuned = _new_adapter(world, seed)
    policy = Policy(tuned.backbone, tuned.adapter)
    value, weights = _new_critic(world, seed + 1) if section.advantage == "gae" else (None, {})
    roles = Roles(policy, world.reference, value, TableScorer(world, rewards))
    cast = Cast(roles, {**tuned.parameters, **weights}, (STOP,))
    tasks = [Task(prompt, ids) for prompt, ids in zip(world.records(), world.prompts, strict=True)]
    with TemporaryDirectory() as folder:
        train_ppo(section, cast, tasks, _run(folder), seed)
    return policy


def tune_by_dpo(world: World, judged: Sequence[Judged], section: DPO, seed: int = 0) -> Policy:
    """The reference tuned by `train_dpo` on judgments."""
    tuned = _new_adapter(world, seed)
    with TemporaryDirectory() as folder:
        train_dpo(section, tuned, world.reference, judged, _run(folder), seed)
    return Policy(tuned.backbone, tuned.adapter)


def learn_rewards(world: World, judged: Sequence[Judged], section: Reward, seed: int) -> Tensor:
    """What a reward model trained by `train_reward` says of every completion: [P, Y]."""
    tuned = _new_adapter(world, seed)
    rows = [one.row for one in judged]
    with TemporaryDirectory() as folder:
        model = train_reward(section, tuned, judged, rows, _run(folder), seed)
    return torch.tensor(score_rows(model, world.rows, MICROBATCH_TOKENS), dtype=torch.float64)


def judge_all_pairs(
    world: World, preferences: Tensor, num_repeats: int, seed: int = 0
) -> list[Judged]:
    """Every pair of completions judged again and again, as often for each side as is expected.

    Row k of `num_repeats` holds all pairs of a prompt, y ≻ y' where u + k/n wraps to less than
    p(y ≻ y'), with an own u for each pair: wins are right to one judgment in n, and each row alone
    is a fair draw of all its pairs.
    """
    generator = torch.Generator().manual_seed(seed)
    num_completions = len(world.completions)
    better, worse = torch.triu_indices(num_completions, num_completions, offset=1)
    pairs = list(zip(better.tolist(), worse.tolist(), strict=True))
    found = []
    for row, table in zip(world.rows, preferences, strict=True):
        start = torch.rand(len(pairs), generator=generator)
        for k in torch.randperm(num_repeats, generator=generator).tolist():
            wins = ((start + k / num_repeats) % 1.0 < table[better, worse]).tolist()
            opinions = tuple(
                Opinion(pair, (1, 2) if won else (2, 1))
                for pair, won in zip(pairs, wins, strict=True)
            )
            found.append(Judged(row, opinions))
    return found


def judge_samples(world: World, rewards: Tensor, num_pairs: int, seed: int) -> list[Judged]:
    """Pairs of different samples of the reference, each judged once by Bradley–Terry of rewards."""
    generator = torch.Generator().manual_seed(seed)
    probabilities = world.logprobs(world.reference).exp()
    found = []
    for n in range(num_pairs):
        place = n % len(world.prompts)
        first, second = torch.multinomial(probabilities[place], 2, generator=generator).tolist()
        chance = (rewards[place, first] - rewards[place, second]).sigmoid()
        won = torch.rand((), generator=generator) < chance
        row = Row(world.prompts[place], (world.completions[first], world.completions[second]))
        found.append(Judged(row, (Opinion((0, 1), (1, 2) if won else (2, 1)),)))
    return found


def _new_critic(world: World, seed: int) -> tuple[ValueModel, dict[str, nn.Parameter]]:
    """A critic that says 0 at first, and its weights."""
    tuned = _new_adapter(world, seed)
    head = ScalarHead.zero(tuned.backbone.hidden_size)
    weights = {f"value.{name}": weight for name, weight in tuned.parameters.items()}
    value = ValueModel(tuned.backbone, tuned.adapter, head)
    return value, {**weights, "value.head": head.weight}


def _new_adapter(world: World, seed: int) -> Tuned:
    """An adapter of its own on the world's one backbone."""
    name = f"adapter-{len(world.reference.backbone.shapes)}"
    return start_tuning(world.reference, name, ADAPTER, seed)


def _run(folder: str) -> Run:
    return Run(Path(folder) / "run", lambda step, metrics: None, Progress(quiet=True))
