"""The same steps on a GPU: tokens a second, peak memory, and the share of the card's own best.

    python -m benchmarks.gpu                                   # everything, beside TRL if installed
    python -m benchmarks.gpu --models llama-8b --only ppo-4    # does PPO of an 8B shape fit 80 GB?

Models: the embedded one, and Llama shapes of 1B and 8B parameters whose weights are random, in
bfloat16. Workers and workloads are those of `make bench`, with more rows. Writes results/gpu.json.
`--device cpu --models tiny` tries all of it without a GPU; its numbers mean nothing.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.speed import results, workloads
from benchmarks.speed.conductor import Conductor, say
from benchmarks.speed.races import least_work
from benchmarks.speed.systems import SYSTEMS, System
from benchmarks.speed.workloads import Ids, Workload
from rather.errors import EnvironmentFault
from rather.models.embedded import embedded_folder
from rather.planning.shape import Shape

RESULTS = results.FOLDER / "gpu.json"
CARD_BYTES = 80e9
"""What the largest step has to fit into."""

LLAMA_1B = {
    "vocab_size": 128256,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "tie_word_embeddings": True,
}
LLAMA_8B = LLAMA_1B | {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "tie_word_embeddings": False,
}
TINY = {
    "vocab_size": 512,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 10,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
SHAPES: dict[str, dict[str, Any]] = {"llama-1b": LLAMA_1B, "llama-8b": LLAMA_8B, "tiny": TINY}

MAKERS: dict[str, Callable[[Ids], Workload]] = {
    "generation-1": lambda ids: workloads.generation(ids, 128, 1),
    "generation-4": lambda ids: workloads.generation(ids, 32, 4),
    "reward": lambda ids: workloads.pairs(ids, 32),
    "dpo-live": lambda ids: workloads.pairs(ids, 32),
    "ppo-1": lambda ids: workloads.rollouts(ids, 64, 1),
    "ppo-4": lambda ids: workloads.rollouts(ids, 16, 4),
}


@contextmanager
def model_folder(name: str) -> Iterator[Path]:
    """The embedded model, or random weights of a shape for as long as they are needed."""
    if name == "embedded":
        yield embedded_folder()
        return
    with tempfile.TemporaryDirectory(prefix=f"rather-{name}-") as made:
        config = LlamaConfig(**SHAPES[name], pad_token_id=2, bos_token_id=1, eos_token_id=2)
        torch.manual_seed(0)
        torch.set_default_dtype(torch.bfloat16)
        try:
            LlamaForCausalLM(config).save_pretrained(made)
        finally:
            torch.set_default_dtype(torch.float32)
        for file in embedded_folder().glob("*token*"):
            shutil.copy(file, made)
        yield Path(made)


def contestants(name: str, device: str, prefixes: Sequence[str] | None) -> list[System]:
    """Who takes part in a race on this device: no trials, and TRL with its rows together."""
    found = []
    for one in SYSTEMS:
        if one.workload != name or one.is_trial or one.missing:
            continue
        if prefixes is None or any(one.name.startswith(prefix) for prefix in prefixes):
            together = {"attention": "sdpa", "microbatch_rows": 8}
            more = together if "microbatch_rows" in one.settings else {}
            found.append(replace(one, device=device, settings={**one.settings, **more}))
    return found


def race(
    name: str, model: Path, systems: Sequence[System], repeats: int, best: Mapping[str, float]
) -> dict[str, Any]:
    """One workload on one model, each system in turn and alone: memory is the card's."""
    shape = Shape.of(model)
    ids = [one % shape.vocabulary for one in workloads.packaged_ids(model)]
    workload = MAKERS[name](ids)
    found, failed = {}, {}
    for system in systems:
        conductor = Conductor(workloads.as_json(workload), model)
        conductor.measure([system], repeats)
        failed |= conductor.failed
        for measured in conductor.measured.values():
            work = least_work(shape, name, workload, system.settings)
            seconds = median(step["wall_seconds"] for step in measured["repeats"])
            found[system.name] = {
                "settings": system.settings,
                "tokens_per_second": workload.num_tokens / seconds,
                "of_products": work.flops / best["flops"] / seconds,
                "of_bytes": work.num_bytes / best["bytes"] / seconds,
                "peak_bytes": peak_bytes(measured["repeats"]),
                **measured,
            }
    return {"tokens": workload.num_tokens, "systems": found, "failed": failed}


def peak_bytes(steps: Sequence[Mapping[str, Any]]) -> float:
    """The most memory of the card (of the process, where there is none) in any step."""
    return max(step.get("peak_device_bytes", step["peak_rss_bytes"]) for step in steps)


def best_rates(device: str) -> dict[str, float]:
    """The card's own best: products in bfloat16 and bytes moved by a copy, a second."""
    widths = {"width": 4096, "feed_forward_width": 14336}
    machine = System("machine", "floors", "floors", widths, device=device)
    conductor = Conductor({}, Path())
    conductor.measure([machine], 1)
    if conductor.failed:
        raise EnvironmentFault(f"The floors could not be measured: {conductor.failed['machine']}")
    (step,) = conductor.measured["machine"]["repeats"]
    flops = max(step["bfloat16_flops"], step["bfloat16_flops_at_model_width"])
    return {"flops": flops, "bytes": step["copied_bytes"]}


def told(model: str, name: str, found: Mapping[str, Any]) -> str:
    """A race's numbers, and for PPO whether a card of 80 GB holds it."""
    lines = [f"\n{model}, {name}: {found['tokens']} tokens"]
    for system, one in found["systems"].items():
        fits = "fits" if one["peak_bytes"] <= CARD_BYTES else "does not fit"
        holds = f", {fits} {CARD_BYTES / 1e9:.0f} GB" if name.startswith("ppo") else ""
        lines.append(
            f"  {system:44} {one['tokens_per_second']:9.0f} tokens/s, "
            f"{one['of_products']:.1%} by products, {one['of_bytes']:.1%} by bytes, "
            f"peak {one['peak_bytes'] / 1e9:.2f} GB{holds}"
        )
    lines += [f"  {system:44} {why}" for system, why in found["failed"].items()]
    return "\n".join(lines)


def card(device: str) -> dict[str, Any]:
    """The GPU by name, its memory and CUDA's version; nothing on a CPU."""
    if device == "cpu":
        return {}
    about = torch.cuda.get_device_properties(0)
    return {"gpu": about.name, "gpu_bytes": about.total_memory, "cuda": torch.version.cuda}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; 1 where a system failed, 5 without a GPU."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    models = ("embedded", *SHAPES)
    parser.add_argument("--models", nargs="+", choices=models, default=models[:3])
    parser.add_argument("--only", nargs="+", choices=MAKERS, default=list(MAKERS))
    parser.add_argument("--systems", nargs="+", help="those whose names begin so")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    if given.device == "cuda" and not torch.cuda.is_available():
        say("There is no GPU here; `--device cpu --models tiny` tries it without one.")
        return EnvironmentFault.exit_code
    best, failed = best_rates(given.device), False
    for model in given.models:
        with model_folder(model) as folder:
            for name in given.only:
                systems = contestants(name, given.device, given.systems)
                found = race(name, folder, systems, given.repeats, best)
                print(told(model, name, found), flush=True)
                kept = {"card": card(given.device), "best": best, **found}
                results.keep(given.results, f"{model}, {name}", kept)
                failed |= bool(found["failed"])
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
