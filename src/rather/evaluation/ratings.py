"""Ratings of all versions from who was preferred to whom, with intervals over prompts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from rather.equations.ratings import ELO, Numbers, bradley_terry_strengths, components

ANCHORED_AT = 1000.0
NUM_DRAWS = 500
SEED = 20_260


class Game(NamedTuple):
    """One comparison of two versions' answers to one prompt."""

    prompt_id: str
    """Games about one prompt are drawn together: they are hardly independent."""
    first: str
    second: str
    outcome: float
    """1: the first was preferred, 0: the second, ½: a tie."""


class Rating(NamedTuple):
    """One version's place on the usual scale: 400 points more are odds of ten to one."""

    name: str
    rating: float
    low: float
    """2.5 % of the bootstrap draws lie below; the anchor has no width."""
    high: float
    num_games: int


@dataclass(frozen=True)
class Group:
    """Versions that a chain of comparisons ties together, the best first."""

    anchor: str
    """The version whose rating is 1000 by definition."""
    ratings: tuple[Rating, ...]


def rate(games: Sequence[Game], anchor: str = "base") -> list[Group]:
    """Bradley–Terry ratings with 95 % bootstrap intervals, a group for each connected part.

    Versions in different groups were never compared, not even through others, so their ratings say
    nothing about each other. Each group is anchored at `anchor`, or at its first version where that
    is not in it. The bootstrap (Efron 1979, https://doi.org/10.1214/aos/1176344552) draws prompts.
    """
    played = [game for game in games if game.first != game.second]
    names = list(dict.fromkeys(name for game in played for name in (game.first, game.second)))
    place = {name: number for number, name in enumerate(names)}
    edges = [(place[game.first], place[game.second]) for game in played]
    found = []
    for members in components(edges, len(names)):
        ours = {names[one] for one in members}
        own = [game for game in played if game.first in ours]
        ordered = sorted(ours, key=place.__getitem__)
        found.append(_rate_group(own, ordered, anchor if anchor in ours else ordered[0]))
    return found


def games_of_scores(prompt_ids: Sequence[str], scores: dict[str, Sequence[float]]) -> list[Game]:
    """Every two versions on every prompt, by one scorer's scores of their answers."""
    return [
        Game(prompt, one, other, (a > b) + 0.5 * (a == b))
        for one, other in combinations(scores, 2)
        for prompt, a, b in zip(prompt_ids, scores[one], scores[other], strict=True)
    ]


def _rate_group(games: Sequence[Game], names: Sequence[str], anchor: str) -> Group:
    tables = _tables(games, names)
    wins = tables.sum(axis=0)
    compared = (wins + wins.T) > 0
    num_prompts = len(tables)
    # how often each draw of as many prompts, with replacement, has each of them
    chances = np.full(num_prompts, 1 / num_prompts)
    times = np.random.default_rng(SEED).multinomial(num_prompts, chances, size=NUM_DRAWS)
    resampled = np.einsum("dp,pij->dij", times, tables)
    strengths = bradley_terry_strengths(np.concatenate([wins[None], resampled]), compared)
    zero = names.index(anchor)
    points = ANCHORED_AT + ELO * (strengths - strengths[:, zero : zero + 1])
    low, high = np.quantile(points[1:], [0.025, 0.975], axis=0).tolist()
    num_games = (wins + wins.T).sum(axis=1).tolist()
    rated = [
        Rating(name, value, below, above, round(number))
        for name, value, below, above, number in zip(
            names, points[0].tolist(), low, high, num_games, strict=True
        )
    ]
    return Group(anchor, tuple(sorted(rated, key=lambda one: (-one.rating, one.name))))


def _tables(games: Sequence[Game], names: Sequence[str]) -> Numbers:
    """[prompts, n, n] wins of row over column, prompt by prompt."""
    place = {name: number for number, name in enumerate(names)}
    prompts = {id: number for number, id in enumerate(dict.fromkeys(g.prompt_id for g in games))}
    found = np.zeros((len(prompts), len(names), len(names)))
    for game in games:
        row, a, b = prompts[game.prompt_id], place[game.first], place[game.second]
        found[row, a, b] += game.outcome
        found[row, b, a] += 1 - game.outcome
    return found
