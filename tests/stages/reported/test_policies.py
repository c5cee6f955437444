"""From an evaluation's numbers to the report's records."""

from typing import Any

import pytest

from rather.report.evaluated import Contest, FrontierPoint, Rate
from rather.stages.reported.policies import frontiers, llm_judge_note, policies

NOTHING = {"value": None, "low": 0.0, "high": 1.0, "n": 0}
RATE = {"value": 0.8, "low": 0.6, "high": 0.9, "n": 20}


def model(**numbers: Any) -> dict[str, Any]:
    measured = ("kl", "kl_error", "mean_length", "eos_rate", "base_perplexity", "distinct_2",
                "refusal_rate", "repetitive_rate")  # fmt: skip
    return {
        **dict.fromkeys(measured, 0.5),
        "win_rates": {},
        "length_controlled": {},
        "means": {"gold": 0.25},
        "scores": {"gold": [0.0, 0.5]},
        "lengths": [4, 6],
        **numbers,
    }


RESULT = {
    "baseline": "base",
    "models": {
        "base": model(baseline_kl=0.0),
        "ppo-1": model(
            win_rates={"gold": RATE}, length_controlled={"gold": NOTHING}, baseline_kl=3.0
        ),
    },
}


def contest(num_judged: int, second: str = "base") -> Contest:
    rate = Rate(0.7, 0.4, 0.9, num_judged)
    return Contest("ppo-1", second, rate, rate, 9, num_judged, 2, rate, "Go on.")


def test_what_was_not_measured_is_not_there() -> None:
    base, ppo = policies(RESULT, [])
    assert (base.is_baseline, base.kl) == (True, None)
    assert ppo.win_rates == {"gold": Rate(0.8, 0.6, 0.9, 20)}
    assert ppo.length_controlled == {}  # nothing told length from quality


@pytest.mark.parametrize(
    ("met", "has_people"),
    [([contest(5)], True), ([contest(0)], False), ([contest(5, "sft-1")], False)],
)
def test_what_people_said_of_it_against_the_baseline(met: list[Contest], has_people: bool) -> None:
    _, ppo = policies(RESULT, met)
    assert ("human" in ppo.win_rates) is has_people
    assert ("human" in ppo.length_controlled) is has_people


def test_a_frontier_has_policies_runs_and_the_best_of_n() -> None:
    swept = {
        "version": "ppo-1",
        "points": [
            {"baseline_kl": 0.0, "means": {"gold": 0.1, "reward": None}},
            {"baseline_kl": 1.5, "means": {"gold": 0.4, "reward": 2.0}},
        ],
    }
    best = {"best_of_n": {"points": [{"kl": 0.636, "means": {"gold": 0.5}}]}}
    found = frontiers({**RESULT, **best}, [swept])
    assert list(found) == ["gold"]  # one point of the reward is no frontier
    assert found["gold"] == (
        FrontierPoint("base", 0.0, 0.25),
        FrontierPoint("ppo-1", 3.0, 0.25),
        FrontierPoint("ppo-1's run", 0.0, 0.1),
        FrontierPoint("ppo-1's run", 1.5, 0.4),
        FrontierPoint("best of n", 0.636, 0.5),
    )
    assert frontiers({}, []) == {}


def test_the_bias_of_a_judge_is_told() -> None:
    judge = {
        "address": "http://127.0.0.1:1/v1#some-model",
        "first_share": {**RATE, "value": 0.62},
        "consistency": RATE,
        "num_unreadable": 2,
    }
    said = llm_judge_note({"llm_judge": judge})
    assert said.startswith("The language model some-model was asked in both orders: it chose the")
    assert "in 62\u00a0% of its choices" in said
    assert said.endswith("2 pairs got no readable verdict.")
    assert llm_judge_note({}) == ""
    assert llm_judge_note({"llm_judge": {**judge, "first_share": NOTHING}}) == ""
