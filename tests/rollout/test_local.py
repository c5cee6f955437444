"""Sampling on the machine's own backbone: exact, and blind to what is decoded beside a row."""

from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone
from rather.models.lora import LoraShape
from rather.models.processor import threads
from rather.models.roles import Policy
from rather.rollout import local
from rather.rollout.engine import Engine
from rather.rollout.local import Request, Sampled, Settings, sample

NEVER = (261,)
"""A stop token that no test here draws."""
LOW_FIFTH = tuple(range(60))
"""Stop tokens that nearly uniform weights draw in about one of five steps."""
PROMPTS = ((7, 8, 9), (40, 41, 42, 43, 44, 45, 46, 47, 48), (100,), (5, 6, 7, 8, 9, 10))


@pytest.fixture
def adapted(tiny_backbone: Backbone) -> Backbone:
    """A backbone whose adapter `loud` changes every logit."""
    shape = LoraShape(4, 8.0, tiny_backbone.linear_layers.names)
    tiny_backbone.add_adapter("loud", shape, seed=3)
    generator = torch.Generator().manual_seed(4)
    for parameter in tiny_backbone.adapter_parameters("loud").values():
        parameter.data.normal_(0.0, 0.3, generator=generator)
    return tiny_backbone


def requests(per_row: int = 2) -> list[Request]:
    return [
        Request(ids, tuple(range(10 * row, 10 * row + per_row))) for row, ids in enumerate(PROMPTS)
    ]


def ids_of(sampled: list[list[Sampled]]) -> list[list[tuple[int, ...]]]:
    return [[one.ids for one in row] for row in sampled]


def test_greedy_is_what_transformers_generates(tiny_model: Path, tiny_backbone: Backbone) -> None:
    plain = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    greedy = sample(tiny_backbone, None, requests(1), Settings(0.0, 12, NEVER))
    for ids, (one,) in zip(PROMPTS, greedy, strict=True):
        prompt = torch.tensor([ids])
        generated = plain.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=12,
            do_sample=False,
            eos_token_id=NEVER[0],
            pad_token_id=0,
        )
        assert one.ids == tuple(generated[0, len(ids) :].tolist())


@pytest.mark.parametrize("adapter", [None, "loud"])
@pytest.mark.parametrize("alike", [0, 1 << 40])  # prompts that are read once, or by every row
def test_neighbours_change_nothing(
    adapted: Backbone, adapter: str | None, alike: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "ALIKE", alike)
    settings = Settings(1.0, 16, LOW_FIFTH)
    together = sample(adapted, adapter, requests(), settings)
    for request, beside in zip(requests(), together, strict=True):
        for seed, one in zip(request.seeds, beside, strict=True):
            ((alone,),) = sample(adapted, adapter, [Request(request.prompt_ids, (seed,))], settings)
            assert alone.ids == one.ids
            assert alone.finish_reason == one.finish_reason
            assert alone.logprobs == pytest.approx(one.logprobs, abs=1e-5)


def test_prompts_are_read_once_for_all_their_rows_where_that_saves_much(
    tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 2 layers of 2 key heads, 8 wide, in float32: 128 bytes a token and layer, keys and values each
    made: list[bool] = []

    def engine_of(*args: Any, shares_prompts: bool, **named: Any) -> local.LocalEngine:
        made.append(shares_prompts)
        return Engine(tiny_backbone, shares_prompts=shares_prompts)

    monkeypatch.setattr(local, "engine_of", engine_of)
    for copies in (1, 2, 3):
        for limit in (128 * 19, 128 * 19 - 1):  # 19 tokens of prompts, read again by each copy
            monkeypatch.setattr(local, "ALIKE", limit)
            sample(tiny_backbone, None, requests(copies), Settings(0.0, 1, NEVER))
    assert made == [False, False, False, True, True, True]


def test_on_one_thread_or_on_all_steps_give_the_same(
    adapted: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = []
        for alone in (0, 1 << 60):
            monkeypatch.setattr(threads, "ALONE", alone)
            found.append(sample(adapted, "loud", requests(), Settings(1.0, 16, LOW_FIFTH)))
    finally:
        torch.set_num_threads(before)
    split, single = found
    assert ids_of(split) == ids_of(single)
    for one, other in zip(*(chain.from_iterable(rows) for rows in found), strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-6)


def test_the_order_of_requests_changes_nothing(tiny_backbone: Backbone) -> None:
    settings = Settings(1.0, 8, LOW_FIFTH)
    there = ids_of(sample(tiny_backbone, None, requests(), settings))
    back = ids_of(sample(tiny_backbone, None, requests()[::-1], settings))
    assert there == back[::-1]


@pytest.mark.parametrize("adapter", [None, "loud"])
@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.7, 1.0), (1.3, 0.5)])
def test_logprobs_are_those_of_the_policy(
    adapted: Backbone, adapter: str | None, temperature: float, top_p: float
) -> None:
    settings = Settings(temperature, 16, LOW_FIFTH, top_p)
    sampled = sample(adapted, adapter, requests(), settings)
    rows = [
        Row(ids, tuple(one.ids for one in row)) for ids, row in zip(PROMPTS, sampled, strict=True)
    ]
    with torch.no_grad():
        expected = Policy(adapted, adapter).logprobs(pack(rows), temperature)
    flat = [one for row in sampled for one in row]
    for one, row in zip(flat, expected.tolist(), strict=True):
        assert one.logprobs == pytest.approx(row[: len(one.ids)], abs=1e-4)


def test_the_adapter_is_used(adapted: Backbone) -> None:
    settings = Settings(0.0, 8, NEVER)
    bare, loud = (sample(adapted, name, requests(1), settings) for name in (None, "loud"))
    assert all(a != b for a, b in zip(ids_of(bare), ids_of(loud), strict=True))


def test_a_stop_token_ends_a_row_and_the_limit_cuts_it(tiny_backbone: Backbone) -> None:
    sampled = sample(tiny_backbone, None, requests(8), Settings(1.0, 6, LOW_FIFTH))
    flat = [one for row in sampled for one in row]
    lengths = {len(one.ids) for one in flat}
    assert len(lengths) > 3  # rows finish at different times
    assert {one.finish_reason for one in flat} == {"stop", "length"}
    for one in flat:
        assert len(one.logprobs) == len(one.ids)
        assert not set(one.ids[:-1]) & set(LOW_FIFTH)
        if one.finish_reason == "stop":
            assert one.ids[-1] in LOW_FIFTH
        else:
            assert len(one.ids) == 6
            assert one.ids[-1] not in LOW_FIFTH


def test_a_stop_at_the_very_limit_is_a_stop(tiny_backbone: Backbone) -> None:
    first = sample(tiny_backbone, None, [Request((7, 8), (1,))], Settings(0.0, 3, NEVER))[0][0]
    assert first.finish_reason == "length"
    stops = (first.ids[2],)
    again = sample(tiny_backbone, None, [Request((7, 8), (1,))], Settings(0.0, 3, stops))[0][0]
    reached = first.ids.index(first.ids[2]) + 1  # the token may have come earlier, too
    assert (again.ids, again.finish_reason) == (first.ids[:reached], "stop")


def test_rows_may_want_different_numbers(tiny_backbone: Backbone) -> None:
    wanted = [Request(PROMPTS[0], (1, 2, 3)), Request(PROMPTS[1], (4,)), Request(PROMPTS[2], ())]
    counted: list[int] = []
    sampled = sample(tiny_backbone, None, wanted, Settings(1.0, 5, NEVER), counted.append)
    assert [len(row) for row in sampled] == [3, 1, 0]
    assert counted == [4, 4, 4, 4, 4]  # four living completions in each of five steps
    assert len(set(ids_of(sampled)[0])) == 3


def test_a_seed_is_the_whole_draw(tiny_backbone: Backbone) -> None:
    settings = Settings(1.0, 8, NEVER)
    ((a, b, c),) = sample(tiny_backbone, None, [Request(PROMPTS[0], (5, 5, 6))], settings)
    assert a == b
    assert a.ids != c.ids


def test_a_tiny_top_p_is_greedy(tiny_backbone: Backbone) -> None:
    greedy = sample(tiny_backbone, None, requests(2), Settings(0.0, 8, NEVER))
    nucleus = sample(tiny_backbone, None, requests(2), Settings(1.0, 8, NEVER, top_p=1e-6))
    assert ids_of(greedy) == ids_of(nucleus)


def test_the_context_is_a_limit_too(tiny_backbone: Backbone) -> None:
    # 256 positions: 250 of the prompt leave room for 6, the short row still gets all 9
    wanted = [Request(tuple(range(3, 253)), (1,)), Request((7, 8), (2,))]
    (long,), (short,) = sample(tiny_backbone, None, wanted, Settings(1.0, 9, NEVER))
    assert (len(long.ids), long.finish_reason) == (6, "length")
    assert (len(short.ids), short.finish_reason) == (9, "length")


def test_the_largest_number_below_one_draws_a_token_that_is_there(
    tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2**-53 below 1 is 1 in float32, and behind the last token that top-p left lies nothing."""
    monkeypatch.setattr(
        torch, "rand", lambda size, **how: torch.full((size,), 1 - 2**-53, dtype=how["dtype"])
    )
    narrow = Settings(1.0, 4, NEVER, top_p=1e-6)
    drawn = ids_of(sample(tiny_backbone, None, requests(1), narrow))
    assert drawn == ids_of(sample(tiny_backbone, None, requests(1), Settings(0.0, 4, NEVER)))
