"""`evaluate`: every model answers the same held-out prompts with the same seeds."""

import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rather.config.stages import Evaluation
from rather.data.batch import Row
from rather.data.identity import completion_id, digest
from rather.data.tokens import Codec
from rather.durable import write_text
from rather.errors import DataError, UsageError
from rather.evaluation.policy import Answers, Measures, measure, win_rates
from rather.evaluation.reward_model import Accuracy
from rather.evaluation.statistics import mean
from rather.models.library import Library
from rather.models.roles import Policy
from rather.records import Completion, Prompt
from rather.records import Run as RunRecord
from rather.rollout import local
from rather.rollout.rollout import Scorer
from rather.stages.runs import open_library, policy_name, reward_name
from rather.stages.sampling import seed_of
from rather.stages.scorers import make_scorer
from rather.store import completions, labellers, prompts, runs, versions
from rather.workspace import Workspace

RESULT_FILE = "evaluation.json"
DECODED_TOGETHER = 64
MICROBATCH_TOKENS = 2048


def evaluate_all(ws: Workspace, names: Sequence[str]) -> dict[str, Any]:
    """Evaluate models against the baseline; the result is stored and returned."""
    section = ws.config.evaluate
    library = open_library(ws)
    baseline = policy_name(ws, section.baseline)
    models = list(dict.fromkeys([baseline, *(policy_name(ws, name) for name in names)]))
    asked = _fitting(ws, held_out(ws, section), [library.codec(name) for name in models])
    answers = {name: _answers(ws, library, name, asked) for name in models}
    result = {
        "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "baseline": baseline,
        "num_prompts": len(asked),
        "settings": section.model_dump(mode="json"),
        "scorers": scorer_names(ws, section),
        "prompts": [prompt.id for prompt in asked],
        "models": {name: _summary(one, answers[baseline]) for name, one in answers.items()},
    }
    return _store(ws, section, result)


def models_to_evaluate(ws: Workspace, asked: Sequence[str]) -> list[str]:
    """The versions named, or the newest of each tuning stage."""
    if asked:
        return list(asked)
    found = [versions.newest(ws.db, stage) for stage in ("sft", "dpo", "ppo")]
    names = [version.name for version in found if version is not None]
    if not names:
        raise UsageError("There is no version to evaluate yet; train one with `rather ppo`.")
    return names


def held_out(ws: Workspace, section: Evaluation) -> list[Prompt]:
    """The held-out prompts to answer; DataError where there are none."""
    stored = [prompt for prompt in prompts.all(ws.db, "heldout") if prompt.is_asked]
    found = stored[: section.num_prompts]
    if not found:
        raise DataError(
            "There are no held-out prompts to evaluate on; import more prompts, or raise "
            "heldout_fraction before importing."
        )
    return found


def _fitting(ws: Workspace, asked: Sequence[Prompt], codecs: Sequence[Codec]) -> list[Prompt]:
    """The prompts every model has room for; the others are named."""
    fitting = [prompt for prompt in asked if all(codec.fits(prompt) for codec in codecs)]
    for prompt in asked:
        if prompt not in fitting:
            ws.progress.say(f"left out {prompt.id}: it is longer than a model's context")
    if not fitting:
        raise DataError("No held-out prompt fits into the models' context; import shorter ones.")
    return fitting


def scorer_names(ws: Workspace, section: Evaluation) -> dict[str, str]:
    """Who measures: reward, gold and judge, by name."""
    found: dict[str, str] = {}
    if section.reward is not None and (
        section.reward != "newest" or versions.newest(ws.db, "reward")
    ):
        found["reward"] = reward_name(ws, section.reward)
    gold = section.gold or _simulators_gold(ws)
    if gold is not None:
        found["gold"] = gold
    if section.judge is not None:
        found["judge"] = section.judge
    return found


def _simulators_gold(ws: Workspace) -> str | None:
    golds = [one.settings.get("gold") for one in labellers.all(ws.db) if one.is_simulated]
    return next((gold for gold in golds if gold), None)


def _answers(ws: Workspace, library: Library, name: str, asked: Sequence[Prompt]) -> Answers:
    section, policy, codec = ws.config.evaluate, library.policy(name), library.codec(name)
    done, rows = answer(ws, policy, codec, name, asked)
    version = library.versions.get(name)
    start = version.provenance.get("start", "base") if version else name
    scorers = {
        role: _first_scores(make_scorer(ws, library, [(1.0, who)], codec, MICROBATCH_TOKENS), asked)
        for role, who in scorer_names(ws, section).items()
    }
    measures = Measures(
        writer=policy,
        reference=library.policy(start),
        base=library.policy(policy_name(ws, section.baseline)),
        scorers=scorers,
        temperature=section.temperature or 1.0,
        microbatch_tokens=MICROBATCH_TOKENS,
        progress=ws.progress,
    )
    return measure(name, done, rows, measures)


def answer(
    ws: Workspace, policy: Policy, codec: Codec, name: str, asked: Sequence[Prompt]
) -> tuple[list[Completion], list[Row]]:
    """One stored completion a prompt, and its token row; the seeds are the same for every model."""
    section = ws.config.evaluate
    sampling = {
        "temperature": section.temperature,
        "top_p": 1.0,
        "max_new_tokens": section.max_new_tokens,
        "purpose": "evaluate",
    }
    settings = local.Settings(section.temperature, section.max_new_tokens, codec.stop_ids)
    done: list[Completion] = []
    rows: list[Row] = []
    with ws.progress.track(f"answers of {name}", len(asked), "prompts") as task:
        for start in range(0, len(asked), DECODED_TOGETHER):
            part = asked[start : start + DECODED_TOGETHER]
            seeds = [seed_of(ws.config.seed, p.id, "evaluate", sampling, 0) for p in part]
            requests = [
                local.Request(codec.prompt_ids(prompt), (seed,))
                for prompt, seed in zip(part, seeds, strict=True)
            ]
            sampled = local.sample(policy.backbone, policy.adapter, requests, settings)
            for prompt, seed, (one,) in zip(part, seeds, sampled, strict=True):
                rows.append(Row(codec.prompt_ids(prompt), (one.ids,)))
                text = codec.text(one.ids)
                id = completion_id(prompt.id, name, sampling, seed, text)
                done.append(
                    Completion(
                        id, prompt.id, text, name, sampling, seed, one.finish_reason, len(one.ids)
                    )
                )
            task.advance(len(part))
    completions.add(ws.db, done)
    return done, rows


def _first_scores(
    scorer: Scorer, asked: Sequence[Prompt]
) -> Callable[[Sequence[Row]], list[float]]:
    return lambda rows: [row_scores[0] for row_scores in scorer(asked, rows)]


def _summary(one: Answers, baseline: Answers) -> dict[str, Any]:
    """One model's numbers and answers as JSON."""
    rates = {} if one is baseline else win_rates(one, baseline)
    return {
        "win_rates": {name: rate._asdict() for name, rate in rates.items()},
        "means": {name: mean(scores) for name, scores in one.scores.items()},
        "kl": one.kl,
        "mean_length": one.mean_length,
        "eos_rate": one.eos_rate,
        "base_perplexity": one.base_perplexity,
        "completions": [completion.id for completion in one.completions],
        "texts": [completion.text for completion in one.completions],
        "lengths": [completion.num_tokens for completion in one.completions],
        "cut_off": [completion.finish_reason == "length" for completion in one.completions],
        "scores": {name: list(scores) for name, scores in one.scores.items()},
    }


def _store(ws: Workspace, section: Evaluation, result: dict[str, Any]) -> dict[str, Any]:
    inputs = [result["settings"], list(result["models"]), result["prompts"], result["scorers"]]
    run_id = f"evaluate-{digest(inputs)[:10]}"
    now = str(result["created_at"])
    config = section.model_dump(mode="json")
    runs.start(ws.db, RunRecord(run_id, "evaluate", config, digest(inputs), "running", now))
    for number, summary in enumerate(result["models"].values()):
        names = ("kl", "mean_length", "eos_rate", "base_perplexity")
        runs.record(ws.db, run_id, number, {name: summary[name] for name in names})
    folder = ws.runs_dir / run_id
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"run_id": run_id, **result}, indent=1)
    write_text(folder / RESULT_FILE, text + "\n")
    runs.finish(ws.db, run_id, "done")
    return {"run_id": run_id, **result}


def sentence(result: dict[str, Any]) -> str:
    """The result in a line: each model's win rate, by gold where there is one."""
    said = []
    for name, one in result["models"].items():
        for scorer in ("gold", "reward", "judge"):
            if rate := one["win_rates"].get(scorer):
                said.append(
                    f"{name} beats {result['baseline']} in {rate['value']:.0%} "
                    f"[{rate['low']:.0%}, {rate['high']:.0%}] by {scorer}"
                )
                break
    return (
        f"On {result['num_prompts']} held-out prompts: {'; '.join(said) or 'nothing to compare'}."
    )


def newest_result(ws: Workspace) -> dict[str, Any] | None:
    """The evaluation finished last, None where there is none."""
    done = [run for run in runs.all(ws.db) if run.stage == "evaluate" and run.status == "done"]
    done.sort(key=lambda run: run.finished_at or "")
    for run in reversed(done):
        path: Path = ws.runs_dir / run.id / RESULT_FILE
        if path.exists():
            found: dict[str, Any] = json.loads(path.read_text("utf-8"))
            return found
    return None


def accuracy_metrics(accuracy: Accuracy) -> dict[str, float]:
    """A reward model's held-out accuracy as the metrics of its version; what is nan is left out."""
    value, low, high, n = accuracy.accuracy
    found = {
        "accuracy": value,
        "accuracy_low": low,
        "accuracy_high": high,
        "num_pairs": float(n),
        "longer_wins": accuracy.longer_wins,
        "shorter_wins": accuracy.shorter_wins,
    }
    if len(accuracy.by_strength) > 1:
        for strength, share in accuracy.by_strength.items():
            found[f"accuracy_strength_{strength}"] = share.value
    if not math.isnan(accuracy.score_length_correlation):
        found["score_length_correlation"] = accuracy.score_length_correlation
    return found
