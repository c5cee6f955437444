"""`sweep`: a run's kept checkpoints on the plane of KL and score, and which of them to take."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rather.config.optimization import Adapter
from rather.durable import verify
from rather.errors import DataError, UsageError
from rather.evaluation.frontier import Point, choose, frontier, over_optimised_from
from rather.evaluation.policy import Answers
from rather.evaluation.statistics import mean, standard_error
from rather.models.library import Library
from rather.models.roles import Policy
from rather.models.tuning import Tuned, start_tuning
from rather.records import ModelVersion, Prompt
from rather.stages.drawing import require_served
from rather.stages.evaluating import measured
from rather.stages.measuring.answers import Hand, fitting, hand_of, held_out, identity_of
from rather.stages.measuring.kept import keep
from rather.stages.measuring.scoring import identities, scorer_names
from rather.stages.measuring.swept import DECIDING, NAMES, RESULT_FILE, as_table, sentence
from rather.stages.runs import open_library
from rather.store import versions
from rather.training.checkpoints import PREFIX, load_tensors
from rather.workspace import Workspace

Result = dict[str, Any]


@dataclass(frozen=True)
class Swept:
    """A run's policies, step by step."""

    version: ModelVersion
    answers: dict[int, Answers]
    """By steps done; 0 is where the run began."""
    scorers: dict[str, str]
    asked: tuple[Prompt, ...]
    tuned: Tuned
    library: Library


def sweep(ws: Workspace, name: str, *, dry_run: bool = False) -> Result:
    """The reward–KL frontier of the run that made a version; the result is stored and returned."""
    version = find_version(ws, name)
    if dry_run:
        steps = ", ".join(str(one) for one in _checkpoints(ws, version))
        return {"summary": f"would measure {version.name} after {steps} steps."}
    swept = measure_run(ws, version)
    result = keep(ws, RESULT_FILE, _inputs(ws, swept), describe(swept))
    return {"summary": sentence(result), "text": as_table(result), **result}


def find_version(ws: Workspace, name: str) -> ModelVersion:
    """The policy version of that name; `newest` is the last one that was tuned."""
    made = [one for one in versions.all(ws.db) if one.stage in ("ppo", "dpo", "sft")]
    if not made:
        raise UsageError("There is no tuned version yet; train one with `rather ppo`.")
    found = [one for one in made if name in (one.name, "newest")]
    if not found:
        known = ", ".join(one.name for one in made)
        raise UsageError(f"There is no policy version {name}; this workspace has {known}.")
    return found[-1]


def measure_run(ws: Workspace, version: ModelVersion) -> Swept:
    """Every kept checkpoint of a version's run, and its start, on the held-out prompts."""
    ws = _by_its_own_reward(ws, version)
    folders = _checkpoints(ws, version)
    library = open_library(ws)
    start = str(version.provenance["start"])
    codec = library.codec(start)
    asked = fitting(ws, held_out(ws), [codec])
    answers = {0: measured(ws, library, hand_of(ws, library, start), asked, start)}
    section = Adapter(**version.provenance["section"]["adapter"])
    seed = int(version.provenance["seed"])
    tuned = start_tuning(library.policy(start), f"{version.name}@", section, seed)
    require_served(ws, library, f"A checkpoint of {version.name}", Policy(tuned.backbone))
    for steps, folder in folders.items():
        put_weights(tuned, folder)
        sealed = (folder / "manifest.json").read_text("utf-8")
        hand = Hand(
            f"{version.name}@{steps}",
            Policy(tuned.backbone, tuned.adapter),
            codec,
            identity_of(ws, codec, [version.run_id, steps, sealed]),
        )
        answers[steps] = measured(ws, library, hand, asked, start)
    who = scorer_names(ws, ws.config.evaluate)
    return Swept(version, answers, who, tuple(asked), tuned, library)


@torch.no_grad()
def put_weights(tuned: Tuned, folder: Path) -> None:
    """Put a checkpoint's weights into what was tuned."""
    tensors = load_tensors(folder)
    for name, parameter in tuned.parameters.items():
        parameter.copy_(tensors[f"weight/{name}"])


def decided_by(scorers: dict[str, str]) -> str:
    """The scorer whose word counts; UsageError where there is none."""
    for role in DECIDING:
        if role in scorers:
            return role
    raise UsageError(
        "Nothing scores the checkpoints: name a reward model with evaluate.reward, one that "
        "nothing was tuned on with evaluate.heldout_reward, or a gold score with evaluate.gold."
    )


def points_of(swept: Swept) -> list[Point]:
    """The run's policies by the score that decides, in the order of their steps."""
    role = decided_by(swept.scorers)
    return [
        Point(f"step {steps}", steps, one.kl, one.scores[role])
        for steps, one in sorted(swept.answers.items())
    ]


def describe(swept: Swept) -> Result:
    """The frontier as JSON: every point, those nothing beats, the one to take, and why."""
    role, points = decided_by(swept.scorers), points_of(swept)
    chosen = choose(points, NAMES[role])
    on_it = {point.step for point in frontier(points)}
    proxies = [mean(swept.answers[point.step].scores.get("reward", ())) for point in points]
    turned = over_optimised_from(points, proxies) if "reward" in swept.scorers else None
    return {
        "version": swept.version.name,
        "start": swept.version.provenance["start"],
        "num_prompts": len(swept.asked),
        "scorers": swept.scorers,
        "decided_by": role,
        "points": [
            {
                "step": point.step,
                "kl": point.kl,
                "kl_error": swept.answers[point.step].kl_error,
                "baseline_kl": swept.answers[point.step].baseline_kl,
                "means": {
                    name: mean(scores) for name, scores in swept.answers[point.step].scores.items()
                },
                "errors": {
                    name: standard_error(scores)
                    for name, scores in swept.answers[point.step].scores.items()
                },
                "mean_length": swept.answers[point.step].mean_length,
                "eos_rate": swept.answers[point.step].eos_rate,
                "is_on_frontier": point.step in on_it,
            }
            for point in points
        ],
        "chosen": {"step": chosen.point.step, "best": chosen.best.step, "reason": chosen.reason},
        "over_optimised_from": None if turned is None else turned.step,
    }


def _by_its_own_reward(ws: Workspace, version: ModelVersion) -> Workspace:
    """The workspace with the reward that a PPO run was tuned on as the proxy."""
    own = [name for name in version.parents if name.startswith("reward-")]
    if not own or version.stage != "ppo":
        return ws
    return ws.configured({"evaluate": {"reward": ",".join(own)}})


def _checkpoints(ws: Workspace, version: ModelVersion) -> dict[int, Path]:
    """The sound checkpoints between steps, by steps done; those that are damaged are named."""
    found: dict[int, Path] = {}
    for folder in (ws.runs_dir / version.run_id).glob(f"{PREFIX}*"):
        steps = folder.name.removeprefix(PREFIX)
        if not steps.isdecimal() or int(steps) == 0:
            continue
        if problems := verify(folder):
            ws.progress.say(f"left out checkpoint {steps}: {problems[0]}")
        else:
            found[int(steps)] = folder
    if not found:
        raise DataError(
            f"The run of {version.name} ({version.run_id}) has no checkpoint left to sweep; "
            f"{version.stage}.keep_every says which are kept."
        )
    return dict(sorted(found.items()))


def _inputs(ws: Workspace, swept: Swept) -> Sequence[Any]:
    return [
        swept.version.run_id,
        sorted(swept.answers),
        [prompt.id for prompt in swept.asked],
        ws.config.evaluate.model_dump(mode="json"),
        identities(ws, swept.scorers),
        ws.config.seed,
    ]
