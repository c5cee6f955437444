"""Answers to held-out prompts, each made once: the same seeds for every model, kept with tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rather.data.batch import Row
from rather.data.identity import completion_id, digest
from rather.data.tokens import Codec
from rather.errors import DataError
from rather.models.library import Library
from rather.models.roles import Policy
from rather.models.source import fingerprint
from rather.records import Completion, Prompt
from rather.rollout.requests import Request, Settings
from rather.stages.drawing import drawing_answers, require_served
from rather.stages.measuring.saved import Saved
from rather.stages.sampling import seed_of
from rather.store import completions, prompts
from rather.workspace import Workspace

DECODED_TOGETHER = 64
"""Completions decoded at once; after so many they are on disk."""


@dataclass(frozen=True)
class Hand:
    """A model that answers."""

    name: str
    policy: Policy
    codec: Codec
    identity: str
    """What tells it from any other model of that name: weights, tokenizer, precision."""


@dataclass(frozen=True)
class Written:
    """What a model answered: `completions[n]` and `rows[n]` are about prompt n."""

    completions: tuple[tuple[Completion, ...], ...]
    rows: tuple[Row, ...]


def hand_of(ws: Workspace, library: Library, name: str) -> Hand:
    """The model of that name with its tokenizer."""
    policy, codec = library.policy(name), library.codec(name)
    require_served(ws, library, name, policy)
    version = library.versions.get(name)
    made = [version.run_id, version.created_at] if version else []
    weights = [fingerprint(library.folder_of(name)), made]
    return Hand(name, policy, codec, identity_of(ws, codec, weights))


def identity_of(ws: Workspace, codec: Codec, weights: Any) -> str:
    """What tells a model's answers from those of other weights, tokenizers, precisions or
    engines."""
    engine = ws.config.rollout.engine
    own = [] if engine == "local" else [engine]
    return digest([weights, codec.fingerprint, ws.config.dtype, *own])[:16]


def held_out(ws: Workspace) -> list[Prompt]:
    """The held-out prompts to answer; DataError where there are none."""
    stored = [prompt for prompt in prompts.all(ws.db, "heldout") if prompt.is_asked]
    found = stored[: ws.config.evaluate.num_prompts]
    if not found:
        raise DataError(
            "There are no held-out prompts to evaluate on; import more prompts, or raise "
            "heldout_fraction before importing."
        )
    return found


def fitting(ws: Workspace, asked: Sequence[Prompt], codecs: Sequence[Codec]) -> list[Prompt]:
    """The prompts every model has room for; the others are named."""
    found = [prompt for prompt in asked if all(codec.fits(prompt) for codec in codecs)]
    for prompt in asked:
        if prompt not in found:
            ws.progress.say(f"left out {prompt.id}: it is longer than a model's context")
    if not found:
        raise DataError("No held-out prompt fits into the models' context; import shorter ones.")
    return found


def sampling_of(ws: Workspace) -> dict[str, Any]:
    """How evaluated answers are sampled, as it stands beside each."""
    section = ws.config.evaluate
    return {
        "temperature": section.temperature,
        "top_p": 1.0,
        "max_new_tokens": section.max_new_tokens,
        "purpose": "evaluate",
    }


def answer(ws: Workspace, hand: Hand, asked: Sequence[Prompt], number: int = 1) -> Written:
    """So many answers of a model to each prompt, stored; what it answered before is not made again.

    Answer n of a prompt has the same seed whoever gives it. Kept are the tokens, by everything that
    decides them: weights, tokenizer, precision, sampling settings and seed.
    """
    sampling = sampling_of(ws)
    seeds = {
        prompt.id: [
            seed_of(ws.config.seed, prompt.id, "evaluate", sampling, n) for n in range(number)
        ]
        for prompt in asked
    }
    key = digest([hand.identity, sampling])[:16]
    saved = Saved(ws.runs_dir / "answers" / f"{key}.json")
    _make_missing(ws, hand, asked, seeds, saved)
    made, rows = [], []
    for prompt in asked:
        given = [saved.get(_name(prompt, seed)) for seed in seeds[prompt.id]]
        ids = [tuple(one["ids"]) for one in given]
        rows.append(Row(hand.codec.prompt_ids(prompt), tuple(ids)))
        made.append(
            tuple(
                _completion(hand, prompt, sampling, seed, one)
                for seed, one in zip(seeds[prompt.id], given, strict=True)
            )
        )
    completions.add(ws.db, [one for row in made for one in row])
    return Written(tuple(made), tuple(rows))


def _make_missing(
    ws: Workspace,
    hand: Hand,
    asked: Sequence[Prompt],
    seeds: dict[str, list[int]],
    saved: Saved,
) -> None:
    section = ws.config.evaluate
    settings = Settings(section.temperature, section.max_new_tokens, hand.codec.stop_ids)
    missing = [
        (prompt, seed)
        for prompt in asked
        for seed in seeds[prompt.id]
        if saved.get(_name(prompt, seed)) is None
    ]
    total = sum(map(len, seeds.values()))
    if len(missing) < total:
        ws.progress.say(f"{hand.name}: {total - len(missing)} of {total} answers are there already")
    with (
        drawing_answers(ws) as sampler,
        ws.progress.track(f"answers of {hand.name}", len(missing), "answers") as task,
    ):
        for start in range(0, len(missing), DECODED_TOGETHER):
            part = missing[start : start + DECODED_TOGETHER]
            requests = [Request(hand.codec.prompt_ids(prompt), (seed,)) for prompt, seed in part]
            sampled = sampler(hand.policy, requests, settings, lambda tokens: None)
            saved.keep(
                {
                    _name(prompt, seed): {"ids": one.ids, "finish_reason": one.finish_reason}
                    for (prompt, seed), (one,) in zip(part, sampled, strict=True)
                }
            )
            task.advance(len(part))


def _name(prompt: Prompt, seed: int) -> str:
    return f"{prompt.id}:{seed}"


def _completion(
    hand: Hand, prompt: Prompt, sampling: dict[str, Any], seed: int, given: dict[str, Any]
) -> Completion:
    text = hand.codec.text(tuple(given["ids"]))
    id = completion_id(prompt.id, hand.name, sampling, seed, text)
    reason = given["finish_reason"]
    return Completion(id, prompt.id, text, hand.name, sampling, seed, reason, len(given["ids"]))
