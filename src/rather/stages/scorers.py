"""What PPO is rewarded by: a reward version, a gold or Python function, or a weighted mix."""

import re
from collections.abc import Sequence

from rather.data.batch import Row
from rather.data.judged import Text
from rather.data.tokens import Codec
from rather.errors import UsageError
from rather.feedback import gold
from rather.models.library import Library
from rather.records import Prompt
from rather.rollout.rollout import Scorer, score_rows
from rather.stages.runs import reward_name
from rather.workspace import Workspace

TERM = re.compile(r"(?:(?P<weight>[-+]?\d+(?:\.\d+)?)\s*\*\s*)?(?P<name>[\w.:-]+)")


def parse_mix(text: str) -> list[tuple[float, str]]:
    """`0.7*reward-1 + 0.3*rules` -> [(0.7, "reward-1"), (0.3, "rules")]; or UsageError."""
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
    """Whether a term names a reward version rather than a function."""
    return name == "newest" or name.startswith("reward-")


def resolved_mix(ws: Workspace, text: str) -> list[tuple[float, str]]:
    """The terms of a reward, with `newest` replaced by its version; UsageError for unknown ones."""
    terms = parse_mix(text)
    for _, name in terms:
        if not is_reward_model(name):
            gold.resolve(name, ws.config.rules)  # before any weights load
    return [
        (weight, reward_name(ws, name) if is_reward_model(name) else name) for weight, name in terms
    ]


def make_scorer(
    ws: Workspace,
    library: Library,
    mix: Sequence[tuple[float, str]],
    codec: Codec,
    microbatch_tokens: int,
) -> Scorer:
    """One scorer for a mix; `codec` is the tokenizer of the rows it will see."""
    parts = [
        (
            weight,
            _by_model(library, name, codec, microbatch_tokens)
            if is_reward_model(name)
            else _by_function(ws, name, codec),
        )
        for weight, name in mix
    ]

    def scorer(prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
        found = [(weight, part(prompts, rows)) for weight, part in parts]
        return [
            [sum(w * scores[r][n] for w, scores in found) for n in range(len(row.completions))]
            for r, row in enumerate(rows)
        ]

    return scorer


def _by_model(library: Library, name: str, codec: Codec, microbatch_tokens: int) -> Scorer:
    """A reward model; rows of another tokenizer are encoded again from their text."""
    model, own = library.reward_model(name), library.codec(name)

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
