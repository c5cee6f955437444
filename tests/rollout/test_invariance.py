"""Batch invariance: whatever is answered beside, and however prompts arrive, the same bits."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from transformers import PreTrainedModel

from rather.models.backbone import Backbone, load_backbone
from rather.models.decode.prefixes import Prefixes
from rather.models.embedded import embedded_folder
from rather.models.lora import LoraShape
from rather.rollout.engine import Engine
from rather.rollout.requests import Request, Sampled, Settings, Ticket
from tests.models.conftest import FAMILIES
from tests.rollout.test_engine import alone, assert_same, finish

Loud = Callable[..., str]
NEVER = (261,)


class Wanted(NamedTuple):
    request: Request
    settings: Settings
    adapter: str | None


def invariant(backbone: Backbone, *, remembers: bool = False, tokens: int = 128) -> Engine:
    prefixes = Prefixes(1 << 28) if remembers else None
    return Engine(backbone, is_invariant=True, prompt_tokens=tokens, prefixes=prefixes)


def solo(backbone: Backbone, wanted: Wanted) -> list[Sampled]:
    engine = invariant(backbone)
    ticket = engine.submit(*wanted)
    finish(engine)
    return ticket.results()


def one_after_another(engine: Engine, asked: list[Wanted]) -> list[Ticket]:
    """One more at every second step."""
    tickets = []
    for wanted in asked:
        tickets.append(engine.submit(*wanted))
        engine.step()
        engine.step()
    finish(engine)
    return tickets


def at_once(engine: Engine, asked: list[Wanted]) -> list[Ticket]:
    tickets = [engine.submit(*wanted) for wanted in asked]
    finish(engine)
    return tickets


@pytest.mark.slow
@pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="no products in bfloat16 here"
)
def test_in_bfloat16_each_gets_the_bits_it_gets_alone() -> None:
    """The embedded model, 36 completions over three adapters of two ranks and none."""
    backbone = load_backbone(embedded_folder(), torch.bfloat16, "cpu")
    for seed, rank in enumerate((16, 8, 16)):
        name = f"of {seed}"
        backbone.add_adapter(name, LoraShape(rank, 2.0 * rank, backbone.linear_layers.names), seed)
        generator = torch.Generator().manual_seed(seed)
        for key, weight in backbone.adapter_parameters(name).items():
            if "lora_B" in key:
                weight.data.normal_(0.0, 0.01, generator=generator)
    lengths = (5, 30, 64, 65, 90, 130, 31, 200, 12)
    asked = [
        Wanted(
            Request(tuple(range(1000 + 7 * n, 1000 + 7 * n + length)), tuple(range(n, n + 4))),
            Settings(0.0 if n % 3 == 0 else 1.0, 10 + n, (2,)),
            None if n % 4 == 3 else f"of {n % 4}",
        )
        for n, length in enumerate(lengths)
    ]
    expected = [solo(backbone, wanted) for wanted in asked]
    engine = invariant(backbone, remembers=True)
    for tickets in (
        at_once(engine, asked),
        at_once(engine, asked[::-1])[::-1],  # from what was remembered
        one_after_another(invariant(backbone), asked),
    ):
        for ticket, known in zip(tickets, expected, strict=True):
            assert [one.ids for one in ticket.results()] == [one.ids for one in known]
            assert [one.logprobs for one in ticket.results()] == [one.logprobs for one in known]


@pytest.mark.parametrize("family", FAMILIES)
def test_blocks_give_the_numbers_of_one_pass(
    family: str, loud: Loud, new_model: Callable[[str], PreTrainedModel]
) -> None:
    backbone = Backbone(new_model(family))
    adapters = [loud(backbone, "one", 1), None, loud(backbone, "two", 2), "one"]
    lengths = (70, 3, 20, 64)
    asked = [
        Wanted(Request(tuple(range(5 + n, 5 + n + length)), (n, 9)), Settings(0.0, 5, NEVER), name)
        for n, (length, name) in enumerate(zip(lengths, adapters, strict=True))
    ]
    for wanted, ticket in zip(asked, at_once(invariant(backbone), asked), strict=True):
        assert_same(ticket.results(), alone(backbone, *wanted))


def test_only_whole_blocks_are_gone_on_from(tiny_backbone: Backbone) -> None:
    """130 tokens, then the same and more: two blocks of 64 are as they would be made anew."""
    engine, ids = invariant(tiny_backbone, remembers=True), tuple(range(5, 135))
    greedy = Settings(0.0, 2, NEVER)
    first = engine.submit(Request(ids, (1,)), greedy)
    finish(engine)
    again = engine.submit(Request((*ids, 140, 141), (1,)), greedy)
    shorter = engine.submit(Request(ids[:100], (1,)), greedy)
    finish(engine)
    assert [one.num_known for one in (first, again, shorter)] == [0, 128, 64]
