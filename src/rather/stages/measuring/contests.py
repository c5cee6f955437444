"""`evaluate --human`: two models' answers, blind and side by side, before the people who label.

The pairs are completions of a purpose of their own, so the labelling app asks about them first and
about nothing else beside them; whoever judges sees a pair like any other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rather.data.identity import completion_id, digest
from rather.errors import UsageError
from rather.evaluation.contest import Met, Standing, left_share, standing
from rather.feedback import learning
from rather.feedback.agreement.labels import SOURCES
from rather.feedback.kinds import answer_of
from rather.feedback.pair import Pair
from rather.records import Completion, Judgment, Prompt
from rather.report.model import plain
from rather.store import completions, judgments
from rather.workspace import Workspace

Result = dict[str, Any]


@dataclass(frozen=True)
class Contest:
    """Two models before people: the win rate is the first one's."""

    id: str
    first: str
    second: str
    pairs: tuple[tuple[Completion, Completion], ...]
    """Of each prompt the first model's answer and the second's."""


def opponents(ws: Workspace, names: Sequence[str]) -> tuple[str, str]:
    """Whom people are to compare: the two named, or the one named and the baseline."""
    from rather.stages.runs import policy_name  # imported here: the report is read without torch

    resolved = list(dict.fromkeys(policy_name(ws, name) for name in names))
    if len(resolved) == 1:
        resolved.append(policy_name(ws, ws.config.evaluate.baseline))
    if len(resolved) != 2 or resolved[0] == resolved[1]:
        raise UsageError(
            "--human puts two models before people: name two, or one to stand against the baseline."
        )
    return resolved[0], resolved[1]


def put_before_people(ws: Workspace, names: tuple[str, str]) -> Result:
    """Put the pairs into the labelling app, once, and say how the contest stands."""
    # imported here: how a contest stands is read without torch
    from rather.stages.measuring.answers import answer, fitting, hand_of, held_out, sampling_of
    from rather.stages.runs import open_library

    library = open_library(ws)
    hands = [hand_of(ws, library, name) for name in names]
    asked = fitting(ws, held_out(ws), [hand.codec for hand in hands])
    id = digest([[hand.identity for hand in hands], names, sampling_of(ws)])[:16]
    for side, hand in enumerate(hands):
        given = [one for (one,) in answer(ws, hand, asked).completions]
        completions.add(ws.db, [_entered(one, id, side) for one in given])
    contest = next(one for one in all_contests(ws) if one.id == id)
    return standing_of(ws, _among(contest, asked), heard(ws))


def all_contests(ws: Workspace) -> list[Contest]:
    """Every contest whose answers the workspace has, in the order they began."""
    sides: dict[str, tuple[dict[str, Completion], dict[str, Completion]]] = {}
    for one in completions.all(ws.db):
        if one.contest:
            found = sides.setdefault(one.contest, ({}, {}))
            found[one.sampling["side"]].setdefault(one.prompt_id, one)
    return [
        Contest(id, _model(first), _model(second), _paired(first, second))
        for id, (first, second) in sides.items()
        if first and second
    ]


def heard(ws: Workspace) -> dict[frozenset[str], list[Pair]]:
    """What people said of each two completions; an admin's word stands for those it settles."""
    live = [one for one in judgments.live(ws.db, "pair") if not one.is_simulated]
    unheard = learning.passed_over(live)
    found: dict[frozenset[str], list[Pair]] = {}
    for one in live:
        if one.id not in unheard and _counts(one):
            said = answer_of(one)
            assert isinstance(said, Pair), "only pairs were asked for"
            found.setdefault(frozenset(said.completion_ids), []).append(said)
    return found


def standing_of(
    ws: Workspace, contest: Contest, said: Mapping[frozenset[str], Sequence[Pair]]
) -> Result:
    """How a contest stands, as JSON."""
    met = [
        Met(
            one.id,
            other.id,
            (one.num_tokens, other.num_tokens),
            one.text == other.text,
            tuple(said.get(frozenset((one.id, other.id)), ())),
        )
        for one, other in contest.pairs
    ]
    found = standing(met, (contest.first, contest.second))
    return plain(
        {
            "contest": contest.id,
            "first": contest.first,
            "second": contest.second,
            **asdict(found),
            "win_rate": found.win_rate._asdict(),
            "length_controlled": found.length_controlled._asdict(),
            "left_share": left_share(met)._asdict(),
            "num_labellers": _num_labellers(ws, contest),
            "where": _where(found),
        }
    )


def sentence(result: Result) -> str:
    """How it stands, in a line or two."""
    rate = result["win_rate"]
    stands = (
        f"{result['first']} beats {result['second']} in {rate['value']:.0%} "
        f"[{rate['low']:.0%}, {rate['high']:.0%}] of {rate['n']} pair{'s' * (rate['n'] != 1)}"
        if rate["n"]
        else "Nobody has judged a pair yet"
    )
    return (
        f"{stands} ({result['num_judged']} of {result['num_pairs']} judged by people, "
        f"{result['num_identical']} the same on both sides). {result['suggestion']}"
        f"{' ' if result['where'] else ''}{result['where']}"
    )


def _entered(one: Completion, contest: str, side: int) -> Completion:
    """A completion as it stands in a contest: asked about together with its opponent only."""
    sampling = {**one.sampling, "purpose": "contest", "contest": contest, "side": side}
    id = completion_id(one.prompt_id, one.model, sampling, one.seed, one.text)
    return replace(one, id=id, sampling=sampling)


def _among(contest: Contest, asked: Iterable[Prompt]) -> Contest:
    ids = {prompt.id for prompt in asked}
    return replace(contest, pairs=tuple(one for one in contest.pairs if one[0].prompt_id in ids))


def _paired(
    first: Mapping[str, Completion], second: Mapping[str, Completion]
) -> tuple[tuple[Completion, Completion], ...]:
    return tuple((one, second[prompt]) for prompt, one in first.items() if prompt in second)


def _model(side: Mapping[str, Completion]) -> str:
    return next(iter(side.values())).model


def _counts(judgment: Judgment) -> bool:
    return judgment.source in SOURCES or judgment.source == "resolution"


def _num_labellers(ws: Workspace, contest: Contest) -> int:
    ids = {frozenset((one.id, other.id)) for one, other in contest.pairs}
    live = judgments.live(ws.db, "pair")
    return len(
        {
            one.labeller_id
            for one in live
            if not one.is_simulated and frozenset(answer_of(one).completion_ids) in ids
        }
    )


def _where(found: Standing) -> str:
    """How people come to judge what is open."""
    if found.is_enough or found.num_judged + found.num_identical == found.num_pairs:
        return ""
    return "`rather label` asks them first; the same command again says how it stands."
