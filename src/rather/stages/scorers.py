"""What PPO is rewarded by: a reward version, a gold or Python function, or a weighted mix."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from rather.data.batch import Row
from rather.data.judged import Text
from rather.data.tokens import Codec
from rather.errors import UsageError
from rather.feedback import gold
from rather.feedback.words import prompt_text
from rather.models.library import Library
from rather.models.roles import RewardModel
from rather.records import Prompt
from rather.rollout.endpoint import is_address
from rather.rollout.mix import Ensemble, Mix
from rather.rollout.remote_scorer import remote_scores
from rather.rollout.rollout import Scorer, TokenScorer
from rather.rollout.tables import score_rows
from rather.stages.runs import reward_name
from rather.workspace import Workspace

NUMBER = r"[-+]?\d+(?:\.\d+)?"
TERM = re.compile(
    rf"(?:(?P<weight>{NUMBER})\s*\*\s*)?(?P<name>https?://\S+|[\w.:-]+(?:,[\w.:-]+)*)"
)
FOLDED = 64
"""Completions sent to a remote scorer together."""


def parse_mix(text: str) -> list[tuple[float, str]]:
    """`0.7*reward-1 + 0.3*rules` -> [(0.7, "reward-1"), (0.3, "rules")]; or UsageError.

    Reward models joined by commas are an ensemble, and stay one term.
    """
    parts = []
    for piece in re.split(r"\s\+\s|\+(?=\s*\d)", text.strip()):
        match = TERM.fullmatch(piece.strip())
        if match is None:
            raise UsageError(
                f"ppo.reward: {piece.strip()!r} is not a reward; write a name, or a mix like "
                "`0.7*reward-1 + 0.3*my_rules:score`."
            )
        parts.append((float(match["weight"] or 1.0), match["name"]))
    return parts


def is_reward_model(name: str) -> bool:
    """Whether a term names a reward version, or several, rather than a function or a server."""
    return all(one == "newest" or one.startswith("reward-") for one in name.split(","))


def reward_models(mix: Sequence[tuple[float, str]]) -> tuple[str, ...]:
    """Every reward version a mix asks."""
    return tuple(one for _, name in mix if is_reward_model(name) for one in name.split(","))


def resolved_mix(ws: Workspace, text: str) -> list[tuple[float, str]]:
    """The terms of a reward, with `newest` replaced by its version; UsageError for unknown ones."""
    return [(weight, _resolved(ws, name)) for weight, name in parse_mix(text)]


def _resolved(ws: Workspace, name: str) -> str:
    if is_reward_model(name):
        return ",".join(reward_name(ws, one) for one in name.split(","))
    if not is_address(name):
        gold.resolve(name, ws.config.rules)  # before any weights load
    return name


def identity(ws: Workspace, mix: Sequence[tuple[float, str]]) -> list[list[Any]]:
    """What tells a resolved mix from any other, JSON-able: change it, and it is another run."""
    functions = [
        "" if is_reward_model(name) or is_address(name) else gold.fingerprint(name, ws.config.rules)
        for _, name in mix
    ]
    return [[*term, function] for term, function in zip(mix, functions, strict=True)]


def make_scorer(
    ws: Workspace,
    library: Library,
    mix: Sequence[tuple[float, str]],
    codec: Codec,
    microbatch_tokens: int,
) -> Scorer:
    """One scorer for a mix; `codec` is the tokenizer of the rows it will see."""
    return Mix(
        tuple(
            (weight, _one_scorer(ws, library, name, codec, microbatch_tokens))
            for weight, name in mix
        )
    )


def _one_scorer(
    ws: Workspace, library: Library, name: str, codec: Codec, microbatch_tokens: int
) -> Scorer:
    if is_address(name):
        return _by_server(name, codec)
    if not is_reward_model(name):
        return _by_function(ws, name, codec)
    members = tuple(
        _by_model(model, library.codec(one), codec, microbatch_tokens)
        for one in name.split(",")
        for model in library.reward_members(one)
    )
    return members[0] if len(members) == 1 else Ensemble(members, ws.config.ppo.shaping)


def _by_model(model: RewardModel, own: Codec, codec: Codec, microbatch_tokens: int) -> Scorer:
    """A reward model; rows of another tokenizer are encoded again from their text."""

    def scorer(prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
        if own.fingerprint != codec.fingerprint:
            rows = [
                own.row(prompt, tuple(_text_of(codec, c) for c in row.completions))
                for prompt, row in zip(prompts, rows, strict=True)
            ]
        return score_rows(model, rows, microbatch_tokens)

    return scorer


def _text_of(codec: Codec, ids: tuple[int, ...]) -> Text:
    """A completion's text and whether it was cut off; one without text counts as ended."""
    text = codec.text(ids)
    return text, bool(text) and not codec.stops(ids)


def _by_function(ws: Workspace, name: str, codec: Codec) -> Scorer:
    """A gold score or a user's function of the texts."""
    function = gold.resolve(name, ws.config.rules).score

    def scorer(prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
        return [
            [function(prompt, codec.text(completion)) for completion in row.completions]
            for prompt, row in zip(prompts, rows, strict=True)
        ]

    return scorer


def _by_server(url: str, codec: Codec) -> Scorer:
    """A reward behind HTTP, asked for a few dozen completions at a time."""

    def scorer(prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
        flat = [
            (prompt, codec.text(completion))
            for prompt, row in zip(prompts, rows, strict=True)
            for completion in row.completions
        ]
        scores: list[float] = []
        for start in range(0, len(flat), FOLDED):
            scores += remote_scores(url, flat[start : start + FOLDED])
        given = iter(scores)
        return [[next(given) for _ in row.completions] for row in rows]

    return scorer


def make_token_scorer(name: str | None, codec: Codec) -> TokenScorer | None:
    """The user's function of a prompt's text and a completion's tokens, as text, one by one."""
    if name is None:
        return None
    function = gold.load_function(name)

    def scorer(prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[list[float]]]:
        return [
            [_token_scores(function, name, prompt, codec, ids) for ids in row.completions]
            for prompt, row in zip(prompts, rows, strict=True)
        ]

    return scorer


def _token_scores(
    function: Callable[..., Any], name: str, prompt: Prompt, codec: Codec, ids: tuple[int, ...]
) -> list[float]:
    given = function(prompt_text(prompt), codec.token_texts(ids))
    try:
        numbers = [float(number) for number in given]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != len(ids) or not all(map(math.isfinite, numbers)):
        raise UsageError(
            f"ppo.shaping.token_function: {name} must return one finite number for each of the "
            f"{len(ids)} tokens it was given (prompt {prompt.id})."
        )
    return numbers
