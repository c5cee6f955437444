"""What the report says of policies: win rates, contests, ratings, frontiers, samples."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rather.evaluation.samples import chosen_samples
from rather.feedback.pair import Pair
from rather.records import Prompt
from rather.report.evaluated import (
    JUDGES,
    Contest,
    FrontierPoint,
    PolicyResult,
    Rate,
    Rating,
    RatingTable,
)
from rather.report.format import percent
from rather.report.model import Answer, Sample
from rather.stages.measuring import contests, standings
from rather.store import prompts
from rather.workspace import Workspace

Result = dict[str, Any]


def models_of(result: Result) -> list[tuple[str, Result]]:
    """The models of an evaluation, the baseline first."""
    return list(result.get("models", {}).items())


def policies(result: Result, met: Sequence[Contest]) -> list[PolicyResult]:
    """Every model of an evaluation, with what people said of it against the baseline."""
    return [_policy(name, one, result, met) for name, one in models_of(result)]


def held_contests(ws: Workspace) -> list[Contest]:
    """Every contest before people, as it stands now."""
    said: Mapping[frozenset[str], Sequence[Pair]] = contests.heard(ws)
    found = [contests.standing_of(ws, one, said) for one in contests.all_contests(ws)]
    return [
        Contest(
            first=one["first"],
            second=one["second"],
            win_rate=_rate(one["win_rate"]) or Rate(float("nan"), 0.0, 1.0),
            length_controlled=_rate(one["length_controlled"]),
            num_pairs=one["num_pairs"],
            num_judged=one["num_judged"],
            num_labellers=one["num_labellers"],
            left_share=_rate(one["left_share"]) or Rate(float("nan"), 0.0, 1.0),
            suggestion=one["suggestion"],
        )
        for one in found
    ]


def rating_tables(ws: Workspace, result: Result) -> list[RatingTable]:
    """Ratings by everybody who compared versions; those by nobody are left out."""
    found = standings.ratings(ws, result or None)
    return [
        RatingTable(
            {"people": "human"}.get(who, who),
            tuple(
                tuple(Rating(**rated) for rated in group["ratings"]) for group in table["groups"]
            ),
        )
        for who, table in found.items()
        if table["groups"]
    ]


def frontiers(result: Result, sweeps: Sequence[Result]) -> dict[str, tuple[FrontierPoint, ...]]:
    """KL to the baseline and mean score by scorer: of evaluated models, runs step by step, and the
    best of n."""
    found: dict[str, list[FrontierPoint]] = {}
    for name, kl, means in _points(result, sweeps):
        for role, value in means.items():
            if value is not None and kl is not None:
                found.setdefault(role, []).append(FrontierPoint(name, kl, value))
    several = {role: points for role, points in found.items() if len(points) > 1}
    return {role: tuple(several[role]) for role in JUDGES if role in several}


def samples(ws: Workspace, result: Result) -> list[Sample]:
    """Side-by-side answers chosen by rule, on the score to be believed first."""
    models = models_of(result)
    if not models:
        return []
    by_id = {prompt.id: prompt for prompt in prompts.all(ws.db)}
    role = next((one for one in JUDGES if one in models[-1][1]["scores"]), None)
    gains: list[float] = []
    if role is not None and len(models) > 1:
        ours, theirs = models[-1][1]["scores"][role], models[0][1]["scores"][role]
        gains = [a - b for a, b in zip(ours, theirs, strict=True)]
    number = result["settings"]["num_samples_shown"]
    chosen = chosen_samples(result["prompts"], gains, number)
    return [
        Sample(
            prompt=text_of(by_id[result["prompts"][place]]),
            answers=tuple(_answer(name, one, place) for name, one in models),
            rule=_said(rule, role, models, gains, place),
        )
        for place, rule in chosen
    ]


def text_of(prompt: Prompt) -> str:
    """A prompt's words, each turn with its role where there are several."""
    if len(prompt.messages) == 1:
        return prompt.messages[0].content
    return "\n\n".join(f"{message.role}: {message.content}" for message in prompt.messages)


def llm_judge_note(result: Result) -> str:
    """What is to know of the judge behind an endpoint; empty where none was asked."""
    found = result.get("llm_judge")
    if found is None or found["first_share"]["value"] is None:
        return ""
    model = found["address"].partition("#")[2]
    unreadable = found["num_unreadable"]
    first, same = (percent(found[name]["value"]) for name in ("first_share", "consistency"))
    said = (
        f"The language model {model} was asked in both orders: it chose the answer shown first in "
        f"{first} of its choices (50 % would be no bias), and {same} of the pairs got the same "
        "verdict in both orders."
    )
    return said + (f" {unreadable} pairs got no readable verdict." if unreadable else "")


def _policy(name: str, one: Result, result: Result, met: Sequence[Contest]) -> PolicyResult:
    baseline = result["baseline"]
    by_people = next((c for c in met if (c.first, c.second) == (name, baseline)), None)
    rates, controlled = _rates(one["win_rates"]), _rates(one["length_controlled"])
    if by_people is not None and by_people.num_judged:
        rates["human"] = by_people.win_rate
        if by_people.length_controlled is not None:
            controlled["human"] = by_people.length_controlled
    return PolicyResult(
        name=name,
        stage=name.rsplit("-", 1)[0],
        is_baseline=name == baseline,
        win_rates=rates,
        length_controlled=controlled,
        means=one["means"],
        kl=None if name == baseline else one["kl"],
        kl_error=None if name == baseline else one["kl_error"],
        mean_length=one["mean_length"],
        eos_rate=one["eos_rate"],
        base_perplexity=one["base_perplexity"],
        distinct_2=one["distinct_2"],
        refusal_rate=one["refusal_rate"],
        repetitive_rate=one["repetitive_rate"],
        scores={role: tuple(scores) for role, scores in one["scores"].items()},
        lengths=tuple(one["lengths"]),
    )


def _rates(found: Mapping[str, Result]) -> dict[str, Rate]:
    rates = {judge: _rate(one) for judge, one in found.items()}
    return {judge: rate for judge, rate in rates.items() if rate is not None}


def _rate(found: Result) -> Rate | None:
    """None where there was nothing to measure."""
    return None if found["value"] is None else Rate(**found)


def _points(
    result: Result, sweeps: Sequence[Result]
) -> Iterator[tuple[str, float | None, Mapping[str, float | None]]]:
    for name, one in models_of(result):
        yield name, one["baseline_kl"], one["means"]
    for swept in sweeps:
        for point in swept["points"]:
            yield f"{swept['version']}'s run", point["baseline_kl"], point["means"]
    best = result.get("best_of_n", {"points": ()})
    for point in best["points"]:
        yield "best of n", point["kl"], point["means"]


def _answer(name: str, one: Result, place: int) -> Answer:
    return Answer(
        policy=name,
        text=one["texts"][place],
        scores={JUDGES.get(key, key): scores[place] for key, scores in one["scores"].items()},
        is_cut_off=one["cut_off"][place],
    )


def _said(
    rule: str,
    role: str | None,
    models: Sequence[tuple[str, Result]],
    gains: Sequence[float],
    place: int,
) -> str:
    if role is None or not gains:
        return f"{rule[0].upper()}{rule[1:]}."
    change = f"{gains[place]:+.2f}".replace("-", "\N{MINUS SIGN}")
    return (
        f"{rule[0].upper()}{rule[1:]}: {change} by the {JUDGES[role]}, {models[-1][0]} over "
        f"{models[0][0]}."
    )
