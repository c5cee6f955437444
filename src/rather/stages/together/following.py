"""A training stage on several ranks: the first one leads, the others train along.

The first rank alone opens the store, plans, records and publishes. What the others need it tells
them (`order.py`); from then on all of them run the same trainer.
"""

from collections.abc import Callable

from rather.config.stages import Config
from rather.errors import StoppedByRule
from rather.interrupts import listening
from rather.models.library import Library
from rather.models.tuning import Tuned, start_tuning
from rather.stages.drawing import drawing
from rather.stages.reinforcing import make_cast
from rather.stages.stage import Result
from rather.stages.together.order import Order, dismiss, receive
from rather.stages.tuning import train_reward_models
from rather.training.dpo import train_dpo
from rather.training.loop import Run
from rather.training.ppo import train_ppo
from rather.training.ranks import Ranks, joined
from rather.training.sft import train_sft
from rather.workspace import Workspace


def led(ws: Workspace, lead: Callable[[], Result]) -> Result:
    """Do a training stage: `lead` it on the first rank, or the only one, and follow on the others.

    What is to be said the first one says; the others' results say that they followed.
    """
    ranks = joined()
    if not ranks.is_first:
        follow(ws, ranks)
        return {"summary": f"rank {ranks.rank} trained along."}
    ranks.is_awaited = ranks.size > 1
    try:
        return lead()
    finally:
        dismiss(ranks)


def follow(ws: Workspace, ranks: Ranks) -> None:
    """Wait for the first rank's order and train along."""
    order = receive(ranks)
    if order is None:
        return
    ws.config = Config.model_validate(order.config)  # as the first one has it, flags and all
    known = {version.name: version for version in order.versions}
    config = ws.config
    library = Library(ws.root, order.base, config.dtype, known, config.system_prompt)
    run = Run(ws.runs_dir / order.run_id, lambda step, metrics: None, ws.progress, ranks=ranks)
    with listening():
        try:
            TRAIN[order.stage](ws, library, order, run)
        except StoppedByRule:
            return  # on all ranks at once; the first one keeps the last good policy and says why


def _sft(ws: Workspace, library: Library, order: Order, run: Run) -> None:
    rows = [one.row for one in order.lesson.examples]
    section = ws.config.sft
    tuned = start_tuning(library.policy(order.start), "learning", section.adapter, order.seed)
    train_sft(section, tuned, rows, run, order.seed)


def _reward(ws: Workspace, library: Library, order: Order, run: Run) -> None:
    judged = [one.judged for one in order.lesson.examples]
    policy = library.policy(order.start)
    train_reward_models(ws.config.reward, policy, judged, run, order.seed)


def _dpo(ws: Workspace, library: Library, order: Order, run: Run) -> None:
    judged = [one.judged for one in order.lesson.examples]
    section, reference = ws.config.dpo, library.policy(order.start)
    tuned: Tuned = start_tuning(reference, "learning", section.adapter, order.seed)
    train_dpo(section, tuned, reference, judged, run, order.seed)


def _ppo(ws: Workspace, library: Library, order: Order, run: Run) -> None:
    with drawing(ws, order.run_id, order.start) as sampler:
        _, cast = make_cast(ws, library, order.start, order.seed, order.lesson, sampler)
        train_ppo(ws.config.ppo, cast, order.lesson.tasks, run, order.seed)


TRAIN: dict[str, Callable[[Workspace, Library, Order, Run], None]] = {
    "sft": _sft,
    "reward": _reward,
    "dpo": _dpo,
    "ppo": _ppo,
}
