"""What a stage trains: it starts as a copy of its start, and only what was asked for learns."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rather.config.optimization import Adapter
from rather.data.batch import Row, pack
from rather.errors import UsageError
from rather.models.backbone import Backbone
from rather.models.library import load_backbone
from rather.models.lora import LoraShape
from rather.models.roles import Policy
from rather.models.tuning import Tuned, start_tuning

Loud = Callable[..., str]
RANK = {"rank": 4, "alpha": 8.0}
"""The shape of the adapter that the fixture `loud` adds."""


def step(tuned: Tuned, rows: list[Row]) -> None:
    """One plain gradient step on the likelihood of the rows."""
    policy = Policy(tuned.backbone, tuned.adapter)
    for _ in range(2):  # B starts at 0, so A learns from the second step on
        (-policy.logprobs(pack(rows)).sum()).backward()
        with torch.no_grad():
            for parameter in tuned.parameters.values():
                assert parameter.grad is not None
                parameter -= 0.01 * parameter.grad
                parameter.grad = None


@pytest.mark.parametrize(
    "section",
    [
        Adapter(),
        Adapter(tuning="top_layers", num_top_layers=1),
        Adapter(target_modules=("q_proj", "down_proj")),
        Adapter(tuning="full"),
    ],
    ids=["lora", "top_layers", "named", "full"],
)
def test_it_starts_as_its_start_and_learns(
    section: Adapter, tiny_backbone: Backbone, rows: list[Row]
) -> None:
    batch, start = pack(rows), Policy(tiny_backbone)
    before = start.logprobs(batch).detach()
    tuned = start_tuning(start, "new", section, seed=1)
    policy = Policy(tuned.backbone, tuned.adapter)
    assert torch.equal(policy.logprobs(batch), before)
    step(tuned, rows)
    assert policy.logprobs(batch).sum() > before.sum()
    assert torch.equal(start.logprobs(batch), before)


def test_top_layers_trains_the_top_layers_only(tiny_backbone: Backbone, rows: list[Row]) -> None:
    section = Adapter(tuning="top_layers", num_top_layers=1)
    tuned = start_tuning(Policy(tiny_backbone), "new", section, seed=1)
    learning = {n for n, p in tiny_backbone.model.named_parameters() if p.requires_grad}
    assert len(learning) == len(tuned.parameters) == 14
    assert all(".layers.1." in name for name in learning)
    assert {name.split(".lora_")[0] for name in tuned.parameters} == set(
        tiny_backbone.linear_layers.names[7:]
    )
    step(tuned, rows)


def test_the_top_layers_are_those_below_the_depth_that_is_read(tiny_backbone: Backbone) -> None:
    section = Adapter(tuning="top_layers", num_top_layers=1)
    tuned = start_tuning(Policy(tiny_backbone), "new", section, seed=1, depth=1)
    assert len(tuned.parameters) == 14
    assert all(".layers.0." in name for name in tuned.parameters)
    section = Adapter(tuning="top_layers", num_top_layers=2)
    with pytest.raises(UsageError, match="the model has 1 layers that are read, of 2"):
        start_tuning(Policy(tiny_backbone), "more", section, seed=1, depth=1)


def test_full_is_a_float32_copy(tiny_backbone: Backbone, rows: list[Row]) -> None:
    tuned = start_tuning(Policy(tiny_backbone), "new", Adapter(tuning="full"), seed=1)
    assert tuned.adapter is None
    assert tuned.backbone is not tiny_backbone
    assert not tiny_backbone.shapes
    assert {p.dtype for p in tuned.parameters.values()} == {torch.float32}
    mine = {id(p) for p in tiny_backbone.model.parameters()}
    assert not mine & {id(p) for p in tuned.parameters.values()}


def test_an_adapter_is_continued_in_a_copy(
    tiny_backbone: Backbone, rows: list[Row], loud: Loud
) -> None:
    batch, start = pack(rows), Policy(tiny_backbone, loud(tiny_backbone))
    before = start.logprobs(batch).detach()
    tuned = start_tuning(start, "next", Adapter(**RANK), seed=1)
    assert torch.equal(Policy(tiny_backbone, "next").logprobs(batch), before)
    step(tuned, rows)
    assert not torch.equal(Policy(tiny_backbone, "next").logprobs(batch), before)
    assert torch.equal(start.logprobs(batch), before)  # the reference stays where it was
    assert not any(p.requires_grad for p in tiny_backbone.adapter_parameters("loud").values())


def test_top_layers_of_an_adapter_on_all_layers(
    tiny_backbone: Backbone, rows: list[Row], loud: Loud
) -> None:
    start = Policy(tiny_backbone, loud(tiny_backbone))
    section = Adapter(tuning="top_layers", num_top_layers=1, **RANK)
    tuned = start_tuning(start, "next", section, seed=1)
    before = {k: p.detach().clone() for k, p in tiny_backbone.adapter_parameters("next").items()}
    assert len(before) == 28
    step(tuned, rows)
    changed = {
        key
        for key, parameter in tiny_backbone.adapter_parameters("next").items()
        if not torch.equal(parameter, before[key])
    }
    assert changed == {key for key in before if ".layers.1." in key}


def test_what_cannot_be_continued_is_told(tiny_backbone: Backbone, loud: Loud) -> None:
    start = Policy(tiny_backbone, loud(tiny_backbone))
    with pytest.raises(UsageError, match="loud has an adapter of rank 4 and alpha 8; set adapter"):
        start_tuning(start, "next", Adapter(), seed=1)
    with pytest.raises(UsageError, match="tuning: full cannot start from loud"):
        start_tuning(start, "next", Adapter(tuning="full"), seed=1)
    assert list(tiny_backbone.shapes) == ["loud"]


def test_an_adapter_without_the_wanted_layers_is_told(tiny_backbone: Backbone) -> None:
    only_q = Adapter(target_modules=("q_proj",))
    start_tuning(Policy(tiny_backbone), "small", only_q, seed=1)
    with pytest.raises(UsageError, match="has none of the layers that tuning: lora would train"):
        start_tuning(
            Policy(tiny_backbone, "small"), "next", Adapter(target_modules=("up_proj",)), seed=1
        )


def test_the_same_seed_starts_the_same(tiny_backbone: Backbone) -> None:
    one, two, other = (
        start_tuning(Policy(tiny_backbone), name, Adapter(), seed).parameters
        for name, seed in (("one", 1), ("two", 1), ("other", 2))
    )
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_gradient_checkpointing_keeps_less_and_gives_the_same_gradients(
    tuning: str, tiny_model: Path, rows: list[Row]
) -> None:
    kept, gradients = [], []
    for is_on in (False, True):
        start = Policy(load_backbone(tiny_model, torch.float32, "cpu"))
        section = Adapter(tuning=tuning, gradient_checkpointing=is_on)  # type: ignore[arg-type]
        tuned = start_tuning(start, "learning", section, seed=0)
        tuned.backbone.add_adapter("other", LoraShape(2, 4.0, tuned.backbone.linear_layers.names))
        policy, saved = Policy(tuned.backbone, tuned.adapter), 0

        def weigh(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal saved
            saved += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(weigh, lambda tensor: tensor):
            loss = -policy.logprobs(pack(rows)).sum()
        with torch.no_grad():  # another adapter is on when the backward pass comes
            Policy(tuned.backbone, "other").logprobs(pack(rows))
        loss.backward()  # type: ignore[no-untyped-call]
        kept.append(saved)
        gradients.append({name: one.grad for name, one in tuned.parameters.items()})
    assert kept[1] < 0.5 * kept[0]
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        assert torch.equal(gradients[1][name], gradient), name
