"""Sampling: nothing twice, nothing lost, and no draw depends on what is sampled beside it."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rather.data.identity import completion_id
from rather.progress import _Task
from rather.records import Completion, Message, Prompt
from rather.stages import sampling
from rather.stages.sampling import Counts, Drawn, answer, plan, sample_all, seed_of, settings_of
from rather.store import completions, prompts
from rather.workspace import Workspace

Wanted = Sequence[tuple[Prompt, tuple[int, ...]]]


def stored(ws: Workspace) -> set[tuple[str, int, str]]:
    return {(one.prompt_id, one.seed, one.text) for one in completions.all(ws.db)}


def test_every_prompt_gets_its_answers(ws: Workspace) -> None:
    made = sample_all(ws, ws.config.sample)
    found = completions.all(ws.db)
    assert (made.stored, len(found)) == (33, 33)
    assert set(Counter(one.prompt_id for one in found).values()) == {3}
    for one in found:
        assert (one.model, one.sampling) == (
            "base",
            {"temperature": 1.0, "top_p": 1.0, "max_new_tokens": 8},
        )
        assert one.id == completion_id(one.prompt_id, "base", one.sampling, one.seed, one.text)
        assert 1 <= one.num_tokens <= 8
    assert made.tokens >= sum(one.num_tokens for one in found)


def test_what_is_there_is_not_sampled_again(ws: Workspace) -> None:
    sample_all(ws, ws.config.sample)
    before = stored(ws)
    assert plan(ws, ws.config.sample) == []
    assert sample_all(ws, ws.config.sample) == Counts()
    more = ws.configured({"sample": {"num_completions": 5}}).config.sample
    assert {number for *_, number in plan(ws, more)} == {2}
    sample_all(ws, more)
    assert stored(ws) > before
    assert len(stored(ws)) == 55


@pytest.mark.parametrize("settings", [{"batch_size": 2}, {"batch_size": 1}])
def test_batches_change_nothing(new_ws: Callable[..., Workspace], settings: dict[str, Any]) -> None:
    whole, cut = new_ws("whole"), new_ws("cut")
    sample_all(whole, whole.config.sample)
    sample_all(cut, cut.configured({"sample": settings}).config.sample)
    assert stored(whole) == stored(cut)


def test_a_killed_sampling_goes_on_to_the_same_answers(
    new_ws: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = (
        new_ws(name).configured({"sample": {"batch_size": 4}}) for name in ("whole", "killed")
    )
    sample_all(whole, whole.config.sample)
    calls = [0]

    def dying(*arguments: Any) -> None:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyboardInterrupt
        answer(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(sampling, "answer", dying)
        sample_all(killed, killed.config.sample)
    assert len(stored(killed)) == 12  # the first four prompts' three answers
    sample_all(killed, killed.config.sample)
    assert stored(killed) == stored(whole)


def test_greedy_has_one_answer(ws: Workspace) -> None:
    section = ws.configured({"sample": {"temperatures": [0.0]}}).config.sample
    assert {number for *_, number in plan(ws, section)} == {1}
    assert sample_all(ws, section).stored == 11


def test_splits_models_and_temperatures_are_planned(ws: Workspace) -> None:
    settings = {"models": ["base", "newest"], "temperatures": [0.5, 1.0], "split": "heldout"}
    found = plan(ws, ws.configured({"sample": settings}).config.sample)
    # newest is base where there is no version: asked twice, planned under one name
    names = {(name, temperature) for name, temperature, *_ in found}
    assert names == {("base", 0.5), ("base", 1.0)}
    assert {prompt.split for _, _, prompt, _ in found} == {"heldout"}


class Scripted:
    """A writer that says what it is told, in turn."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.seeds: list[int] = []

    def __call__(
        self,
        wanted: Wanted,
        settings: dict[str, Any],
        advance: Callable[[int], None],
        ended: Callable[[int], None],
    ) -> list[list[Drawn]]:
        found = []
        for _, seeds in wanted:
            self.seeds += seeds
            found.append([Drawn(self.texts.pop(0), "stop", 2) for _ in seeds])
        advance(sum(2 * len(row) for row in found))
        ended(sum(map(len, found)))
        return found


def ask(ws: Workspace, writer: Scripted, number: int) -> Counts:
    made = Counts()
    prompt = prompts.all(ws.db)[0]
    answer(ws, writer, "base", [(prompt, number)], settings_of(ws.config.sample, 1.0), made)
    return made


def test_equal_and_empty_texts_are_drawn_again(ws: Workspace) -> None:
    writer = Scripted("a", "a", " ", "b", "a", "c")
    assert ask(ws, writer, 3) == Counts(stored=3, duplicates=0, tokens=12)
    assert sorted(one.text for one in completions.all(ws.db)) == ["a", "b", "c"]
    assert len(set(writer.seeds)) == 6  # never the same draw twice


def test_progress_counts_completions_as_they_end(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr(_Task, "advance", lambda self, n=1, note="": told.append(n))
    sample_all(ws, ws.config.sample)
    # Eleven prompts, three answers each, of at most eight tokens: they do not all end together.
    assert sum(told) == 33
    assert min(told) == 0
    assert len([number for number in told if number]) > 1


def test_what_is_drawn_again_is_told_once(ws: Workspace) -> None:
    ended: list[int] = []
    made = Counts(on_ended=ended.append)
    prompt = prompts.all(ws.db)[0]
    settings = settings_of(ws.config.sample, 1.0)
    answer(ws, Scripted("a", "a", "b"), "base", [(prompt, 2)], settings, made)
    assert ended == [2, 1]  # of those asked for last: two, and the one that was drawn again


def test_what_stays_equal_is_given_up(ws: Workspace) -> None:
    made = ask(ws, Scripted(*"aaaaaaaaa"), 3)
    assert (made.stored, made.duplicates) == (1, 2)
    assert len(completions.all(ws.db)) == 1


def test_what_an_evaluation_wrote_may_be_written_again(ws: Workspace) -> None:
    prompt = prompts.all(ws.db)[0]
    evaluated = Completion("e1", prompt.id, "a", "base", {"purpose": "evaluate"})
    completions.add(ws.db, [evaluated])
    assert ask(ws, Scripted("a"), 1).stored == 1


def test_seeds_tell_everything_apart() -> None:
    settings = {"temperature": 1.0}
    seeds = [
        seed_of(0, "p1", "base", settings, 0),
        seed_of(1, "p1", "base", settings, 0),
        seed_of(0, "p2", "base", settings, 0),
        seed_of(0, "p1", "ppo-1", settings, 0),
        seed_of(0, "p1", "base", {"temperature": 0.5}, 0),
        seed_of(0, "p1", "base", settings, 1),
    ]
    assert len(set(seeds)) == 6
    assert all(0 <= seed < 2**48 for seed in seeds)
    assert seeds[0] == seed_of(0, "p1", "base", settings, 0)


def test_a_prompt_beyond_the_context_is_counted(ws: Workspace) -> None:
    prompts.add(ws.db, [Prompt("long", (Message("user", "x" * 300),), "train")])
    made = sample_all(ws, ws.config.sample)
    assert (made.stored, made.too_long, made.duplicates) == (33, 3, 0)


@pytest.mark.parametrize("source", ["gold", "playground"])
def test_control_items_and_chats_are_not_sampled(ws: Workspace, source: str) -> None:
    prompts.add(ws.db, [Prompt("p", (Message("user", "Hi"),), "train", source=source)])
    assert len(plan(ws, ws.config.sample)) == 11
    assert "p" not in {prompt.id for _, _, prompt, _ in plan(ws, ws.config.sample)}
