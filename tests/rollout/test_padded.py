"""Sampling by transformers' `generate`: the numbers, seeds, ends and adapters are ours."""

from collections.abc import Callable

import pytest
import torch
from transformers import PreTrainedModel

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone
from rather.models.roles import Policy
from rather.rollout.local import sample
from rather.rollout.padded import PaddedEngine
from rather.rollout.requests import Request, Settings

Loud = Callable[..., str]
NEVER = (261,)
LOW_HALF = tuple(range(130))
PROMPTS = ((7, 8, 9), (100,), (40, 41, 42))
FAMILIES = ["lfm2", "gpt_oss", "bloom", "mamba", "falcon_h1", "recurrent_gemma"]


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_is_the_likeliest_of_the_full_pass(
    family: str, new_model: Callable[[str], PreTrainedModel]
) -> None:
    """transformers' own module, the whole text again for each token, one text at a time."""
    plain = new_model(family)
    asked = [Request(ids, (1,)) for ids in PROMPTS]
    found = sample(Backbone(new_model(family)), None, asked, Settings(0.0, 6, NEVER))
    for ids, (one,) in zip(PROMPTS, found, strict=True):
        assert len(one.ids) == 6
        text = list(ids)
        for token, logprob in zip(one.ids, one.logprobs, strict=True):
            with torch.no_grad():
                logits = plain(torch.tensor([text]), use_cache=False).logits[0, -1]
            assert token == int(logits.argmax())
            assert logprob == pytest.approx(float(logits.log_softmax(dim=-1)[token]), abs=1e-4)
            text.append(token)


@pytest.mark.parametrize("family", FAMILIES)
def test_logprobs_are_those_of_the_trainer(
    family: str, new_model: Callable[[str], PreTrainedModel], loud: Loud
) -> None:
    backbone = Backbone(new_model(family))
    adapter = loud(backbone)
    asked = [Request(ids, (1, 2)) for ids in PROMPTS]
    found = sample(backbone, adapter, asked, Settings(0.7, 8, LOW_HALF))
    assert {one.finish_reason for many in found for one in many} >= {"stop"}
    rows = [Row(ids, tuple(s.ids for s in many)) for ids, many in zip(PROMPTS, found, strict=True)]
    with torch.no_grad():
        trained = Policy(backbone, adapter).logprobs(pack(rows), temperature=0.7)
    for row, one in zip(trained, (one for many in found for one in many), strict=True):
        assert row[: len(one.ids)].tolist() == pytest.approx(one.logprobs, abs=1e-4)


def test_what_is_drawn_depends_on_its_own_seed_only(
    new_model: Callable[[str], PreTrainedModel],
) -> None:
    backbone = Backbone(new_model("bloom"))
    settings = Settings(1.0, 10, LOW_HALF)
    asked = [Request(ids, (5, 6, 7)) for ids in PROMPTS]
    together = sample(backbone, None, asked, settings)
    alone = [sample(backbone, None, [one], settings)[0] for one in asked]
    assert [[s.ids for s in many] for many in together] == [[s.ids for s in m] for m in alone]
    assert len({one.ids for many in together for one in many}) == 9


def test_a_step_takes_the_oldest_and_its_like(
    new_model: Callable[[str], PreTrainedModel], loud: Loud
) -> None:
    backbone = Backbone(new_model("bloom"))
    loud(backbone)
    engine = PaddedEngine(backbone)
    settings = Settings(0.0, 3, NEVER)
    first, other, like = (engine.submit(Request(ids, (1,)), settings) for ids in PROMPTS)
    adapted = engine.submit(Request(PROMPTS[0], (1,)), settings, "loud")
    gone = engine.submit(Request(PROMPTS[0], (1,)), settings)
    engine.cancel(gone)
    assert engine.step() == 6
    assert (first.is_done, like.is_done, other.is_done, adapted.is_done) == (1, 1, 0, 0)
    assert engine.step() == 3
    assert (other.is_done, engine.is_idle) == (True, False)
    assert engine.step() == 3
    assert adapted.is_done
    assert engine.is_idle
    assert gone.completions[0].ids == []


def test_cancelled_while_it_runs(new_model: Callable[[str], PreTrainedModel]) -> None:
    engine = PaddedEngine(Backbone(new_model("bloom")))
    heard: list[int] = []

    def hear(number: int, token: int, logprob: float) -> None:
        heard.append(token)
        if len(heard) == 2:
            engine.cancel(ticket)

    ticket = engine.submit(Request((7, 8), (1,)), Settings(0.0, 50, NEVER), heard=hear)
    assert engine.step() == 2
    assert engine.is_idle


def test_the_context_ends_a_completion(new_model: Callable[[str], PreTrainedModel]) -> None:
    backbone = Backbone(new_model("lfm2"))  # 128 positions
    ((one,),) = sample(
        backbone, None, [Request(tuple(range(3, 128)), (1,))], Settings(1.0, 9, NEVER)
    )
    assert (len(one.ids), one.finish_reason) == (3, "length")
