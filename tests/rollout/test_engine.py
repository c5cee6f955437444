"""A running batch: requests join, leave, differ, are cancelled, and never notice each other."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from transformers import PreTrainedModel

from rather.models.backbone import Backbone
from rather.models.decode.blocks import PROMPT_TOKENS
from rather.models.decode.prefixes import Prefixes
from rather.models.embedded import embedded_folder
from rather.models.library import load_backbone
from rather.models.lora import LoraShape
from rather.rollout.engine import MOST_ROWS, Engine
from rather.rollout.requests import Request, Sampled, Settings, Ticket
from tests.models.conftest import FAMILIES

Loud = Callable[..., str]
NEVER = (261,)
LOW_FIFTH = tuple(range(60))
PROMPTS = ((7, 8, 9), (40, 41, 42, 43, 44, 45, 46, 47, 48), (100,), tuple(range(5, 25)))


def finish(engine: Engine) -> None:
    for _ in range(500):
        if engine.is_idle:
            return
        engine.step()
    raise AssertionError("still at work after 500 steps")


def alone(
    backbone: Backbone, request: Request, settings: Settings, adapter: str | None = None
) -> list[Sampled]:
    engine = Engine(backbone)
    ticket = engine.submit(request, settings, adapter)
    finish(engine)
    return ticket.results()


def assert_same(found: list[Sampled], expected: list[Sampled]) -> None:
    assert [one.ids for one in found] == [one.ids for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.finish_reason == other.finish_reason
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)


@pytest.mark.parametrize("shares_prompts", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_is_the_likeliest_of_the_full_pass(
    family: str, shares_prompts: bool, new_model: Callable[[str], PreTrainedModel]
) -> None:
    """transformers' own module, the whole text again for each token, one text at a time."""
    plain = new_model(family)
    engine = Engine(Backbone(new_model(family)), shares_prompts=shares_prompts)
    tickets = [engine.submit(Request(ids, (1, 2)), Settings(0.0, 8, NEVER)) for ids in PROMPTS]
    finish(engine)
    for ids, ticket in zip(PROMPTS, tickets, strict=True):
        text = list(ids)
        first, second = ticket.results()
        assert first.ids == second.ids
        for token, logprob in zip(first.ids, first.logprobs, strict=True):
            with torch.no_grad():
                logits = plain(torch.tensor([text]), use_cache=False).logits[0, -1]
            assert token == int(logits.argmax())
            assert logprob == pytest.approx(logits.log_softmax(-1).max().item(), abs=1e-4)
            text.append(token)


DIFFERENT = [
    (Request(PROMPTS[0], (1, 2)), Settings(1.0, 16, LOW_FIFTH)),
    (Request(PROMPTS[1], (3,)), Settings(0.0, 9, NEVER)),
    (Request(PROMPTS[2], (4, 5, 6)), Settings(0.7, 5, NEVER, top_p=0.8)),
    (Request(PROMPTS[3], (7,)), Settings(1.3, 30, (60, 61, 62), top_p=0.95)),
]


@pytest.mark.parametrize("shares_prompts", [True, False])
def test_requests_may_differ_in_everything(
    tiny_backbone: Backbone, loud: Loud, shares_prompts: bool
) -> None:
    adapters = [loud(tiny_backbone, "one", 1), None, loud(tiny_backbone, "two", 2), "one"]
    engine = Engine(tiny_backbone, shares_prompts=shares_prompts)
    tickets = [
        engine.submit(*wanted, adapter) for wanted, adapter in zip(DIFFERENT, adapters, strict=True)
    ]
    finish(engine)
    for wanted, adapter, ticket in zip(DIFFERENT, adapters, tickets, strict=True):
        assert_same(ticket.results(), alone(tiny_backbone, *wanted, adapter))
    bare = alone(tiny_backbone, *DIFFERENT[0])
    assert tickets[0].results()[0].ids != bare[0].ids  # the adapters do something


def test_in_bfloat16_neighbours_move_a_first_token_by_rounding_only(
    tiny_model: Path, loud: Loud
) -> None:
    backbone = load_backbone(tiny_model, torch.bfloat16, "cpu")
    adapters = [loud(backbone, "one", 1), None, loud(backbone, "two", 2), "one"]
    engine = Engine(backbone)
    asked = [Request(ids, (1,)) for ids in PROMPTS]
    greedy = Settings(0.0, 1, NEVER)
    tickets = [
        engine.submit(one, greedy, adapter) for one, adapter in zip(asked, adapters, strict=True)
    ]
    finish(engine)
    for request, adapter, ticket in zip(asked, adapters, tickets, strict=True):
        ((mixed,), (solo,)) = ticket.results(), alone(backbone, request, greedy, adapter)
        # logits of this model are below 8, where bfloat16 has steps of 1/32
        assert mixed.logprobs[0] == pytest.approx(solo.logprobs[0], abs=0.07)


@pytest.mark.parametrize("shares_prompts", [True, False])
def test_latecomers_join_what_is_running(tiny_backbone: Backbone, shares_prompts: bool) -> None:
    engine = Engine(tiny_backbone, shares_prompts=shares_prompts)
    tickets: list[Ticket] = []
    drawn = []
    for wanted in DIFFERENT:
        tickets.append(engine.submit(*wanted))
        drawn.append(engine.step())
        drawn.append(engine.step())
    assert drawn[0] == 2  # one token for each completion of the first request
    assert max(drawn) > 3  # they did run beside each other
    finish(engine)
    for wanted, ticket in zip(DIFFERENT, tickets, strict=True):
        assert_same(ticket.results(), alone(tiny_backbone, *wanted))


def test_no_more_run_than_fit(tiny_backbone: Backbone) -> None:
    # 2 layers × 2 key heads × (8 + 8) numbers × 4 bytes = 256 bytes a token;
    # a row of 3 + 7 tokens may take 2,560, so three rows fit into 8,000
    assert tiny_backbone.bytes_per_cached_token == 256
    engine = Engine(tiny_backbone)
    engine.most_bytes = 8000
    settings = Settings(1.0, 7, LOW_FIFTH)
    tickets = [engine.submit(Request(PROMPTS[0], (seed,)), settings) for seed in range(12)]
    most = 0
    while not engine.is_idle:
        engine.step()
        most = max(most, engine.num_rows)
    assert most == 3
    everything = alone(tiny_backbone, Request(PROMPTS[0], tuple(range(12))), settings)
    assert_same([ticket.results()[0] for ticket in tickets], everything)


def test_what_never_fits_runs_by_itself(tiny_backbone: Backbone) -> None:
    engine = Engine(tiny_backbone)
    engine.most_bytes = 1
    tickets = [engine.submit(Request(ids, (1,)), Settings(0.0, 3, NEVER)) for ids in PROMPTS]
    rows = []
    while not engine.is_idle:
        rows.append(engine.step())
    assert rows == [1] * 12
    assert all(ticket.is_done for ticket in tickets)


def test_rows_are_bounded_too(tiny_backbone: Backbone) -> None:
    engine = Engine(tiny_backbone)
    for seed in range(MOST_ROWS + 5):
        engine.submit(Request((7, 8), (seed,)), Settings(1.0, 1, NEVER))
    assert [engine.step(), engine.step(), engine.step()] == [MOST_ROWS, 5, 0]


@pytest.mark.parametrize("shares_prompts", [True, False])
def test_a_cancelled_request_leaves_between_two_tokens(
    tiny_backbone: Backbone, shares_prompts: bool
) -> None:
    engine = Engine(tiny_backbone, shares_prompts=shares_prompts)
    settings = Settings(1.0, 10, NEVER)
    first, gone, last = (
        engine.submit(Request(ids, (n, n + 1)), settings) for n, ids in enumerate(PROMPTS[:3])
    )
    assert [engine.step(), engine.step()] == [6, 6]
    engine.cancel(gone)
    assert gone.is_done
    assert engine.step() == 4
    finish(engine)
    assert [len(one.ids) for one in gone.completions] == [2, 2]
    for n, ticket in ((0, first), (2, last)):
        expected = alone(tiny_backbone, Request(PROMPTS[n], (n, n + 1)), settings)
        assert_same(ticket.results(), expected)


def test_a_request_cancelled_while_it_waits_never_starts(tiny_backbone: Backbone) -> None:
    engine = Engine(tiny_backbone)
    engine.most_bytes = 1
    first = engine.submit(Request(PROMPTS[0], (1,)), Settings(1.0, 3, NEVER))
    second = engine.submit(Request(PROMPTS[1], (2,)), Settings(1.0, 3, NEVER))
    engine.step()
    engine.cancel(second)
    assert [engine.step(), engine.step(), engine.is_idle] == [1, 1, True]
    assert (len(first.results()), second.completions[0].ids) == (1, [])


def test_every_token_is_heard_as_it_is_drawn(tiny_backbone: Backbone) -> None:
    heard: dict[int, list[tuple[int, float]]] = {0: [], 1: []}
    engine = Engine(tiny_backbone)
    ticket = engine.submit(
        Request(PROMPTS[1], (1, 2)),
        Settings(1.0, 6, LOW_FIFTH),
        heard=lambda number, token, logprob: heard[number].append((token, logprob)),
    )
    engine.step()
    assert [len(heard[0]), len(heard[1])] == [1, 1]
    finish(engine)
    for number, one in enumerate(ticket.results()):
        assert heard[number] == list(zip(one.ids, one.logprobs, strict=True))


def test_a_listener_may_cancel(tiny_backbone: Backbone) -> None:
    engine = Engine(tiny_backbone)
    tickets: list[Ticket] = []

    def stop_at_two(number: int, token: int, logprob: float) -> None:
        if len(tickets[0].completions[0].ids) == 2:
            engine.cancel(tickets[0])

    settings = Settings(1.0, 9, NEVER)
    tickets.append(engine.submit(Request(PROMPTS[0], (1,)), settings, heard=stop_at_two))
    finish(engine)
    assert len(tickets[0].completions[0].ids) == 2


def test_nothing_wanted_is_done_at_once(tiny_backbone: Backbone) -> None:
    engine = Engine(tiny_backbone)
    ticket = engine.submit(Request(PROMPTS[0], ()), Settings(1.0, 3, NEVER))
    assert (ticket.is_done, ticket.results(), engine.is_idle, engine.step()) == (True, [], True, 0)


class Wanted(NamedTuple):
    request: Request
    settings: Settings
    adapter: str | None


def invariant(backbone: Backbone, *, remembers: bool = False, tokens: int = 128) -> Engine:
    prefixes = Prefixes(1 << 28, PROMPT_TOKENS) if remembers else None
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
    """The embedded model, 38 completions over three adapters of two ranks and none."""
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
    stem = tuple(range(3000, 3045))  # less than a block in common
    for number, rest in enumerate((range(5), range(4000, 4045))):
        alike = Request((*stem, *rest), (number,))
        asked.append(Wanted(alike, Settings(0.0, 20, (2,)), "of 0"))
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
