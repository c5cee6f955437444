"""Ratings of all versions: from what people said, from what simulators said, and from scores."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from rather.errors import DataError
from rather.evaluation.ratings import Game, Group, games_of_scores, rate
from rather.feedback import learning
from rather.feedback.agreement.labels import SOURCES
from rather.feedback.kinds import answer_of
from rather.feedback.pair import Pair
from rather.feedback.ranking import Ranking
from rather.records import Completion, Judgment
from rather.report.model import plain
from rather.store import completions, judgments, prompts
from rather.workspace import Workspace

Result = dict[str, Any]
NO_GAMES = "no answers of two versions to a held-out prompt were compared"


def ratings(ws: Workspace, evaluation: Result | None = None) -> dict[str, Result]:
    """Ratings by everybody who compared versions' answers to held-out prompts.

    "people" and "simulated" are the workspace's judgments, the others the scorers of an evaluation.
    """
    live = [one for one in judgments.live(ws.db) if one.source in {*SOURCES, "resolution"}]
    unheard = learning.passed_over(live)
    heard = [one for one in live if one.id not in unheard]
    texts = {one.id: one for one in completions.all(ws.db)}
    asked = {prompt.id for prompt in prompts.all(ws.db, "heldout") if prompt.is_asked}
    said = {
        "people": games_of((one for one in heard if not one.is_simulated), texts, asked),
        "simulated": games_of((one for one in heard if one.is_simulated), texts, asked),
    }
    anchor = "base"
    if evaluation is not None:
        anchor = evaluation["baseline"]
        said |= _by_scorers(evaluation)
    return {who: _json(rate(games, anchor), games) for who, games in said.items()}


def games_of(
    said: Iterable[Judgment], texts: Mapping[str, Completion], asked: set[str]
) -> list[Game]:
    """Every judgment that compares answers of different models, pair by pair.

    Only of held-out prompts: on the others, what was trained on them has an advantage.
    """
    found: list[Game] = []
    for one in said:
        if one.prompt_id not in asked or one.kind not in ("pair", "ranking"):
            continue
        try:
            answer = answer_of(one)
        except DataError:  # what it says wrongly is told where judgments are learnt from
            continue
        for first, second, outcome in _outcomes(answer):
            models = [texts[id].model for id in (first, second) if id in texts]
            if len(models) == 2 and models[0] != models[1]:
                found.append(Game(one.prompt_id, models[0], models[1], outcome))
    return found


def sentence(found: Mapping[str, Result]) -> str:
    """Who leads by whom, and which versions cannot be compared; empty where there is nothing."""
    said = []
    for who, result in found.items():
        if len(result["groups"]) > 1:
            parts = " | ".join(
                ", ".join(one["name"] for one in group["ratings"]) for group in result["groups"]
            )
            said.append(f"by {who} these groups were never compared with each other: {parts}")
    return "; ".join(said)


def _outcomes(answer: Any) -> Sequence[tuple[str, str, float]]:
    if isinstance(answer, Pair):
        won = {"A": 1.0, "B": 0.0, "tie": 0.5, "both_bad": 0.5}[answer.choice]
        return [(answer.left_completion_id, answer.right_completion_id, won)]
    assert isinstance(answer, Ranking), "no other kind compares"
    ranked = zip(answer.completion_ids, answer.ranks, strict=True)
    return [
        (one, other, (a < b) + 0.5 * (a == b)) for (one, a), (other, b) in combinations(ranked, 2)
    ]


def _by_scorers(evaluation: Result) -> dict[str, list[Game]]:
    models = evaluation["models"]
    return {
        role: games_of_scores(
            evaluation["prompts"], {name: one["scores"][role] for name, one in models.items()}
        )
        for role in evaluation["scorers"]
    }


def _json(groups: Sequence[Group], games: Sequence[Game]) -> Result:
    return plain(
        {
            "num_games": len(games),
            "reason": "" if groups else NO_GAMES,
            "groups": [
                {"anchor": one.anchor, "ratings": [rated._asdict() for rated in one.ratings]}
                for one in groups
            ],
        }
    )
