"""What can be asked, of how many people, and in which order: pure, drawn with the secret."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal

from rather.config.labelling import Checks, Labelling, Overlap
from rather.feedback.items import item_name
from rather.feedback.kinds import KINDS
from rather.records import Completion, Kind, Prompt, Purpose

Standing = Literal["fine", "warned", "paused"]


@dataclass(frozen=True)
class Item:
    """One question, without any order."""

    name: str
    """`items.item_name`."""
    kind: Kind
    prompt_id: str
    completion_ids: tuple[str, ...]
    """In the order in which the store has them."""
    is_awaited: bool = False
    """Somebody waits for the answer (a contest of two models): asked before all others."""


def is_askable(completion: Completion) -> bool:
    """Whether people may be asked about it: it was made to be judged and says something; in a
    contest, where nothing may be left out, also if it is empty."""
    if completion.contest:
        return True
    return bool(completion.text.strip()) and completion.is_asked_about


def askable(completions: Iterable[Completion]) -> dict[str, dict[str, list[Completion]]]:
    """The completions to ask about, by prompt and contest ("" for none), each text once in each."""
    found: dict[str, dict[str, dict[str, Completion]]] = {}
    for one in filter(is_askable, completions):
        texts = found.setdefault(one.prompt_id, {}).setdefault(one.contest, {})
        texts.setdefault(one.text, one)
    return {
        prompt_id: {contest: list(texts.values()) for contest, texts in groups.items()}
        for prompt_id, groups in found.items()
    }


def items_of(
    prompt: Prompt, answers: Mapping[str, Sequence[str]], section: Labelling
) -> Iterator[Item]:
    """What is asked about one prompt and its askable answers (ids by contest).

    Those of a contest are asked about among themselves only, and as pairs whatever else is asked.
    """
    if not prompt.is_asked:
        return
    for contest, ids_of_group in {"": (), **answers}.items():
        kind = KINDS["pair" if contest else section.kind]
        if prompt.split == "heldout" and not kind.asks_heldout:
            continue
        for ids in kind.tasks(ids_of_group, section.ranking_size):
            name = item_name(kind.kind, prompt.id, ids)
            yield Item(name, kind.kind, prompt.id, ids, is_awaited=bool(contest))


def all_items(
    prompts: Iterable[Prompt], completions: Iterable[Completion], section: Labelling
) -> list[Item]:
    """Everything that can be asked."""
    answers = askable(completions)
    return [
        item
        for prompt in prompts
        for item in items_of(
            prompt,
            {
                contest: [one.id for one in group]
                for contest, group in answers.get(prompt.id, {}).items()
            },
            section,
        )
    ]


def asked_of(items: Iterable[Item], chosen: Set[str], section: Labelling) -> list[Item]:
    """Those of the items that are asked: once some were chosen, these and what is awaited."""
    if not (section.only_chosen and chosen):
        return list(items)
    return [item for item in items if item.name in chosen or item.is_awaited]


def wanted_judges(secret: bytes, overlap: Overlap, item: str) -> int:
    """How many people should judge an item; which are shared is drawn by chance, once."""
    if drawn(secret, "overlap", item) < overlap.shared_fraction:
        return max(overlap.judges, overlap.shared_judges)
    return overlap.judges


def share_of_more(overlap: Overlap) -> float:
    """Of all judgments wanted, the share that shared items need beyond the others'."""
    more = overlap.shared_fraction * max(0, overlap.shared_judges - overlap.judges)
    return more / (overlap.judges + more)


def purpose_of(secret: bytes, checks: Checks, labeller_id: str, number: int) -> Purpose:
    """Whether a labeller's question of that number is work, a control item or a repeat."""
    chance = drawn(secret, "purpose", labeller_id, str(number))
    if chance < checks.gold_fraction:
        return "gold"
    return "repeat" if chance < checks.gold_fraction + checks.repeat_fraction else "work"


def in_order(secret: bytes, labeller_id: str, num_pairs: int, item: Item) -> tuple[str, ...]:
    """The completions of an item as a labeller who had so many pairs before is to see them."""
    if item.kind == "pair":
        return sides(secret, labeller_id, num_pairs, item.completion_ids)
    return shuffled(secret, labeller_id, item.name, item.completion_ids)


def sides(
    secret: bytes, labeller_id: str, number: int, completion_ids: Sequence[str]
) -> tuple[str, ...]:
    """The two as this labeller's pair of that number: of two in a row, one is swapped."""
    is_swapped = (drawn(secret, "side", labeller_id, str(number // 2)) < 0.5) ^ bool(number % 2)
    first, second = completion_ids
    return (second, first) if is_swapped else (first, second)


def shuffled(
    secret: bytes, labeller_id: str, item: str, completion_ids: Iterable[str]
) -> tuple[str, ...]:
    """The completions in an order drawn for this labeller and item."""
    order = {id: drawn(secret, "order", labeller_id, item, id) for id in completion_ids}
    return tuple(sorted(order, key=lambda id: (order[id], id)))


def reordered(
    secret: bytes, labeller_id: str, item: str, shown: tuple[str, ...]
) -> tuple[str, ...]:
    """Another order than the one shown, for asking again: of two, the sides swapped."""
    if len(shown) < 3:
        return shown[::-1]
    again = shuffled(secret, labeller_id, f"{item} again", shown)
    return again if again != shown else again[1:] + again[:1]


def drawn(secret: bytes, *parts: str) -> float:
    """A number from 0 to 1 that only the secret and the parts decide."""
    digest = hmac.new(secret, "\x1f".join(parts).encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def standing(num_right: int, num_answered: int, checks: Checks) -> Standing:
    """What follows from so many right answers to control items."""
    if num_answered < checks.min_gold:
        return "fine"
    accuracy = num_right / num_answered
    if accuracy < checks.pause_below:
        return "paused"
    return "warned" if accuracy < checks.warn_below else "fine"
