"""What the doctor looks at: what is learnt from, each once, and no more than is quick."""

from collections.abc import Callable

import pytest

from rather.doctor.patient import MOST_PROBE_TOKENS, Answer, NotYet, Patient, of_all, sampled
from rather.feedback.demonstration import Demonstration
from rather.feedback.events import new_judgment
from rather.records import Labeller, Prompt
from rather.store import judgments
from rather.workspace import Workspace

Ask = Callable[..., Prompt]
ANN = Labeller("ann", "Ann", is_simulated=False)


def test_a_sample_is_spread_evenly() -> None:
    assert sampled("abcdefgh", 4) == ["a", "c", "e", "g"]
    assert sampled("abc", 4) == ["a", "b", "c"]
    assert sampled([], 4) == []


def test_how_many_were_looked_at_is_said() -> None:
    assert of_all(12, 12, "prompts") == "all 12 prompts"
    assert of_all(200, 1300, "prompts") == "200 of 1300 prompts"


def test_what_is_learnt_from_goes_before_what_was_only_sampled(
    judged_ws: Workspace, ask: Ask, answer: Callable[..., None]
) -> None:
    prompt = ask(judged_ws, "Question 0?")
    answer(judged_ws, prompt, "Nobody judged this.")
    shown = new_judgment(prompt.id, ANN, Demonstration("Shown."))
    judgments.record(judged_ws.db, shown)
    texts = [one.text for one in Patient(judged_ws).answers]
    assert len(texts) == 8 * 2 + 1
    assert "Shown." in texts and "Nobody judged this." not in texts


def test_an_answer_judged_twice_is_looked_at_once(
    ws: Workspace, ask: Ask, prefer: Callable[..., None]
) -> None:
    prompt = ask(ws, "Why?")
    prefer(ws, prompt, "a", "b")
    prefer(ws, prompt, "a", "c")
    assert [one.text for one in Patient(ws).answers] == ["a", "b", "c"]


def test_before_judgments_sampled_answers_are_looked_at(
    ws: Workspace, ask: Ask, answer: Callable[..., None]
) -> None:
    prompt = ask(ws, "Why?")
    answer(ws, prompt, "Because.")
    answer(ws, prompt, "Beca", cut_off=True)
    answer(ws, prompt, " ")
    assert Patient(ws).answers == [Answer(prompt, "Because."), Answer(prompt, "Beca", True)]


def test_what_cannot_be_encoded_is_kept_with_its_reason(
    ws: Workspace, ask: Ask, answer: Callable[..., None]
) -> None:
    answer(ws, ask(ws, "x" * 300), "a")
    patient = Patient(ws)
    with pytest.raises(NotYet, match="no completion can be encoded with its prompt"):
        _ = patient.encoded
    assert "takes 319 tokens" in patient.refused_answers[0]
    with pytest.raises(NotYet, match="no prompt can be encoded"):
        _ = patient.encoded_prompts


def test_probes_are_short(ws: Workspace, ask: Ask, answer: Callable[..., None]) -> None:
    answer(ws, ask(ws, "x" * 60), "y" * 60)
    (probe,) = Patient(ws).probes
    assert len(probe.prompt_ids) == len(probe.completions[0]) == MOST_PROBE_TOKENS
    # of the prompt the end, which the template writes
    assert probe.prompt_ids[-1] == Patient(ws).codec.prompt_ids(ask(ws, "z"))[-1]
