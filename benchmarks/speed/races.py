"""Every workload by name: its tokens, and the least work its algorithm can be done with."""

from collections.abc import Callable
from typing import Any

from benchmarks.speed import workloads
from benchmarks.speed.workloads import Ids, Pairs, Workload, Writing
from rather.planning import work
from rather.planning.shape import Shape
from rather.planning.work import Lengths, Work

EPOCHS = 4
"""Of PPO, as its workers have them."""

MAKERS: dict[str, Callable[[Ids], Workload]] = {
    "generation-1": lambda ids: workloads.generation(ids, 32, 1),
    "generation-4": lambda ids: workloads.generation(ids, 8, 4),
    "wall-1": lambda ids: workloads.even_answers(ids, 64, 1),
    "wall-4": lambda ids: workloads.even_answers(ids, 16, 4),
    "reward": lambda ids: workloads.pairs(ids, 8),
    "dpo-live": lambda ids: workloads.pairs(ids, 8),
    "dpo-computed": lambda ids: workloads.pairs(ids, 8),
    "ppo-1": lambda ids: workloads.rollouts(ids, 32, 1),
    "ppo-4": lambda ids: workloads.rollouts(ids, 8, 4),
}


def rows_of(workload: Workload) -> list[Lengths]:
    """The workload as our rows: a prompt's tokens, and those of each of its completions."""
    if isinstance(workload, Writing):
        ends = zip(workload.prompts, workload.ends, strict=True)
        return [(len(ids), (end,) * workload.num_samples) for ids, end in ends]
    triples = zip(workload.prompts, workload.chosen, workload.rejected, strict=True)
    return [(len(prompt), (len(better), len(worse))) for prompt, better, worse in triples]


def least_work(shape: Shape, name: str, workload: Workload, settings: dict[str, Any]) -> Work:
    """What a system with these settings of ours must do; a peer's is measured by the same."""
    rows, kind = rows_of(workload), name.partition("-")[0]
    if kind in ("generation", "wall"):
        adapted = shape.num_layers if settings.get("adapter", False) else 0
        return work.generation(shape, rows, adapted_layers=adapted)
    if kind == "reward":
        return work.reward(shape, rows, settings.get("depth", 1.0), settings.get("pooling", "last"))
    if kind == "dpo":
        return work.dpo(shape, rows, is_live=settings["reference"] == "live")
    top = settings.get("adapter", {}).get("num_top_layers", shape.num_layers)
    has_critic = settings.get("value_model", "adapter") == "adapter"
    return work.ppo(shape, rows, epochs=EPOCHS, top_layers=top, has_critic=has_critic)


def expected_tokens(workload: Workload, *, is_ours: bool) -> int:
    """Tokens a worker should say it has seen: our trainers count those of completions only."""
    if isinstance(workload, Pairs) and is_ours:
        return sum(map(len, [*workload.chosen, *workload.rejected]))
    return workload.num_tokens
