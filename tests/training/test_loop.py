"""The plumbing: schedules by hand, skipped updates, checkpoints, resume, data order."""

import math
from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest
import torch
from torch import nn

from rather.config.stages import Optimization
from rather.data.batch import Row, microbatches
from rather.errors import StoppedByRule
from rather.training.loop import (
    Learner,
    Metrics,
    describe,
    epoch_order,
    slices,
    train,
)

Section = Optimization


def learner(num_updates: int = 10, **settings: Any) -> Learner:
    return Learner({"w": nn.Parameter(torch.ones(3))}, Section(**settings), num_updates)


def factors(one: Learner) -> list[float]:
    return [one.rate_factor(update) for update in range(one.num_updates)]


def test_linear_schedule_by_hand() -> None:
    # 10 updates, 2 of warm-up: ½, 1, then 8/8, 7/8, ... 1/8
    rates = [0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
    assert factors(learner(warmup_fraction=0.2)) == pytest.approx(rates)


def test_cosine_schedule_by_hand() -> None:
    # ½·(1 − cos(π·left)) at left = 1, ¾, ½, ¼
    rates = [1.0, 0.853553, 0.5, 0.146447]
    found = factors(learner(4, warmup_fraction=0.0, schedule="cosine"))
    assert found == pytest.approx(rates, abs=1e-6)


def test_constant_schedule_by_hand() -> None:
    # 5 % of 5 updates is a quarter of one: one update of warm-up, at the full rate already
    assert factors(learner(5, schedule="constant")) == [1.0] * 5
    assert factors(learner(4, schedule="constant", warmup_fraction=0.75)) == pytest.approx(
        [1 / 3, 2 / 3, 1.0, 1.0]
    )


def test_a_round_share_of_warmup_is_not_one_update_more() -> None:
    # in binary 0.07 · 100 is a hair above 7
    found = factors(learner(100, warmup_fraction=0.07, schedule="constant"))
    assert found[:8] == pytest.approx([1 / 7, 2 / 7, 3 / 7, 4 / 7, 5 / 7, 6 / 7, 1.0, 1.0])


def test_an_update_follows_the_schedule_and_clips() -> None:
    one = learner(4, learning_rate=0.5, warmup_fraction=0.5, max_grad_norm=1.0)
    one.parameters["w"].grad = torch.tensor([3.0, 4.0, 0.0])
    first = one.update()
    assert first == {"lr": 0.25, "grad_norm": 5.0, "skipped": 0.0}
    # AdamW's first update is lr·g/(|g| + ε): ¼ for each gradient that is not 0
    assert one.parameters["w"].tolist() == pytest.approx([0.75, 0.75, 1.0], abs=1e-4)
    assert one.parameters["w"].grad is None
    one.parameters["w"].grad = torch.zeros(3)
    assert one.update()["lr"] == 0.5


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_is_skipped_then_stops(broken: float) -> None:
    one = learner(warmup_fraction=0.0)

    def update(value: float) -> Metrics:
        one.parameters["w"].grad = torch.tensor([value, 1.0, 1.0])
        return one.update()

    assert [update(broken)["skipped"], update(broken)["skipped"]] == [1.0, 1.0]
    assert one.parameters["w"].tolist() == [1.0, 1.0, 1.0]
    assert update(1.0)["skipped"] == 0.0  # a sound one in between, and the count begins anew
    moved = one.parameters["w"].tolist()
    assert moved[0] < 1.0
    update(broken)
    update(broken)
    with pytest.raises(StoppedByRule, match="not finite in 3 updates in a row"):
        update(broken)
    assert one.parameters["w"].tolist() == moved


def test_every_checkpoint_is_whole_and_two_are_kept(new_run: Callable[..., Any]) -> None:
    one, recorded = learner(7, checkpoint_every=2), new_run()
    train(one, recorded.run, 7, lambda number: {"loss": float(number)})
    assert recorded.of("loss") == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    kept = sorted(path.name for path in recorded.run.directory.glob("checkpoint-*"))
    assert kept == ["checkpoint-6", "checkpoint-7"]


def test_a_run_goes_on_from_its_last_checkpoint(new_run: Callable[..., Any]) -> None:
    def steps(one: Learner, state: dict[str, Any]) -> Callable[[int], Metrics]:
        def step(number: int) -> Metrics:
            one.parameters["w"].grad = torch.full((3,), float(number + 1))
            state["total"] = state.get("total", 0) + number
            return one.update()

        return step

    whole, its_state = learner(6, checkpoint_every=2), {}
    train(whole, new_run("whole").run, 6, steps(whole, its_state), its_state)

    first, state = learner(6, checkpoint_every=2), {}
    with pytest.raises(KeyboardInterrupt):
        train(first, new_run(dies_after=4).run, 6, steps(first, state), state)
    second, state, recorded = learner(6, checkpoint_every=2), {}, new_run()
    train(second, recorded.run, 6, steps(second, state), state)
    # it died in the fourth step, before that checkpoint: steps 2 and 3 are done again
    assert sorted(recorded.metrics) == [2, 3, 4, 5]
    assert torch.equal(second.parameters["w"], whole.parameters["w"])
    assert state == its_state == {"total": 0 + 1 + 2 + 3 + 4 + 5}
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
