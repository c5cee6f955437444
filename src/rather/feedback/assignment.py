"""Which pair to ask whom next, and on which side to show what: pure, the same on every visit."""

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations

from rather.records import Completion, Judgment

CompletionPair = tuple[Completion, Completion]


def askable(completions: Iterable[Completion]) -> dict[str, list[Completion]]:
    """The completions to ask about, by prompt: each text once, none of evaluations or chats."""
    by_prompt: dict[str, dict[str, Completion]] = {}
    for completion in completions:
        if completion.text.strip() and completion.is_asked_about:
            texts = by_prompt.setdefault(completion.prompt_id, {})
            texts.setdefault(completion.text, completion)
    return {prompt_id: list(texts.values()) for prompt_id, texts in by_prompt.items()}


def candidate_pairs(completions: Iterable[Completion]) -> list[CompletionPair]:
    """Every pair of different texts that answer the same prompt."""
    return [pair for texts in askable(completions).values() for pair in combinations(texts, 2)]


def item_id(first_id: str, second_id: str) -> str:
    """The name of a pair, whichever of the two is mentioned first."""
    return "-".join(sorted((first_id, second_id)))


def side(key: bytes, item_id: str, labeller_id: str) -> bool:
    """True when this labeller sees the first completion of that pair on the left."""
    return bool(_digest(key, "side", item_id, labeller_id)[0] & 1)


def judged_by(judgments: Iterable[Judgment]) -> dict[str, set[str]]:
    """Who has judged each pair already: labeller ids by item id, from live judgments."""
    done: dict[str, set[str]] = {}
    for judgment in judgments:
        if judgment.kind == "pair":
            answer = judgment.answer
            item = item_id(answer["left_completion_id"], answer["right_completion_id"])
            done.setdefault(item, set()).add(judgment.labeller_id)
    return done


def next_pair(
    pairs: Sequence[CompletionPair],
    done: Mapping[str, Collection[str]],
    key: bytes,
    labeller_id: str,
) -> CompletionPair | None:
    """A pair that fewest people have judged and this labeller has not; None when all are done.

    Among equals the order is drawn once for each labeller, so that several begin with different
    pairs and each meets the same one again after a reload.
    """
    open_pairs = []
    for pair in pairs:
        item = item_id(pair[0].id, pair[1].id)
        judges = done.get(item, ())
        if labeller_id not in judges:
            open_pairs.append((len(judges), item, pair))
    if not open_pairs:
        return None
    fewest = min(num_judges for num_judges, _, _ in open_pairs)
    drawn = {
        _digest(key, "order", item, labeller_id): pair
        for num_judges, item, pair in open_pairs
        if num_judges == fewest
    }
    return drawn[min(drawn)]


def _digest(key: bytes, *parts: str) -> bytes:
    return hmac.new(key, "\x1f".join(parts).encode(), hashlib.sha256).digest()
