"""Schedules by hand, clipping, updates that are skipped, and everything put back as it was."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from rather.config.optimization import Optimization as Section
from rather.training.learner import Learner, Metrics, NotFinite


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


def update(one: Learner, value: float) -> Metrics:
    one.parameters["w"].grad = torch.tensor([value, 1.0, 1.0])
    return one.update()


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_is_skipped_then_too_much(broken: float) -> None:
    one = learner(warmup_fraction=0.0)
    assert [update(one, broken)["skipped"], update(one, broken)["skipped"]] == [1.0, 1.0]
    assert one.parameters["w"].tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(NotFinite, match="not finite in 3 of the last 3 updates"):
        update(one, broken)
    assert one.parameters["w"].tolist() == [1.0, 1.0, 1.0]


def test_more_than_one_in_a_hundred_is_too_much() -> None:
    one = learner(1000, warmup_fraction=0.0)
    for number in range(150):
        assert update(one, math.nan if number in (10, 60) else 1.0)["skipped"] == (
            number in (10, 60)
        )
    with pytest.raises(NotFinite, match="not finite in 3 of the last 151 updates"):
        update(one, math.nan)


def test_what_was_skipped_long_ago_is_forgotten() -> None:
    one = learner(1000, warmup_fraction=0.0)
    for number in range(420):
        # at 205 and 415 the one 205 before is out of the window of 200
        update(one, math.nan if number in (0, 5, 205, 215, 415) else 1.0)
    assert one.skipped == [415]


def test_everything_is_put_back() -> None:
    first = learner(learning_rate=0.1, warmup_fraction=0.0)
    update(first, 2.0)
    update(first, math.nan)
    first.rate_scale = 0.5
    saved, numbers = first.tensors(), first.numbers()
    second = learner(learning_rate=0.1, warmup_fraction=0.0)
    second.restore({key: value.clone() for key, value in saved.items()}, numbers)
    assert second.numbers() == {"updates": 2, "skipped": [1], "rate_scale": 0.5}
    # the third of ten updates at 0.1·(8/10), halved
    assert update(first, 3.0)["lr"] == update(second, 3.0)["lr"] == pytest.approx(0.04)
    assert torch.equal(first.parameters["w"], second.parameters["w"])
    assert {key: value.tolist() for key, value in first.tensors().items()} == {
        key: value.tolist() for key, value in second.tensors().items()
    }


def test_weights_may_have_rates_of_their_own() -> None:
    weights = {name: nn.Parameter(torch.ones(1)) for name in ("policy", "value", "head")}
    section = Section(learning_rate=0.1, warmup_fraction=0.0, schedule="constant")
    one = Learner(weights, section, 10, {"value": 0.4, "head": None})
    one.rate_scale = 0.5
    for weight in weights.values():
        weight.grad = torch.ones(1)
    assert one.update()["lr"] == pytest.approx(0.05)
    # AdamW's first update is lr·g/(|g| + ε), and all rates are halved
    moved = {name: 1 - weight.item() for name, weight in weights.items()}
    assert moved == pytest.approx({"policy": 0.05, "value": 0.2, "head": 0.05}, abs=1e-5)
