"""Reward against KL on the embedded model: PPO, DPO and best-of-n under one gold score.

    python benchmarks/frontier.py            # results/frontier.json, the figure and table in docs/
    python benchmarks/frontier.py --quick    # minutes, one seed; its numbers mean nothing

Figure 2 of the DPO paper (Rafailov et al. 2023, https://arxiv.org/abs/2305.18290) at small scale:
the gold is VADER's sentiment, PPO is rewarded by it, DPO learns from noisy rankings by it. Given
again, the command goes on where it stopped. `docs/frontier.md` says how to read what comes out.
"""

import argparse
import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import frontier_page as page
import rather
from frontier_base import best_of_n_points, drawn_for_held_out, optimum
from rather.api import Project
from rather.config.labelling import Labelling
from rather.config.optimization import Adapter
from rather.config.ppo import PPO, Shaping
from rather.config.stages import DPO, Config, Evaluation, Sampling
from rather.durable import write_text
from rather.errors import StoppedByRule
from rather.stages.runs import software
from rather.store import runs, versions

Point = dict[str, Any]
"""method, setting, seed; kl, gold, mean_length, eos_rate, base_perplexity; stopped (a sentence)."""


@dataclass(frozen=True)
class Size:
    """How much is done for one seed."""

    num_prompts: int
    """Of the packaged questions; about a third are held out."""
    num_drawn: int
    """Base completions of each held-out prompt that best-of-n chooses from."""
    num_steps: int
    ns: tuple[int, ...]
    kl_coefficients: tuple[float, ...]
    betas: tuple[float, ...]


FULL = Size(144, 64, 8, (1, 2, 4, 8, 16), (0.03, 0.1, 0.3), (0.3, 1.0, 3.0))
QUICK = Size(16, 4, 2, (1, 2), (0.1,), (1.0,))
NOISE_TEMPERATURE = 0.1
"""Of the simulated labeller, so that β = λ / 0.1 has the optimum of PPO's λ: docs/frontier.md."""
MAX_NEW_TOKENS = 24
TEMPERATURE = 0.7
ASKED = "A friend asks: {} Do you feel happy or sad about it? Answer with I feel."
"""Around each packaged question, so that answers differ in sentiment, as film reviews do."""


def frontier_config(size: Size, seed: int) -> Config:
    """The configuration of one seed's workspace; what it leaves out is the default."""
    adapter = Adapter(tuning="top_layers", num_top_layers=8)
    return Config(
        seed=seed,
        heldout_fraction=1 / 3,
        system_prompt="Answer in one short sentence.",
        sample=Sampling(temperatures=(TEMPERATURE,), max_new_tokens=MAX_NEW_TOKENS),
        label=Labelling(kind="ranking", simulate="vader", noise_temperature=NOISE_TEMPERATURE),
        ppo=PPO(
            reward="vader",
            # no critic learns anything in so few steps: a prompt's completions are its baseline
            advantage="rloo",
            # the reward is the gold alone: nothing is taken for a completion that is cut off
            shaping=Shaping(missing_eos_penalty=0.0),
            num_steps=size.num_steps,
            batch_size=16,
            num_minibatches=2,
            num_epochs=2,
            max_new_tokens=MAX_NEW_TOKENS,
            temperature=TEMPERATURE,
            learning_rate=1e-3,
            adapter=adapter,
        ),
        dpo=DPO(learning_rate=1e-3, num_epochs=2, batch_size=8, adapter=adapter),
        evaluate=Evaluation(
            gold="vader", reward=None, temperature=TEMPERATURE, max_new_tokens=MAX_NEW_TOKENS
        ),
    )


def one_seed(folder: Path, size: Size, seed: int) -> dict[str, Any]:
    """Everything measured with one seed: `points`, PPO's way there (`paths`), the `optimum`."""
    finished = folder / "finished.json"
    if finished.exists():
        found: dict[str, Any] = json.loads(finished.read_text("utf-8"))
        return found
    with open_project(folder, size, seed) as project:
        project.sample(split="train", num_completions=4)
        project.label()
        tuned = dict(tune(project, size))
        evaluation = project.evaluate(*tuned)
        drawn = drawn_for_held_out(project.workspace, size.num_drawn)
        points = [
            *({"seed": seed, **point} for point in best_of_n_points(drawn, size.ns)),
            *({"seed": seed, **point} for point in evaluated_points(evaluation, tuned)),
        ]
        paths = [{"seed": seed, **path} for path in ppo_paths(project, tuned)]
    gold = [[one.gold for one in row] for row in drawn]
    outcome = {"points": points, "paths": paths, "optimum": optimum(gold)}
    write_text(finished, json.dumps(outcome, indent=1) + "\n")
    return outcome


def open_project(folder: Path, size: Size, seed: int) -> Project:
    """The seed's workspace with its prompts: the same ones are held out whatever the seed."""
    if not (folder / "workspace.json").exists():
        Project.create(folder, frontier_config(size, seed)).close()
    packaged = files("rather.data").joinpath("prompts/everyday.jsonl").read_text("utf-8")
    questions = [json.loads(line)["prompt"] for line in packaged.splitlines()[: size.num_prompts]]
    file = folder / "prompts.jsonl"
    asked = [json.dumps({"prompt": ASKED.format(question)}) for question in questions]
    write_text(file, "\n".join(asked) + "\n")
    with rather.open(folder, seed=0) as project:
        project.import_file(file)
    return rather.open(folder)


def tune(project: Project, size: Size) -> Iterator[tuple[str, Point]]:
    """Train every policy; yields (version, what it is), the last good one where a rule stops."""
    wanted: list[tuple[str, dict[str, float]]] = [
        *(("ppo", {"kl_coefficient": coefficient}) for coefficient in size.kl_coefficients),
        *(("dpo", {"beta": beta}) for beta in size.betas),
    ]
    for stage, settings in wanted:
        stopped, (value,) = "", settings.values()
        project.workspace.progress.say(f"{stage} with {settings}")
        try:
            name = getattr(project, stage)(**settings)["version"]
        except StoppedByRule as rule:
            name, stopped = rule.version, str(rule)
        if name is not None:  # else it was stopped where it began, and there is nothing to show
            yield name, {"method": stage, "setting": value, "stopped": stopped}


def evaluated_points(evaluation: dict[str, Any], tuned: dict[str, Point]) -> list[Point]:
    """The base's point and the tuned policies', as `evaluate` measured them."""
    shown = ("kl", "mean_length", "eos_rate", "base_perplexity")
    base: Point = {"method": "base", "setting": None, "stopped": ""}
    return [
        {
            **tuned.get(name, base),
            "gold": one["means"]["gold"],
            **{measure: one[measure] for measure in shown},
        }
        for name, one in evaluation["models"].items()
    ]


def ppo_paths(project: Project, tuned: dict[str, Point]) -> Iterator[dict[str, Any]]:
    """KL and gold score of every rollout (on training prompts) of every PPO run."""
    for name, point in tuned.items():
        version = versions.get(project.workspace.db, name)
        if point["method"] != "ppo" or version is None:
            continue
        table: dict[str, list[float]] = {"objective/kl": [], "objective/scores_raw": []}
        for _, measure, value in runs.metrics(project.workspace.db, version.run_id):
            if measure in table:
                table[measure].append(value)
        kl, gold = table.values()
        yield {"setting": point["setting"], "kl": kl, "gold": gold}


def machine() -> str:
    """The processor's name and how many cores of it there are."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{next(iter(models), platform.machine())}, {os.cpu_count()} cores"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every seed, publish what came out (a quick run publishes nothing), print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true", help="little of everything, seed 0 only")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--workspaces", type=Path, help="folder for a workspace a seed")
    asked = parser.parse_args(arguments)
    size, seeds = (QUICK, [0]) if asked.quick else (FULL, asked.seeds)
    folder = asked.workspaces or Path("frontier-quick" if asked.quick else "frontier")
    outcomes = [one_seed(folder / f"seed-{seed}", size, seed) for seed in seeds]
    result: dict[str, Any] = {
        "command": " ".join(["python benchmarks/frontier.py --seeds", *map(str, seeds)]),
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "software": software(),
        "size": asdict(size),
        "points": [point for outcome in outcomes for point in outcome["points"]],
        "paths": [path for outcome in outcomes for path in outcome["paths"]],
        "optimum": [outcome["optimum"] for outcome in outcomes],
    }
    if not asked.quick:
        page.publish(result)
    print(json.dumps(result) if asked.json else page.table(result["points"]), end="")


if __name__ == "__main__":
    main()
