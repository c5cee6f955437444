"""An ensemble of reward models on one backbone, trained one after another.

Each member has an adapter and a head of its own, begins from another seed, and learns from a
bootstrap of the judged prompts. Broken off, the same run goes on with the member under way.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from rather.config.stages import Reward
from rather.data.batch import Row
from rather.data.judged import Judged
from rather.models.roles import RewardEnsemble
from rather.models.tuning import Tuned
from rather.records import Alarm
from rather.training.learner import Metrics
from rather.training.loop import Run, slices
from rather.training.reward import train_reward

NewMember = Callable[[str, int], Tuned]
"""Makes a member's trunk, from the name of its adapter and its seed."""


def train_ensemble(
    section: Reward,
    new_member: NewMember,
    judged: Sequence[Judged],
    reference_rows: Sequence[Row],
    run: Run,
    seed: int,
) -> RewardEnsemble:
    """Train `section.ensemble` reward models; each is centred on the same reference rows.

    A member's checkpoints are in a folder of its own; its steps are recorded after those of the
    members before it.
    """
    members, first_step = [], 0
    for number in range(1, section.ensemble + 1):
        own_seed = member_seed(seed, number)
        drawn = bootstrap(judged, own_seed)
        tuned = new_member(f"learning-{number}", own_seed)
        part = part_of(run, f"member-{number}", first_step)
        run.progress.say(f"member {number} of {section.ensemble}")
        members.append(train_reward(section, tuned, drawn, reference_rows, part, own_seed))
        first_step += len(slices(len(drawn), section, own_seed))
    return RewardEnsemble(tuple(members))


def bootstrap(judged: Sequence[Judged], seed: int) -> list[Judged]:
    """As many prompts as there are, drawn with replacement, each with all its rows.

    Drawn by prompt, because judgments about one prompt are not independent: Efron & Tibshirani
    1993, §8 (resample the units that are). A prompt is told by its tokens.
    """
    by_prompt: dict[tuple[int, ...], list[Judged]] = {}
    for one in judged:
        by_prompt.setdefault(one.row.prompt_ids, []).append(one)
    groups = list(by_prompt.values())
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(groups), (len(groups),), generator=generator).tolist()
    return [one for place in drawn for one in groups[place]]


def member_seed(seed: int, number: int) -> int:
    """The seed of a member, counted from 1: of its bootstrap, adapter, head and data order."""
    return seed * 1_000 + number


def part_of(run: Run, name: str, first_step: int) -> Run:
    """A run inside a run: its own folder, and its steps counted from `first_step` on."""

    def record(step: int, metrics: Metrics) -> None:
        run.record(first_step + step, metrics)

    def sound(step: int, alarm: Alarm) -> None:
        run.sound(first_step + step, alarm)

    def took(step: int, seconds: float) -> None:
        run.took(first_step + step, seconds)

    return replace(run, directory=run.directory / name, record=record, sound=sound, took=took)
