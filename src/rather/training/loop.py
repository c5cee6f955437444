"""The plumbing the trainers share by calling it: the loop with its checkpoints, and data order.

Nothing random lives here. A trainer derives every draw (data order, sampling seeds) from its seed
and the step's number, so a checkpoint is the weights, the optimizer and a few counts.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from rather.config.optimization import Optimization
from rather.errors import StoppedByRule
from rather.failpoints import failpoint
from rather.interrupts import Interrupted
from rather.models.embedded import cache_folder
from rather.models.processor.kernels import compiled, why_plain
from rather.progress import Progress
from rather.records import Alarm
from rather.training import checkpoints
from rather.training.checkpoints import Kept
from rather.training.learner import Learner, Metrics, NotFinite
from rather.training.ranks import ALONE, Ranks

FEWEST_UPDATES = 50
"""In a shorter run, compiling takes longer than it saves."""


def _hear_nothing(step: int, alarm: Alarm) -> None:
    """For runs without a store."""


def _look_at_nothing(steps_done: int, is_end: bool) -> None:
    """For runs whose answers nobody watches."""


def _keep_no_time(step: int, seconds: float) -> None:
    """For runs whose speed nobody asks about."""


@dataclass(frozen=True)
class Run:
    """Where a trainer runs: its folder, who hears its metrics and alarms, where progress shows."""

    directory: Path
    record: Callable[[int, Metrics], None]
    progress: Progress
    sound: Callable[[int, Alarm], None] = _hear_nothing
    """Stores an alarm of a step."""
    look: Callable[[int, bool], None] = _look_at_nothing
    """Looks at the model between two steps and leaves it as it is; hears how many steps are done,
    and whether this is the end."""
    took: Callable[[int, float], None] = _keep_no_time
    """Hears how many seconds a whole step took."""
    ranks: Ranks = ALONE
    """With whom it runs; only the first of them records, looks and writes."""

    def alarm(self, step: int, alarm: Alarm) -> None:
        """Store an alarm and say it; one that stops raises StoppedByRule."""
        self.sound(step, alarm)
        if alarm.severity == "stop":
            raise StoppedByRule(alarm.sentence)
        self.progress.say(f"warning, step {step + 1}: {alarm.sentence}")


def train(
    learner: Learner,
    run: Run,
    num_steps: int,
    step: Callable[[int], Metrics],
    kept: Kept | None = None,
    unit: str = "updates",
) -> None:
    """Run `step(0..num_steps-1)`, with progress, metrics, checkpoints, and resume.

    `kept` is the trainer's own memory, saved and put back in place. A signal is heard at safe
    points: the state is then saved as it was after the last update. A rule that stops the run
    (StoppedByRule) leaves the weights of the last good checkpoint in place.

    Several ranks go through it in step: what ends it on one ends it on all at the same step.
    """
    kept = Kept() if kept is None else kept
    number = checkpoints.resume(run.directory, learner, kept, run.progress)
    if number is None:
        run.ranks.copy_first(learner.parameters.values())
        checkpoints.save(run.directory, learner, 0, kept)
        number = 0
    with _kernels(learner, run), run.progress.track(run.directory.name, num_steps, unit) as task:
        task.advance(number, "resumed" if number else "")
        while number < num_steps:
            is_whole = not kept.tensors  # in the middle of a step it was looked at already
            try:
                if is_whole:
                    _look(run, learner, number, is_end=False)
                began = time.monotonic()
                metrics = step(number)
            except NotFinite as fault:
                number = _roll_back(learner, run, kept, fault, number)
                continue
            except StoppedByRule as rule:
                _look(run, learner, number, is_end=True)  # what the rule spoke about
                rule.kept_step = go_back_to_good(learner, run, kept)
                raise
            except Interrupted:
                checkpoints.save(run.directory, learner, number, kept)
                raise
            number += 1
            run.record(number - 1, metrics)
            if is_whole:
                run.took(number - 1, time.monotonic() - began)
            failpoint("metrics.recorded")
            task.advance(1, describe(metrics))
            if number % learner.section.checkpoint_every == 0 or number == num_steps:
                checkpoints.save(run.directory, learner, number, kept)
                _tidy(run, spared_steps(learner, kept, num_steps))
    _tidy(run, spared_steps(learner, kept, num_steps))  # what a kill kept from it
    learner.group.gather()
    _look(run, learner, number, is_end=True)


def _kernels(learner: Learner, run: Run) -> AbstractContextManager[None]:
    """Compiled kernels, where the run is long enough to earn back what they take."""
    device = next(iter(learner.parameters.values())).device
    is_worth_it = learner.num_updates >= FEWEST_UPDATES and device.type == "cpu"
    if not (learner.section.compile_kernels and is_worth_it):
        return nullcontext()
    if (why := why_plain()) is not None:
        run.progress.say(f"{why}, so an update takes about an eighth longer")
        return nullcontext()
    return compiled(cache_folder() / "kernels")


def _look(run: Run, learner: Learner, steps_done: int, *, is_end: bool) -> None:
    with learner.group.whole(), run.ranks.together():
        run.look(steps_done, is_end)


def _tidy(run: Run, spared: tuple[int, ...]) -> None:
    with run.ranks.finishing():
        if run.ranks.is_first:
            checkpoints.tidy(run.directory, spared)


def spared_steps(learner: Learner, kept: Kept, num_steps: int) -> tuple[int, ...]:
    """Numbers of steps whose checkpoints stay beside the newest: the good ones, and a sweep's."""
    section = learner.section
    swept = checkpoints.for_sweep(num_steps, section.checkpoint_every, section.keep_every)
    return (*(good_steps(kept) or (0,)), *swept)


def good_steps(kept: Kept) -> tuple[int, ...]:
    """Numbers of steps whose checkpoints a stop would go back to, the best first."""
    return tuple(
        dict.fromkeys(kept.numbers[key] for key in ("best", "good") if key in kept.numbers)
    )


def go_back_to_good(learner: Learner, run: Run, kept: Kept) -> int:
    """Put the weights of the last good checkpoint in place: the best held-out one, or the newest
    that no rule spoke about, or where the run began. Returns its number of steps."""
    for steps in (*good_steps(kept), 0):
        folder = checkpoints.path_of(run.directory, steps)
        if folder.exists():
            learner.load_weights(checkpoints.load_tensors(folder))
            learner.group.gather()
            return steps
    raise AssertionError("a run keeps the checkpoint it began with until it has a good one")


def _roll_back(learner: Learner, run: Run, kept: Kept, fault: NotFinite, step: int) -> int:
    """Go on from the newest checkpoint at half the learning rate, once in a run."""
    scale = learner.rate_scale
    if scale < 1:
        sentence = (
            f"Stopped at step {step + 1}: {fault}, also at half the learning rate; lower the "
            "learning rate, or look for broken data."
        )
        try:
            run.alarm(step, Alarm("not finite", "stop", sentence))
        except StoppedByRule as rule:
            rule.kept_step = go_back_to_good(learner, run, kept)
            raise
    # where it would have gone had no signal ever made a checkpoint in between
    with run.ranks.finishing():
        if run.ranks.is_first:
            checkpoints.drop_interim(run.directory, learner.section.checkpoint_every)
    found = checkpoints.resume(run.directory, learner, kept, run.progress) or 0
    learner.rate_scale = scale / 2
    sentence = f"{fault}: back to step {found}, and on at half the learning rate."
    run.alarm(step, Alarm("not finite", "warn", sentence))
    return found


def epoch_order(num_rows: int, seed: int, epoch: int) -> list[int]:
    """The order in which an epoch visits the rows; depends on seed and epoch only."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(num_rows, generator=generator).tolist()


def slices(num_rows: int, section: Optimization, seed: int) -> list[list[int]]:
    """Row indices of every update of the whole training, epoch after epoch."""
    size = section.batch_size
    return [
        order[start : start + size]
        for epoch in range(section.num_epochs)
        for order in [epoch_order(num_rows, seed, epoch)]
        for start in range(0, num_rows, size)
    ]


def describe(metrics: Metrics) -> str:
    """The few numbers worth showing while it runs."""
    shown = ("loss", "accuracy", "objective/scores", "objective/kl", "rewards/accuracies")
    return " ".join(f"{key.split('/')[-1]} {metrics[key]:.3g}" for key in shown if key in metrics)
