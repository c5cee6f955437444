"""Copies, leaks and contradictions, planted and absent."""

from collections.abc import Callable

import pytest

from rather.doctor.data import folded
from rather.doctor.finding import Finding
from rather.doctor.patient import NotYet
from rather.feedback.events import new_judgment
from rather.feedback.pair import Pair
from rather.records import Completion, Labeller, Message, Prompt
from rather.store import completions, judgments
from rather.workspace import Workspace

Look = Callable[[Workspace, str], Finding]
Ask = Callable[..., Prompt]
Prefer = Callable[..., None]


@pytest.mark.parametrize("name", ["copies", "leaks", "contradictions"])
def test_without_prompts_there_is_nothing_to_look_at(ws: Workspace, look: Look, name: str) -> None:
    with pytest.raises(NotYet, match="no prompts; bring some with `rather import FILE`"):
        look(ws, name)


@pytest.mark.parametrize("name", ["copies", "leaks", "contradictions"])
def test_clean_data_is_well(judged_ws: Workspace, look: Look, name: str) -> None:
    assert look(judged_ws, name).severity == "ok"


def test_case_and_white_space_make_no_difference() -> None:
    def prompt(*contents: str) -> Prompt:
        return Prompt("p", tuple(Message("user", content) for content in contents), "train")

    assert folded(prompt("  What\n is  \uff29\uff34?")) == folded(prompt("what is it?"))
    assert folded(prompt("what", "is it?")) != folded(prompt("what is it?"))
    assert folded(prompt("what is it?")) != folded(prompt("what is it!"))


def test_copies_are_counted_and_shown(ws: Workspace, look: Look, ask: Ask) -> None:
    for text in ("Why?", "why?", " WHY?", "How?"):
        ask(ws, text)
    found = look(ws, "copies")
    assert found.severity == "warning"  # half of them
    assert found.found.startswith("all 4 prompts: 2 repeat another one")
    assert found.shown == ("“Why?” = “why?” = “ WHY?”",)


def test_a_copy_among_many_is_a_note(ws: Workspace, look: Look, ask: Ask) -> None:
    for number in range(30):
        ask(ws, f"Question {number}?")
    ask(ws, "question 7?")
    assert look(ws, "copies").severity == "note"


def test_a_leak_is_a_problem(judged_ws: Workspace, look: Look, ask: Ask) -> None:
    ask(judged_ws, "question  3?", "heldout")
    found = look(judged_ws, "leaks")
    assert found.severity == "problem"  # one of three
    assert found.found.startswith("1 of 3 held-out prompts are among the training prompts")
    assert found.shown == ("“question  3?”",)


def test_a_copy_across_the_splits_is_no_copy_but_a_leak(
    judged_ws: Workspace, look: Look, ask: Ask
) -> None:
    ask(judged_ws, "question 3?", "heldout")
    assert look(judged_ws, "copies").severity == "ok"


def test_nothing_held_out(ws: Workspace, look: Look, ask: Ask) -> None:
    ask(ws, "Why?")
    found = look(ws, "leaks")
    assert (found.severity, found.found) == ("warning", "none of 1 prompts is held out")


def test_judgments_both_ways(judged_ws: Workspace, look: Look, ask: Ask, prefer: Prefer) -> None:
    prompt = ask(judged_ws, "Question 0?")
    prefer(judged_ws, prompt, "No, 0!", "Please, the 0.")
    prefer(judged_ws, prompt, "No, 0!", "Please, the 0.")
    found = look(judged_ws, "contradictions")
    assert found.severity == "note"  # one of eight pairs
    assert "10 comparisons of 8 pairs: 1 pairs are judged both ways" in found.found
    assert "1 verdicts repeat an earlier one" in found.found
    assert found.shown == ("“No, 0!” and “Please, the 0.”",)


def test_identical_texts_are_counted(judged_ws: Workspace, look: Look, ask: Ask) -> None:
    prompt = ask(judged_ws, "Question 0?")
    twins = [Completion(f"c_{model}", prompt.id, "Same.", model) for model in ("base", "ppo-1")]
    completions.add(judged_ws.db, twins)
    ann = Labeller("ann", "Ann", is_simulated=False)
    given = new_judgment(prompt.id, ann, Pair("c_base", "c_ppo-1", "A"))
    judgments.record(judged_ws.db, given)
    found = look(judged_ws, "contradictions")
    assert found.severity == "note"
    assert found.found.endswith("1 judgments are between identical texts")


def test_a_circle_of_three(ws: Workspace, look: Look, ask: Ask, prefer: Prefer) -> None:
    prompt = ask(ws, "Why?")
    for better, worse in (("a", "b"), ("b", "c"), ("c", "a")):
        prefer(ws, prompt, better, worse)
    found = look(ws, "contradictions")
    assert found.severity == "warning"  # one circle in three pairs
    assert "1 prompts have longer circles" in found.found
    (circle,) = found.shown
    assert circle in {"“a” > “b” > “c” > “a”", "“b” > “c” > “a” > “b”", "“c” > “a” > “b” > “c”"}
