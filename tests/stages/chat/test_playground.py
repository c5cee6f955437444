"""The playground's own models: each answers as itself, and what does not fit is refused."""

from collections.abc import Callable

import pytest

from rather.data.identity import prompt_id
from rather.errors import EnvironmentFault, TooLong
from rather.records import Message, ModelVersion, Prompt
from rather.rollout import local
from rather.stages import tuning
from rather.stages.chat.playground import LocalResponder, responder_of
from rather.stages.runs import open_library
from rather.store import versions
from rather.web.responder import Drawing
from rather.workspace import Workspace

ASKED = (Message("user", "Question 1?"),)
GREEDY = Drawing(temperature=0.0, max_new_tokens=12, seed=7)


def test_versions_answer_as_themselves(judged_ws: Workspace) -> None:
    responder = LocalResponder(judged_ws)
    assert responder.models() == ["base"]
    before = responder.answer(ASKED, "base", GREEDY)
    ws = judged_ws.configured({"sft": {"learning_rate": 0.02, "num_epochs": 20}})
    tuning.sft(ws, dry_run=False, fresh=False)
    # a version made while the server runs
    assert responder.models() == ["base", "sft-1"]
    tuned = responder.answer(ASKED, "sft-1", GREEDY)
    assert tuned.text != before.text
    assert responder.answer(ASKED, "base", GREEDY) == before
    # as the sampler has it
    library = open_library(judged_ws)
    policy, codec = library.policy("sft-1"), library.codec("sft-1")
    request = local.Request(codec.prompt_ids(Prompt(prompt_id(ASKED), ASKED, "train")), (7,))
    settings = local.Settings(0.0, 12, codec.stop_ids)
    ((one,),) = local.sample(policy.backbone, policy.adapter, [request], settings)
    assert tuned == (tuned.__class__)(codec.text(one.ids), len(one.ids), len(one.ids) == 12)


def test_the_same_drawing_gives_the_same_answer(ws: Workspace) -> None:
    responder = LocalResponder(ws)
    drawn = [responder.answer(ASKED, "base", Drawing(1.0, 8, seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    cut = responder.answer(ASKED, "base", Drawing(1.0, 1, 1))
    assert (cut.num_tokens, cut.is_cut_off) == (1, True)


def test_only_policies_write(ws: Workspace) -> None:
    for stage in ("reward", "dpo", "sft"):
        versions.register(ws.db, ModelVersion(f"{stage}-1", stage, "b", (), "r", "models/r", ""))  # type: ignore[arg-type]
    assert LocalResponder(ws).models() == ["base", "dpo-1", "sft-1"]


def test_what_does_not_fit_is_refused(ws: Workspace) -> None:
    responder = LocalResponder(ws)
    with pytest.raises(TooLong):
        responder.answer([Message("user", "x" * 300)], "base", GREEDY)


def test_an_answer_ends_with_the_server(ws: Workspace) -> None:
    responder = LocalResponder(ws)
    responder.close()
    with pytest.raises(EnvironmentFault, match="ended before the answer"):
        responder.answer(ASKED, "base", GREEDY)


def test_without_torch_nobody_answers(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(responder_of(ws), LocalResponder)
    missing: Callable[[str], None] = lambda name: None  # noqa: E731
    monkeypatch.setattr("rather.stages.chat.playground.find_spec", missing)
    assert responder_of(ws) is None
