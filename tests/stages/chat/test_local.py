"""The workspace's own models answer as they are sampled, and stop when asked to."""

import os
import signal

import pytest

from rather.data.identity import prompt_id
from rather.errors import TooLong, UsageError
from rather.records import Message, Prompt
from rather.rollout import local
from rather.stages import tuning
from rather.stages.chat.local import local_speakers
from rather.stages.runs import open_library
from rather.stages.sampling import seed_of
from rather.workspace import Workspace

ASKED = (Message("user", "Question 1?"),)


def quiet(place: int, text: str) -> None:
    """Nobody listens."""


@pytest.fixture
def talking(judged_ws: Workspace) -> Workspace:
    ws = judged_ws.configured(
        {"sft": {"learning_rate": 0.02, "num_epochs": 5}, "chat": {"max_new_tokens": 20}}
    )
    tuning.sft(ws, dry_run=False, fresh=False)
    return ws


def test_all_answer_at_once_as_each_would_alone(talking: Workspace) -> None:
    speakers = local_speakers(talking, ["base", "newest", "base"])
    assert speakers.names == ("base", "sft-1")
    grown: dict[int, list[str]] = {0: [], 1: []}
    answers = speakers.answer(ASKED, 2, lambda place, text: grown[place].append(text))
    library = open_library(talking)
    seed = seed_of(talking.config.seed, prompt_id(ASKED), "chat", {}, 2)
    for place, name in enumerate(speakers.names):
        policy, codec = library.policy(name), library.codec(name)
        request = local.Request(codec.prompt_ids(Prompt(prompt_id(ASKED), ASKED, "train")), (seed,))
        settings = local.Settings(0.7, 20, codec.stop_ids)
        ((alone,),) = local.sample(policy.backbone, policy.adapter, [request], settings)
        assert answers[place].text == codec.text(alone.ids)
        assert answers[place].is_cut_off == (alone.finish_reason == "length")
        assert len(grown[place]) == len(alone.ids)
        assert answers[place].text.startswith(grown[place][0])
    assert answers[0].text != answers[1].text
    assert speakers.answer(ASKED, 2, quiet) == answers  # the engine goes on
    assert speakers.answer(ASKED, 3, quiet) != answers


def test_ctrl_c_ends_the_answer_and_not_the_chat(talking: Workspace) -> None:
    speakers = local_speakers(talking, ["base", "sft-1"])
    whole = speakers.answer(ASKED, 0, quiet)

    def press(place: int, text: str) -> None:
        if place == 1:
            os.kill(os.getpid(), signal.SIGINT)

    stopped = speakers.answer(ASKED, 0, press)
    assert [one.is_stopped for one in stopped] == [True, True]
    assert [one.num_tokens for one in stopped] == [1, 1]
    assert speakers.answer(ASKED, 0, quiet) == whole


def test_sigterm_ends_the_process(talking: Workspace) -> None:
    def end(place: int, text: str) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        local_speakers(talking, ["base"]).answer(ASKED, 0, end)


def test_what_does_not_fit_is_refused(talking: Workspace) -> None:
    with pytest.raises(TooLong):
        local_speakers(talking, ["base"]).answer([Message("user", "x" * 300)], 0, quiet)


def test_unknown_models_are_named(talking: Workspace) -> None:
    with pytest.raises(UsageError, match="no model named nobody"):
        local_speakers(talking, ["nobody"])
