"""The reward model's head and where it reads, with faults planted in files and network."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from rather.data.batch import Row
from rather.doctor.finding import Finding
from rather.doctor.patient import NotYet, Patient
from rather.doctor.reward_model import marked, places_read
from rather.models import library
from rather.models.backbone import Backbone
from rather.models.heads import ScalarHead
from rather.models.roles import RewardModel
from rather.records import Prompt
from rather.workspace import Workspace

Look = Callable[[Workspace, str], Finding]
NewWs = Callable[..., Workspace]
Train = Callable[[Workspace, str], str]
SMALL = {"rank": 4, "alpha": 8.0}


@pytest.mark.parametrize("name", ["head", "scores packed"])
def test_before_training_there_is_no_head(judged_ws: Workspace, look: Look, name: str) -> None:
    with pytest.raises(NotYet, match="no reward version; `rather reward` trains one"):
        look(judged_ws, name)


def test_a_trained_reward_model_is_well(judged_ws: Workspace, look: Look, trained: Train) -> None:
    trained(judged_ws, "reward")
    for name in ("head", "scores packed", "where it reads"):
        assert look(judged_ws, name).severity == "ok"


def test_a_whole_reward_model_is_well(new_judged_ws: NewWs, look: Look, trained: Train) -> None:
    ws = new_judged_ws(reward={"adapter": {"tuning": "full"}, "learning_rate": 1e-4})
    trained(ws, "reward")
    assert look(ws, "head").severity == "ok"


def test_a_head_that_was_never_trained_is_found(
    new_judged_ws: NewWs, look: Look, trained: Train
) -> None:
    ws = new_judged_ws(reward={"learning_rate": 1e-30, "head": "random", "adapter": SMALL})
    trained(ws, "reward")
    found = look(ws, "head")
    assert found.severity == "problem"
    assert found.found.startswith("reward-1: the saved head is the random one")


def test_scores_that_change_with_loading_are_found(
    judged_ws: Workspace, look: Look, trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(judged_ws, "reward")
    load = library.load_file

    def new_head(path: Any) -> dict[str, Tensor]:
        """A head that is drawn anew at every loading, as where it was never saved."""
        return {key: torch.randn_like(value) for key, value in load(path).items()}

    monkeypatch.setattr(library, "load_file", new_head)
    found = look(judged_ws, "head")
    assert found.severity == "problem"
    assert "scores differ after loading again" in found.found


def test_scores_that_depend_on_the_neighbours_are_found(
    judged_ws: Workspace, look: Look, trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(judged_ws, "reward")
    own = Backbone.hidden

    def leaking(self: Backbone, *arguments: Any) -> Tensor:
        hidden = own(self, *arguments)
        return hidden + hidden.mean(dim=0)

    monkeypatch.setattr(Backbone, "hidden", leaking)
    assert look(judged_ws, "scores packed").severity == "problem"


@pytest.mark.parametrize(
    ("pooling", "said"), [("last", "at the completion's last token"), ("mean", "over its mean")]
)
def test_where_it_reads_is_shown_on_text(
    new_judged_ws: NewWs, look: Look, pooling: str, said: str
) -> None:
    ws = new_judged_ws(reward={"pooling": pooling, "adapter": SMALL})
    found = look(ws, "where it reads")
    assert (found.severity, found.found) == ("ok", f"pooling: {pooling} reads the score {said}")
    last, mean = found.shown
    assert last.startswith("last (in force): …") is (pooling == "last")
    assert last.endswith("<|start|>assistant\\nNo, 0!⟦<|end|>⟧")
    assert mean.endswith("<|start|>assistant\\n⟦No, 0!<|end|>⟧")


def test_answers_that_were_cut_off_are_counted(
    ws: Workspace, look: Look, ask: Callable[..., Prompt], answer: Callable[..., None]
) -> None:
    prompt = ask(ws, "Why?")
    answer(ws, prompt, "Because.")
    answer(ws, prompt, "Beca", cut_off=True)
    found = look(ws, "where it reads")
    assert found.found.endswith("1 of 2 completions were cut off: no stop token is read")


def test_a_model_that_reads_one_token_too_early_is_found(
    judged_ws: Workspace, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    pooled = RewardModel.pooled

    def early(self: RewardModel, batch: Any) -> Tensor:
        return pooled(self, replace(batch, ends=batch.ends - 1))

    monkeypatch.setattr(RewardModel, "pooled", early)
    found = look(judged_ws, "where it reads")
    assert found.severity == "problem"
    assert found.shown[0].endswith("No, 0⟦!⟧<|end|>")


def test_the_place_is_found_by_looking(judged_ws: Workspace) -> None:
    patient = Patient(judged_ws)
    backbone = patient.policy.backbone
    model = RewardModel(backbone, None, ScalarHead(backbone.hidden_size), "last")
    row = Row((5, 6, 7), ((8, 9),))
    assert places_read(model, row) == range(4, 5)
    assert places_read(replace(model, pooling="mean"), row) == range(3, 5)


def test_a_span_is_marked(judged_ws: Workspace) -> None:
    codec = Patient(judged_ws).codec
    to_ids = codec.tokenizer.convert_tokens_to_ids
    row = Row(tuple(to_ids(list("ab"))), (tuple(to_ids(list("cd"))),))
    assert marked(codec, row, range(3, 4)) == "…abc⟦d⟧"
    assert marked(codec, row, range(2, 4)) == "…ab⟦cd⟧"
    assert marked(codec, row, range(0, 1)) == "…⟦a⟧bcd"
