"""`evaluate`: every model answers the same held-out prompts with the same seeds."""

from collections.abc import Sequence
from functools import partial
from itertools import combinations
from typing import Any

from rather.data.batch import Row
from rather.errors import UsageError
from rather.evaluation import policy
from rather.evaluation.policy import Answers, Measures
from rather.evaluation.statistics import mean
from rather.evaluation.texts import counters
from rather.models.library import Library
from rather.records import Prompt
from rather.rollout.tables import MEASURED_TOGETHER
from rather.stages.measuring import best_of, llm, scoring
from rather.stages.measuring.answers import Hand, answer, fitting, hand_of, held_out
from rather.stages.measuring.kept import EVALUATION_FILE, keep
from rather.stages.measuring.scoring import scorer_names
from rather.stages.runs import open_library, policy_name
from rather.store import versions
from rather.workspace import Workspace

TRUSTED = ("gold", "heldout", "reward", "llm", "judge")
"""Scorers by whose win rate the result is told in a sentence, the first there is."""
RECORDED = ("kl", "mean_length", "eos_rate", "base_perplexity")


def evaluate_all(ws: Workspace, names: Sequence[str]) -> dict[str, Any]:
    """Evaluate models against the baseline; the result is stored and returned."""
    section = ws.config.evaluate
    library = open_library(ws)
    baseline = policy_name(ws, section.baseline)
    models = list(dict.fromkeys([baseline, *(policy_name(ws, name) for name in names)]))
    hands = {name: hand_of(ws, library, name) for name in models}
    asked = fitting(ws, held_out(ws), [hand.codec for hand in hands.values()])
    who = scorer_names(ws, section)
    answers = {name: measured(ws, library, hand, asked) for name, hand in hands.items()}
    result: dict[str, Any] = {
        "baseline": baseline,
        "num_prompts": len(asked),
        "settings": section.model_dump(mode="json"),
        "scorers": who,
        "cautions": scoring.cautions(ws, who),
        "prompts": [prompt.id for prompt in asked],
        "models": {name: summary(one, answers[baseline]) for name, one in answers.items()},
        "pairs": [
            {"first": one, "second": other, **_rates(answers[one], answers[other])}
            for one, other in combinations(models, 2)
        ],
    }
    if section.llm_judge is not None:
        result |= llm.judge_all(ws, section.llm_judge, asked, result["models"], baseline)
    if section.best_of_n is not None:
        result |= best_of.best_of(ws, library, hands[baseline], asked)
    inputs = [
        result["settings"],
        [[name, hand.identity] for name, hand in hands.items()],
        result["prompts"],
        scoring.identities(ws, who),
        ws.config.seed,
    ]
    recorded = [{name: one[name] for name in RECORDED} for one in result["models"].values()]
    return keep(ws, EVALUATION_FILE, inputs, result, recorded)


def models_to_evaluate(ws: Workspace, asked: Sequence[str]) -> list[str]:
    """The versions named, or the newest of each tuning stage; none where only the baseline's best
    of n is wanted."""
    if asked:
        return list(asked)
    found = [versions.newest(ws.db, stage) for stage in ("sft", "dpo", "ppo")]
    names = [version.name for version in found if version is not None]
    if not names and ws.config.evaluate.best_of_n is None:
        raise UsageError("There is no version to evaluate yet; train one with `rather ppo`.")
    return names


def measured(
    ws: Workspace,
    library: Library,
    hand: Hand,
    asked: Sequence[Prompt],
    start: str | None = None,
) -> Answers:
    """A model's answers with their scores, KL and perplexity; `start`: what KL is taken to, where
    the model is no version that knows it."""
    section = ws.config.evaluate
    written = answer(ws, hand, asked)
    version = library.versions.get(hand.name)
    if start is None:
        start = version.provenance.get("start", "base") if version else hand.name
    found = scoring.scorers(ws, library, hand.codec, asked)
    measures = Measures(
        writer=hand.policy,
        reference=library.policy(start),
        base=library.policy(policy_name(ws, section.baseline)),
        scorers={role: partial(_of_one_answer, scores) for role, scores in found.items()},
        temperature=section.temperature or 1.0,
        microbatch_tokens=MEASURED_TOGETHER,
        progress=ws.progress,
    )
    return policy.measure(
        hand.name, [one for (one,) in written.completions], written.rows, measures
    )


def _of_one_answer(scores: scoring.Scores, rows: Sequence[Row]) -> list[float]:
    return [of_row[0] for of_row in scores(rows)]


def summary(one: Answers, baseline: Answers) -> dict[str, Any]:
    """One model's numbers and answers as JSON."""
    rates = {"win_rates": {}, "length_controlled": {}} if one is baseline else _rates(one, baseline)
    texts = [completion.text for completion in one.completions]
    return {
        **rates,
        "means": {name: mean(scores) for name, scores in one.scores.items()},
        "kl": one.kl,
        "kl_error": one.kl_error,
        "baseline_kl": one.baseline_kl,
        "mean_length": one.mean_length,
        "eos_rate": one.eos_rate,
        "base_perplexity": one.base_perplexity,
        **counters(texts),
        "completions": [completion.id for completion in one.completions],
        "texts": texts,
        "lengths": one.lengths,
        "cut_off": [completion.finish_reason == "length" for completion in one.completions],
        "kls": list(one.kls),
        "scores": {name: list(scores) for name, scores in one.scores.items()},
    }


def _rates(ours: Answers, theirs: Answers) -> dict[str, Any]:
    """Win rates by each scorer, as they are and with what length explains taken away."""
    controlled = policy.length_controlled_rates(ours, theirs)
    return {
        "win_rates": {
            name: rate._asdict() for name, rate in policy.win_rates(ours, theirs).items()
        },
        "length_controlled": {name: rate._asdict() for name, rate in controlled.items()},
    }


def sentence(result: dict[str, Any]) -> str:
    """The result in a line: every win rate, by the most trustworthy scorer there is."""
    baseline = result["baseline"]
    contests = [(name, baseline, one) for name, one in result["models"].items()]
    contests += [
        (one["first"], one["second"], one)
        for one in result["pairs"]
        if baseline not in (one["first"], one["second"])
    ]
    said = [
        _said(first, second, scorer, one["win_rates"][scorer])
        for first, second, one in contests
        if (scorer := next(filter(partial(_has, one["win_rates"]), TRUSTED), None)) is not None
    ]
    said += best_of.sentences(result)
    return (
        f"On {result['num_prompts']} held-out prompts: {'; '.join(said) or 'nothing to compare'}."
    )


def _has(rates: dict[str, Any], scorer: str) -> bool:
    return scorer in rates and rates[scorer]["n"] > 0


def _said(first: str, second: str, scorer: str, rate: dict[str, float]) -> str:
    interval = f"[{rate['low']:.0%}, {rate['high']:.0%}]"
    return f"{first} beats {second} in {rate['value']:.0%} {interval} by {scorer}"
