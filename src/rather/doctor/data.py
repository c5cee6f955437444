"""Prompts and judgments: copies, leaks between the splits, judgments that contradict each other."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from rather.doctor.finding import NUM_SHOWN, Check, Finding, graded, ok
from rather.doctor.patient import Patient
from rather.doctor.shown import question, quoted
from rather.records import Comparison, Prompt

MANY = 0.05
"""Share of prompts from which copies matter to the result."""
MANY_CONTRADICTIONS = 0.2
"""Share of pairs judged again; people agree in four of five easy comparisons."""
IDENTICAL = "its texts are identical"
"""The reason `feedback.learning` gives."""

Pair = tuple[str, str, str]
"""Prompt id and two texts, the better one first."""


def folded(prompt: Prompt) -> str:
    """A prompt's text, in which case, white space and the way of writing characters are equal."""
    text = "\x1f".join(f"{message.role} {message.content}" for message in prompt.messages)
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _alike(prompts: Iterable[Prompt]) -> list[list[Prompt]]:
    """Prompts by folded text, the groups of more than one."""
    groups: dict[str, list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        groups[folded(prompt)].append(prompt)
    return [group for group in groups.values() if len(group) > 1]


def copies(patient: Patient) -> Finding:
    """Prompts of one split that differ in white space or case only."""
    prompts = patient.prompts
    groups = [
        group
        for split in ("train", "heldout")
        for group in _alike(prompt for prompt in prompts if prompt.split == split)
    ]
    extra = sum(len(group) - 1 for group in groups)
    if not groups:
        return ok(f"all {len(prompts)} prompts are different")
    return Finding(
        graded(extra / len(prompts), MANY, "warning", "note"),
        f"all {len(prompts)} prompts: {extra} repeat another one but for white space or case",
        "what is asked twice counts twice, in training and in the intervals of the evaluation",
        "keep one of each in the file, and import it into a new workspace",
        tuple(" = ".join(question(prompt) for prompt in group[:3]) for group in groups[:NUM_SHOWN]),
    )


def leaks(patient: Patient) -> Finding:
    """Held-out prompts that are training prompts too, but for white space or case."""
    prompts = patient.prompts
    held_out = sum(prompt.split == "heldout" for prompt in prompts)
    if not held_out:
        return Finding(
            "warning",
            f"none of {len(prompts)} prompts is held out",
            "nothing that is trained can be evaluated on prompts it has not seen",
            "import more prompts, or import them into a new workspace with a larger "
            "heldout_fraction",
        )
    groups = [group for group in _alike(prompts) if len({one.split for one in group}) == 2]
    leaked = [one for group in groups for one in group if one.split == "heldout"]
    if not leaked:
        return ok(f"none of {held_out} held-out prompts is among the training prompts")
    return Finding(
        graded(len(leaked) / held_out, MANY, "problem", "warning"),
        f"{len(leaked)} of {held_out} held-out prompts are among the training prompts but for "
        "white space or case",
        "the evaluation asks what was trained on, so its win rates are too good",
        "keep one of each in the file, and import it into a new workspace",
        tuple(question(prompt) for prompt in leaked[:NUM_SHOWN]),
    )


def contradictions(patient: Patient) -> Finding:
    """Pairs judged both ways, judged again, in a circle, or between identical texts."""
    comparisons = patient.comparisons
    wins = Counter(win for comparison in comparisons for win in _wins(comparison))
    pairs = {(prompt, *sorted((a, b))) for prompt, a, b in wins}
    both_ways = sorted({(p, *sorted((a, b))) for p, a, b in wins if (p, b, a) in wins})
    circles = _circles(wins)
    again = sum(wins.values()) - len(wins)
    identical = patient.dropped.counts.get(IDENTICAL, 0)
    found = (
        f"{len(comparisons)} comparisons of {len(pairs)} pairs: {len(both_ways)} pairs are judged "
        f"both ways, {len(circles)} prompts have longer circles, {again} verdicts repeat an "
        f"earlier one, {identical} judgments are between identical texts"
    )
    if not (both_ways or circles or again or identical):
        return ok(found)
    shown = [f"{quoted(a, 34)} and {quoted(b, 34)}" for _, a, b in both_ways]
    shown += [" > ".join(quoted(text, 20) for text in circle) for circle in circles]
    share = (len(both_ways) + len(circles)) / max(len(pairs), 1)
    return Finding(
        graded(share, MANY_CONTRADICTIONS, "warning", "note"),
        found,
        "all are learnt from except identical texts: opinions both ways cancel out to no "
        "preference, a repeated verdict weighs more; some contradiction between people is normal",
        "where it is much: make the guidelines (label.guidelines) clearer, and look whether one "
        "labeller or one import differs from the others",
        tuple(shown[:NUM_SHOWN]),
    )


def _wins(comparison: Comparison) -> list[Pair]:
    """Every (better, worse) pair of one comparison."""
    texts = list(zip(comparison.completions, comparison.ranks, strict=True))
    return [(comparison.prompt.id, a, b) for a, high in texts for b, low in texts if high < low]


def _circles(wins: Counter[Pair]) -> list[list[str]]:
    """One circle a > b > c > a for each prompt that has one of three texts or more."""
    below: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for prompt, better, worse in wins:
        if (prompt, worse, better) not in wins:
            below[prompt][better].add(worse)
    found = []
    for graph in below.values():
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as circle:
            found.append(list(reversed(circle.args[1])))
    return found


CHECKS = (
    Check("texts", "copies", "Is any prompt there twice but for white space or case?", copies),
    Check("texts", "leaks", "Is any held-out prompt also a training prompt?", leaks),
    Check("texts", "contradictions", "Do judgments repeat or contradict others?", contradictions),
)
