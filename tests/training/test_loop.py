"""The plumbing: schedules by hand, skipped updates, checkpoints, resume, data order."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest
import torch
from torch import nn

from rather.config.optimization import Optimization
from rather.data.batch import Row, microbatches
from rather.training.checkpoints import Kept
from rather.training.learner import Learner, Metrics
from rather.training.loop import describe, epoch_order, slices, train

Section = Optimization


def learner(num_updates: int = 10, **settings: Any) -> Learner:
    return Learner({"w": nn.Parameter(torch.ones(3))}, Section(**settings), num_updates)


def test_every_checkpoint_is_whole_and_two_are_kept(new_run: Callable[..., Any]) -> None:
    one, recorded = learner(7, checkpoint_every=2), new_run()
    train(one, recorded.run, 7, lambda number: {"loss": float(number)})
    assert recorded.of("loss") == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    kept = sorted(path.name for path in recorded.run.directory.glob("checkpoint-*"))
    # and the one it began with, until a rule has called one good
    assert kept == ["checkpoint-0", "checkpoint-6", "checkpoint-7"]


def test_a_run_goes_on_from_its_last_checkpoint(new_run: Callable[..., Any]) -> None:
    def steps(one: Learner, kept: Kept) -> Callable[[int], Metrics]:
        def step(number: int) -> Metrics:
            one.parameters["w"].grad = torch.full((3,), float(number + 1))
            kept.numbers["total"] = kept.numbers.get("total", 0) + number
            return one.update()

        return step

    whole, its_memory = learner(6, checkpoint_every=2), Kept()
    train(whole, new_run("whole").run, 6, steps(whole, its_memory), its_memory)

    first, memory = learner(6, checkpoint_every=2), Kept()
    with pytest.raises(KeyboardInterrupt):
        train(first, new_run(dies_after=4).run, 6, steps(first, memory), memory)
    second, memory, recorded = learner(6, checkpoint_every=2), Kept(), new_run()
    train(second, recorded.run, 6, steps(second, memory), memory)
    # it died in the fourth step, before that checkpoint: steps 2 and 3 are done again
    assert sorted(recorded.metrics) == [2, 3, 4, 5]
    assert torch.equal(second.parameters["w"], whole.parameters["w"])
    assert memory == its_memory == Kept({"total": 0 + 1 + 2 + 3 + 4 + 5})
    assert second.updates == 6


def test_a_damaged_checkpoint_is_not_gone_on_from(new_run: Callable[..., Any]) -> None:
    one, recorded = learner(4, checkpoint_every=1), new_run()
    train(one, recorded.run, 4, lambda number: {})
    (recorded.run.directory / "checkpoint-4" / "learner.safetensors").write_bytes(b"torn")
    again = new_run()
    train(learner(4, checkpoint_every=1), again.run, 4, lambda number: {})
    assert sorted(again.metrics) == [3]


def test_a_finished_run_does_nothing_again(new_run: Callable[..., Any]) -> None:
    train(learner(2), new_run().run, 2, lambda number: {})
    again = new_run()
    train(learner(2), again.run, 2, lambda number: {})
    assert again.metrics == {}


def test_every_epoch_visits_every_row_once() -> None:
    section = Section(batch_size=4, num_epochs=3)
    updates = slices(10, section, seed=7)
    assert [len(update) for update in updates] == [4, 4, 2] * 3
    epochs = [list(chain(*updates[first : first + 3])) for first in (0, 3, 6)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 3
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert slices(10, section, seed=7) == updates != slices(10, section, seed=8)
    assert slices(0, section, seed=7) == []


def test_seeds_and_epochs_are_told_apart() -> None:
    orders = {tuple(epoch_order(20, seed, epoch)) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


def test_microbatches_hold_every_row_within_the_budget() -> None:
    rows = [Row((1,) * size, ((2,),)) for size in (3, 9, 4, 30, 2)]
    groups = [
        (indices, batch.num_tokens)
        for indices, batch in microbatches(rows, 12, torch.device("cpu"))
    ]
    # of 4, 10, 5, 31 and 3 tokens: the longest first, one larger than the budget alone
    assert groups == [([3], 31), ([1], 10), ([2, 0, 4], 12)]


def test_what_is_shown_while_it_runs() -> None:
    assert describe({"loss": 0.123456, "lr": 1.0, "objective/kl": 2.0}) == "loss 0.123 kl 2"
