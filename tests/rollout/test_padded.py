"""Sampling by transformers' `generate`: the numbers, seeds, ends and adapters are ours."""

import threading
from collections.abc import Callable

import pytest
import torch
from transformers import PreTrainedModel

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone
from rather.models.roles import Policy
from rather.rollout import padded
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
    asked = [Request(ids, (n, n + 1, n + 2)) for n, ids in zip((5, 8, 11), PROMPTS, strict=True)]
    together = sample(backbone, None, asked, settings)
    alone = [sample(backbone, None, [one], settings)[0] for one in asked]
    assert [[s.ids for s in many] for many in together] == [[s.ids for s in m] for m in alone]
    assert len({one.ids for many in together for one in many}) == 9


def test_a_step_is_a_token_of_every_group(
    new_model: Callable[[str], PreTrainedModel], loud: Loud
) -> None:
    """Three groups: the two of equal length, the other one, and the one with the adapter."""
    backbone = Backbone(new_model("bloom"))
    loud(backbone)
    engine = PaddedEngine(backbone)
    settings = Settings(0.0, 3, NEVER)
    first, other, like = (engine.submit(Request(ids, (1,)), settings) for ids in PROMPTS)
    adapted = engine.submit(Request(PROMPTS[0], (1,)), settings, "loud")
    gone = engine.submit(Request(PROMPTS[0], (1,)), settings)
    engine.cancel(gone)
    assert engine.step() == 4
    assert engine.num_rows == 4
    late = engine.submit(Request(PROMPTS[0], (1,)), Settings(0.0, 1, NEVER))
    assert engine.step() == 5
    assert late.is_done
    assert not first.is_done
    backbone.switch_to("loud")  # as a score between two tokens does
    assert engine.step() == 4
    assert all(one.is_done for one in (first, other, like, adapted))
    assert engine.is_idle
    assert gone.completions[0].ids == []
    alone = sample(backbone, None, [Request(ids, (1,)) for ids in PROMPTS], settings)
    found = [one.completions[0].ids for one in (first, other, like)]
    assert found == [list(one.ids) for (one,) in alone]
    ((loudly,),) = sample(backbone, "loud", [Request(PROMPTS[0], (1,))], settings)
    assert adapted.completions[0].ids == list(loudly.ids)
    assert adapted.completions[0].logprobs == pytest.approx(loudly.logprobs, abs=1e-5)
    assert adapted.completions[0].logprobs != pytest.approx(first.completions[0].logprobs, abs=1e-2)


def test_who_leaves_while_a_token_is_computed_breaks_nothing(
    new_model: Callable[[str], PreTrainedModel],
) -> None:
    """A client may leave at any moment: the last one of a group, before its token is drawn."""
    backbone = Backbone(new_model("bloom"))
    engine = PaddedEngine(backbone)
    settings = Settings(1.0, 50, NEVER)
    leaving, staying = (engine.submit(Request(ids, (1,)), settings) for ids in PROMPTS[:2])
    assert engine.step() == 2
    hook = backbone.model.register_forward_hook(lambda *_: engine.cancel(leaving))
    assert engine.step() == 1
    hook.remove()
    assert engine.step() == 1
    assert (engine.num_rows, len(leaving.completions[0].ids)) == (1, 1)
    assert len(staying.completions[0].ids) == 3
    engine.close()


def test_closing_ends_the_threads_of_what_is_under_way(
    new_model: Callable[[str], PreTrainedModel],
) -> None:
    engine = PaddedEngine(Backbone(new_model("bloom")))
    for ids in PROMPTS[:2]:
        engine.submit(Request(ids, (1,)), Settings(0.0, 50, NEVER))
    engine.step()
    threads = [one for one in threading.enumerate() if one.name == "rather-padded"]
    assert len(threads) == 2
    engine.close()
    for one in threads:
        one.join(10)
    assert not any(one.is_alive() for one in threads)
    assert engine.is_idle


def test_rows_are_bounded_and_the_oldest_comes_first(
    new_model: Callable[[str], PreTrainedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(padded, "MOST_ROWS", 3)
    engine = PaddedEngine(Backbone(new_model("bloom")))
    settings = Settings(0.0, 2, NEVER)
    assert engine.has_room(99, 10)  # by itself anything could
    tickets = [engine.submit(Request((5, 6), (1, 2)), settings) for _ in range(2)]
    assert not engine.has_room(1, 10)
    assert engine.step() == 2
    assert engine.has_room(1, 10) is False  # two run, two wait
    assert engine.step() == 2
    assert [one.is_done for one in tickets] == [True, False]
    assert engine.step() == 2


def test_a_model_that_remembers_by_itself_has_one_group_at_a_time(
    new_model: Callable[[str], PreTrainedModel],
) -> None:
    assert not any(
        PaddedEngine(Backbone(new_model(one))).keeps_state
        for one in FAMILIES
        if one != "recurrent_gemma"
    )
    engine = PaddedEngine(Backbone(new_model("recurrent_gemma")))
    assert engine.keeps_state
    for ids in PROMPTS:
        engine.submit(Request(ids, (1,)), Settings(0.0, 2, NEVER))
    # the two of equal length, then the other one
    assert [engine.step() for _ in range(4)] == [2, 2, 1, 1]


def test_likelihoods_are_noted_where_they_are_wanted(
    new_model: Callable[[str], PreTrainedModel],
) -> None:
    engine = PaddedEngine(Backbone(new_model("bloom")))
    ticket = engine.submit(Request((5, 6), (1,)), Settings(0.0, 2, NEVER, top_logprobs=2))
    engine.step()
    (likelihood,) = ticket.completions[0].likelihoods
    assert likelihood.logprob == pytest.approx(ticket.completions[0].logprobs[0], abs=1e-5)
    assert likelihood.top[0] == (ticket.completions[0].ids[0], likelihood.logprob)
    assert len(likelihood.top) == 2


def test_a_step_that_raises_says_so_and_leaves_no_thread(
    new_model: Callable[[str], PreTrainedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = PaddedEngine(Backbone(new_model("bloom")))
    before = set(threading.enumerate())
    for ids in PROMPTS:
        engine.submit(Request(ids, (1,)), Settings(0.0, 9, NEVER))
    engine.step()
    threads = set(threading.enumerate()) - before
    assert len(threads) == 2

    def broken(*_: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(padded.drawing, "draw", broken)
    with pytest.raises(RuntimeError, match="no memory"):
        engine.step()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_cancelled_while_it_runs(new_model: Callable[[str], PreTrainedModel]) -> None:
    engine = PaddedEngine(Backbone(new_model("bloom")))
    ticket = engine.submit(Request((7, 8), (1,)), Settings(0.0, 50, NEVER))
    assert (engine.step(), engine.step()) == (1, 1)
    engine.cancel(ticket)
    assert engine.step() == 0
    assert engine.is_idle
    assert len(ticket.completions[0].ids) == 2


def test_the_context_ends_a_completion(new_model: Callable[[str], PreTrainedModel]) -> None:
    backbone = Backbone(new_model("lfm2"))  # 128 positions
    ((one,),) = sample(
        backbone, None, [Request(tuple(range(3, 128)), (1,))], Settings(1.0, 9, NEVER)
    )
    assert (len(one.ids), one.finish_reason) == (3, "length")
