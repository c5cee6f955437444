"""What the context of 256 tokens has no room for."""

from collections.abc import Callable

from rather.doctor.finding import Finding
from rather.records import Prompt
from rather.workspace import Workspace

Look = Callable[[Workspace, str], Finding]
Ask = Callable[..., Prompt]


def test_what_fits_is_measured(judged_ws: Workspace, look: Look) -> None:
    found = look(judged_ws, "prompts' length")
    # the template takes 19 tokens, `Question 0?` 11
    assert (found.severity, found.found) == (
        "ok",
        "all 8 prompts fit into 256 tokens; they take 30 in the middle and 30 at most",
    )
    # `Please, the 0.` takes 11, as ` the` is one, and the stop token
    found = look(judged_ws, "answers' length")
    assert (found.severity, found.found[-36:]) == ("ok", " the longest take 42 tokens together")


def test_prompts_without_room_are_named(judged_ws: Workspace, look: Look, ask: Ask) -> None:
    long = ask(judged_ws, "x" * 300)
    found = look(judged_ws, "prompts' length")
    assert found.severity == "warning"
    assert found.found.startswith("all 9 prompts: 1 cannot be put to the model")
    assert found.shown[0].startswith(f"Prompt {long.id} takes 319 tokens")


def test_only_prompts_without_room_are_a_problem(ws: Workspace, look: Look, ask: Ask) -> None:
    ask(ws, "x" * 300)
    assert look(ws, "prompts' length").severity == "problem"


def test_prompts_with_little_room_are_noted(judged_ws: Workspace, look: Look, ask: Ask) -> None:
    ask(judged_ws, "x" * 230)  # 249 tokens; ppo.max_new_tokens is 8
    found = look(judged_ws, "prompts' length")
    assert found.severity == "note"
    assert found.found.endswith("1 leave less room than the 8 tokens of ppo.max_new_tokens")


def test_answers_without_room_are_named(
    judged_ws: Workspace, look: Look, ask: Ask, prefer: Callable[..., None]
) -> None:
    prefer(judged_ws, ask(judged_ws, "Why?"), "x" * 300, "Short.")
    found = look(judged_ws, "answers' length")
    assert found.severity == "warning"
    assert found.found.startswith("all 18 completions: 1 do not fit together with their prompt")
    assert "takes 324 tokens" in found.shown[0]  # 19 + 4, 300 and the stop token
