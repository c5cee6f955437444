"""`sample`: who answers what, which of it is there already, and what is stored."""

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rather.config.stages import Sampling
from rather.data.identity import completion_id
from rather.data.tokens import Codec
from rather.models.roles import Policy
from rather.progress import Task
from rather.records import Completion, FinishReason, Prompt
from rather.rollout import endpoint
from rather.rollout.requests import Request, Settings
from rather.rollout.sampler import Sampler
from rather.stages.drawing import drawing_answers, require_served
from rather.stages.runs import open_library, policy_name
from rather.store import completions, prompts
from rather.workspace import Workspace

MAX_ATTEMPTS = 3
"""Times a completion equal to an earlier one is drawn again before it is given up."""


@dataclass(frozen=True)
class Drawn:
    """A completion as a writer gives it."""

    text: str
    finish_reason: FinishReason
    num_tokens: int


class Writer(Protocol):
    """Something that answers prompts: a policy of this workspace or an endpoint."""

    def __call__(
        self,
        wanted: Sequence[tuple[Prompt, tuple[int, ...]]],
        settings: dict[str, Any],
        advance: Callable[[int], None],
        ended: Callable[[int], None],
    ) -> list[list[Drawn]]:
        """Completions of each (prompt, seeds), one a seed; `advance` hears of tokens as they are
        made, `ended` how many of these completions are whole by then.

        None at all where a prompt does not fit the model's context.
        """


def policy_writer(policy: Policy, codec: Codec, sampler: Sampler) -> Writer:
    """A policy of this workspace."""

    def write(
        wanted: Sequence[tuple[Prompt, tuple[int, ...]]],
        settings: dict[str, Any],
        advance: Callable[[int], None],
        ended: Callable[[int], None],
    ) -> list[list[Drawn]]:
        fitting = {n: one for n, one in enumerate(wanted) if codec.fits(one[0])}
        drawn: list[list[Drawn]] = [[] for _ in wanted]
        if not fitting:
            return drawn
        requests = [Request(codec.prompt_ids(p), seeds) for p, seeds in fitting.values()]
        asked = Settings(stop_ids=codec.stop_ids, **settings)
        rows = sampler(policy, requests, asked, advance, ended)
        for n, row in zip(fitting, rows, strict=True):
            drawn[n] = [Drawn(codec.text(s.ids), s.finish_reason, len(s.ids)) for s in row]
        return drawn

    return write


def endpoint_writer(address: str) -> Writer:
    """An OpenAI-compatible server."""

    def write(
        wanted: Sequence[tuple[Prompt, tuple[int, ...]]],
        settings: dict[str, Any],
        advance: Callable[[int], None],
        ended: Callable[[int], None],
    ) -> list[list[Drawn]]:
        answers = endpoint.sample(address, wanted, settings)
        drawn = [[Drawn(a.text, a.finish_reason, a.num_tokens) for a in row] for row in answers]
        advance(sum(one.num_tokens for row in drawn for one in row))
        ended(sum(map(len, drawn)))
        return drawn

    return write


def writers(ws: Workspace, names: Iterable[str], sampler: Sampler) -> dict[str, Writer]:
    """A writer for each model named, by the name completions will carry; `sampler` draws for those
    of this workspace."""
    library = open_library(ws)
    found: dict[str, Writer] = {}
    for given in names:
        if endpoint.is_address(given):
            found[given] = endpoint_writer(given)
        else:
            name = policy_name(ws, given)
            policy = library.policy(name)
            require_served(ws, library, name, policy)
            found[name] = policy_writer(policy, library.codec(name), sampler)
    return found


@dataclass
class Counts:
    """What sampling did."""

    stored: int = 0
    duplicates: int = 0
    tokens: int = 0
    too_long: int = 0
    """Completions not drawn as their prompts do not fit the model's context."""
    on_tokens: Callable[[int], None] = field(default=lambda tokens: None, repr=False, compare=False)
    """Hears how many tokens were made so far, as they are made."""
    on_ended: Callable[[int], None] = field(default=lambda ended: None, repr=False, compare=False)
    """Hears how many completions of those asked for last are whole."""

    def count(self, tokens: int) -> None:
        """So many tokens more."""
        self.tokens += tokens
        self.on_tokens(self.tokens)


def plan(ws: Workspace, section: Sampling) -> list[tuple[str, float, Prompt, int]]:
    """(model, temperature, prompt, completions missing) of everything still to sample."""
    stored = prompts.all(ws.db, None if section.split == "all" else section.split)
    chosen = [prompt for prompt in stored if prompt.is_asked]
    have: dict[tuple[str, str, str], int] = {}
    for one in completions.all(ws.db):
        key = (one.prompt_id, one.model, repr(one.sampling))
        have[key] = have.get(key, 0) + 1
    found = []
    for given in section.models:
        name = given if endpoint.is_address(given) else policy_name(ws, given)
        for temperature in section.temperatures:
            settings = repr(settings_of(section, temperature))
            # greedy decoding has one answer, however often it is asked
            want = 1 if temperature == 0 else section.num_completions
            for prompt in chosen:
                missing = want - have.get((prompt.id, name, settings), 0)
                if missing > 0:
                    found.append((name, temperature, prompt, missing))
    return found


def sample_all(ws: Workspace, section: Sampling) -> Counts:
    """Sample what is missing, a batch of prompts at a time; every batch is stored at once."""
    todo = plan(ws, section)
    with (
        drawing_answers(ws) as sampler,
        ws.progress.track("sample", sum(n for *_, n in todo), "completions") as task,
    ):
        hands = writers(ws, dict.fromkeys(name for name, *_ in todo), sampler)
        shown = _Shown(task)
        made = Counts(on_tokens=shown.tokens, on_ended=shown.ended)
        for name, temperature in dict.fromkeys((name, t) for name, t, *_ in todo):
            wanted = [(p, n) for name_, t, p, n in todo if (name_, t) == (name, temperature)]
            settings = settings_of(section, temperature)
            for start in range(0, len(wanted), section.batch_size):
                batch = wanted[start : start + section.batch_size]
                answer(ws, hands[name], name, batch, settings, made)
                shown.batch_is_done(sum(number for _, number in batch))
    return made


class _Shown:
    """How far sampling is, told as completions end."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._began = time.monotonic()
        self._num_told = 0

    def tokens(self, total: int) -> None:
        self._task.advance(0, f"{total / (time.monotonic() - self._began):.0f} tokens/s")

    def ended(self, number: int) -> None:
        """So many of the batch; what is drawn again was told when it was drawn first."""
        self._task.advance(max(number - self._num_told, 0))
        self._num_told = max(number, self._num_told)

    def batch_is_done(self, size: int) -> None:
        self.ended(size)
        self._num_told = 0


def answer(
    ws: Workspace,
    writer: Writer,
    model: str,
    batch: Sequence[tuple[Prompt, int]],
    settings: dict[str, Any],
    made: Counts,
) -> None:
    """Sample and store one batch; equal texts are drawn again, then given up and counted."""
    known = {
        prompt.id: {
            one.text for one in completions.all(ws.db, prompt_ids=[prompt.id]) if one.is_asked_about
        }
        for prompt, _ in batch
    }
    missing = {prompt.id: number for prompt, number in batch}
    drawn_so_far = {prompt.id: len(known[prompt.id]) for prompt, _ in batch}
    kept: list[Completion] = []

    for _ in range(MAX_ATTEMPTS):
        wanted = []
        for prompt, _ in batch:
            first = drawn_so_far[prompt.id]
            drawn_so_far[prompt.id] += missing[prompt.id]
            numbers = range(first, first + missing[prompt.id])
            seeds = tuple(seed_of(ws.config.seed, prompt.id, model, settings, n) for n in numbers)
            if seeds:
                wanted.append((prompt, seeds))
        if not wanted:
            break
        rows = writer(wanted, settings, made.count, made.on_ended)
        for (prompt, seeds), row in zip(wanted, rows, strict=True):
            if not row:
                ws.progress.say(f"left out {prompt.id}: it is longer than the context of {model}")
                made.too_long += missing[prompt.id]
                missing[prompt.id] = 0
                continue
            for seed, one in zip(seeds, row, strict=True):
                if one.text.strip() and one.text not in known[prompt.id]:
                    known[prompt.id].add(one.text)
                    missing[prompt.id] -= 1
                    kept.append(_completion(prompt, model, settings, seed, one))
    made.stored += completions.add(ws.db, kept)
    made.duplicates += sum(missing.values())


def settings_of(section: Sampling, temperature: float) -> dict[str, Any]:
    """The sampling settings stored with each completion."""
    return {
        "temperature": temperature,
        "top_p": section.top_p,
        "max_new_tokens": section.max_new_tokens,
    }


def seed_of(seed: int, prompt_id: str, model: str, settings: dict[str, Any], number: int) -> int:
    """A completion's own seed: it depends on nothing that is sampled beside it."""
    key = "\x1f".join([str(seed), prompt_id, model, repr(settings), str(number)])
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big")


def _completion(
    prompt: Prompt, model: str, settings: dict[str, Any], seed: int, one: Drawn
) -> Completion:
    return Completion(
        id=completion_id(prompt.id, model, settings, seed, one.text),
        prompt_id=prompt.id,
        text=one.text,
        model=model,
        sampling=settings,
        seed=seed,
        finish_reason=one.finish_reason,
        num_tokens=one.num_tokens,
    )
