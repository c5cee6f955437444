"""`rather demo`: the whole loop on the embedded small model, on a CPU, ending with a report.

The criterion is one a person would ask for: the assistant is told to answer in one or two short
sentences, mostly does not, and labellers (here a declared simulator) prefer answers that do. A
second judge with features of its own, the KL, and the base model's perplexity of the answers stand
beside the result, so that nobody need take the gold score's word for it.
"""

import resource
import sys
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from rather import pipeline
from rather.config.labelling import Labelling
from rather.config.optimization import Adapter, Watch
from rather.config.ppo import PPO, Critic
from rather.config.stages import (
    DPO,
    Config,
    Evaluation,
    Reward,
    Rounds,
    Sampling,
)
from rather.errors import UsageError
from rather.progress import Progress
from rather.workspace import Workspace, is_workspace

GUIDELINES = (
    "Choose the answer you would rather have received.\n\n"
    "A good answer answers the question in one or two complete sentences and then stops. Worse are "
    "answers that ramble, that are cut off, that are lists, or that do not answer at all."
)

HAND_JUDGMENTS = 20


@dataclass(frozen=True)
class Size:
    """How much the demo does."""

    num_prompts: int
    num_completions: int
    max_new_tokens: int
    num_steps: int
    rollout_prompts: int
    num_shown: int
    makes_claim: bool
    """False: so few judgments may leave the reward model weak, and PPO runs against it anyway."""


FULL = Size(240, 4, 64, 5, 20, 8, True)
QUICK = Size(40, 4, 32, 2, 8, 4, False)


def demo_config(size: Size, seed: int) -> Config:
    """The demo's whole configuration; what it leaves out is the default."""
    adapter = Adapter(tuning="top_layers", num_top_layers=8)
    return Config(
        seed=seed,
        heldout_fraction=0.25,
        system_prompt="Answer in one or two short sentences.",
        sample=Sampling(
            num_completions=size.num_completions,
            temperatures=(0.8,),
            max_new_tokens=size.max_new_tokens,
            batch_size=64,
        ),
        label=Labelling(
            kind="ranking",
            guidelines=GUIDELINES,
            simulate="concision",
            noise_temperature=0.05,
            tie_margin=0.05,
        ),
        reward=Reward(
            # on top of the same lower layers as the policy, which a rollout computes once for all
            pooling="last",
            depth=1.0,
            head="random",
            learning_rate=1e-3,
            batch_size=8,
            microbatch_tokens=1024,
            adapter=adapter,
        ),
        ppo=PPO(
            num_steps=size.num_steps,
            batch_size=size.rollout_prompts,
            num_completions=4,
            max_new_tokens=size.max_new_tokens,
            temperature=0.8,
            learning_rate=1e-3,
            warmup_fraction=0.0,
            num_minibatches=size.rollout_prompts // 4,
            critic=Critic(value_clip_range=2.0),
            microbatch_tokens=1024,
            checkpoint_every=3,
            adapter=adapter,
        ),
        dpo=DPO(learning_rate=5e-4, batch_size=8, microbatch_tokens=1024, adapter=adapter),
        evaluate=Evaluation(
            gold="concision",
            judge="plain_reader",
            temperature=0.8,
            # twice what training allows, so that nobody loses by being cut off
            max_new_tokens=2 * size.max_new_tokens,
            num_samples_shown=size.num_shown,
        ),
        # half an answer tells enough, and the demo is not to take longer for it
        watch=Watch(max_new_tokens=size.max_new_tokens // 2),
        run=Rounds(
            stages=("sample", "label", "reward", "ppo", "dpo", "evaluate", "report"),
            force=not size.makes_claim,
        ),
    )


def demo(
    directory: Path, *, quick: bool, label: bool, seed: int, progress: Progress
) -> dict[str, Any]:
    """Run the loop in a workspace of its own; the same command goes on where it stopped."""
    began = time.monotonic()
    size = QUICK if quick else FULL
    with _open(directory, demo_config(size, seed), progress) as ws:
        _bring_prompts(ws, size)
        progress.say(f"sample: {pipeline.sample(ws)['summary']}")
        if label:
            _label_by_hand(ws)
        for name in ("label", "reward", "ppo", "dpo"):
            result = pipeline.STAGES[name](ws)
            progress.say(f"{name}: {result['summary']}")
            if name == "reward":
                reward = result["metrics"]
        evaluation = pipeline.evaluate(ws)
        progress.say(f"evaluate: {evaluation['summary']}")
        report = pipeline.report(ws)
        return _outcome(ws, reward, evaluation, report, time.monotonic() - began)


def _open(directory: Path, config: Config, progress: Progress) -> Workspace:
    """The demo's workspace, new or the one an earlier demo with the same settings left."""
    if not is_workspace(directory):
        return Workspace.create(directory, config, progress)
    ws = Workspace.open(directory, progress=progress)
    if ws.config != config:
        raise UsageError(
            f"{directory} holds another demo or workspace; choose a new folder with "
            "`--workspace DIR`."
        )
    return ws


def _bring_prompts(ws: Workspace, size: Size) -> None:
    """Put the first prompts of the packaged questions into the workspace, as a file of its own."""
    target = ws.root / "prompts.jsonl"
    if not target.exists():
        with files("rather.data").joinpath("prompts/everyday.jsonl").open("rb") as packaged:
            target.write_bytes(b"".join(packaged.readlines()[: size.num_prompts]))
    pipeline.import_file(ws, target, "prompts")


def _label_by_hand(ws: Workspace) -> None:
    """Open the app until the first judgments are given; a simulated labeller gives the rest."""
    # imported here: most demos need no web server
    from rather.stages.labelling import num_by_people, serve_people

    missing = HAND_JUDGMENTS - num_by_people(ws)
    if missing <= 0:
        return
    ws.progress.say(f"The next {missing} judgments are yours.")
    result = serve_people(ws, dry_run=False, expose=False, enough=missing)
    ws.progress.say(f"label: {result['summary']}")


def _outcome(
    ws: Workspace,
    reward: dict[str, float],
    evaluation: dict[str, Any],
    report: dict[str, Any],
    seconds: float,
) -> dict[str, Any]:
    """The one object that `rather demo --json` prints."""
    baseline = evaluation["models"][evaluation["baseline"]]
    found: dict[str, Any] = {
        "summary": report["summary"],
        "reward_model": {"accuracy": reward.get("accuracy"), "n": int(reward.get("num_pairs", 0))},
        "base": {
            "gold_mean": baseline["means"]["gold"],
            "judge_mean": baseline["means"]["judge"],
            "mean_length": baseline["mean_length"],
            "eos_rate": baseline["eos_rate"],
            "perplexity": baseline["base_perplexity"],
        },
    }
    for name, one in evaluation["models"].items():
        stage = name.rsplit("-", 1)[0]
        if stage in ("ppo", "dpo"):
            found[stage] = _policy_numbers(one)
    return {
        **found,
        "seconds": round(seconds, 1),
        "peak_rss_bytes": _peak_rss_bytes(),
        "workspace": str(ws.root),
        "report": report["report"],
    }


def _policy_numbers(one: dict[str, Any]) -> dict[str, Any]:
    gold, judge = one["win_rates"]["gold"], one["win_rates"]["judge"]
    return {
        "gold_win_rate": gold["value"],
        "interval": [gold["low"], gold["high"]],
        "kl": one["kl"],
        "mean_length": one["mean_length"],
        "gold_mean": one["means"]["gold"],
        "judge_win_rate": judge["value"],
        "judge_interval": [judge["low"], judge["high"]],
        "eos_rate": one["eos_rate"],
        "base_perplexity": one["base_perplexity"],
    }


def _peak_rss_bytes() -> int:
    """Most memory this process has held; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
