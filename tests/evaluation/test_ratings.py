"""Ratings of versions: where they are known, and where they say nothing about each other."""

import math

import pytest

from rather.evaluation.ratings import Game, games_of_scores, rate


def games(first: str, second: str, wins: int, losses: int) -> list[Game]:
    outcomes = [1.0] * wins + [0.0] * losses
    return [Game(f"p{n}", first, second, won) for n, won in enumerate(outcomes)]


def test_two_versions_by_hand() -> None:
    # 30 to 10, with half a win each: 400·log10(30.5 / 10.5) = 185.3
    (group,) = rate(games("ppo-1", "base", 30, 10))
    assert (group.anchor, [one.name for one in group.ratings]) == ("base", ["ppo-1", "base"])
    ppo, base = group.ratings
    assert ppo.rating == pytest.approx(1000 + 400 * math.log10(30.5 / 10.5))
    assert (base.rating, base.low, base.high) == (1000.0, 1000.0, 1000.0)
    assert ppo.num_games == base.num_games == 40
    # the share's standard error is √(¾·¼/40) = 0.068: logit(0.75 ± 1.96·0.068) on that scale
    assert ppo.low == pytest.approx(1000 + 400 * math.log10(0.616 / 0.384), abs=25)
    assert ppo.high == pytest.approx(1000 + 400 * math.log10(0.884 / 0.116), abs=60)


def test_what_never_met_is_in_another_group() -> None:
    found = rate([*games("a", "base", 3, 1), *games("c", "b", 2, 2), *games("d", "b", 4, 0)])
    assert [[one.name for one in group.ratings] for group in found] == [
        ["a", "base"],
        ["d", "b", "c"],
    ]
    assert [group.anchor for group in found] == ["base", "c"]


def test_many_judgments_of_one_prompt_are_hardly_more_than_one() -> None:
    spread = games("a", "base", 12, 8)
    repeated = [one._replace(prompt_id=f"p{n // 10}") for n, one in enumerate(spread)]
    (wide,), (narrow,) = rate(repeated), rate(spread)
    assert wide.ratings[0].rating == narrow.ratings[0].rating
    assert wide.ratings[0].high > narrow.ratings[0].high


def test_the_same_games_give_the_same_intervals() -> None:
    given = [*games("a", "base", 7, 3), *games("b", "a", 4, 6)]
    assert rate(given) == rate(given)


def test_games_from_scores() -> None:
    scores = {"base": [0.0, 1.0], "a": [1.0, 1.0], "b": [2.0, 0.0]}
    assert games_of_scores(["p", "q"], scores) == [
        Game("p", "base", "a", 0.0), Game("q", "base", "a", 0.5),
        Game("p", "base", "b", 0.0), Game("q", "base", "b", 1.0),
        Game("p", "a", "b", 0.0), Game("q", "a", "b", 1.0),
    ]  # fmt: skip
    assert rate([]) == []
    assert rate([Game("p", "a", "a", 1.0)]) == []  # against itself it learns nothing
