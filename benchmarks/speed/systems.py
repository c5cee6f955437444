"""Who is measured on which workload, with which settings."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ORACLES = ROOT / ".oracles"

EVERYWHERE = {
    "THP_MEM_ALLOC_ENABLE": "1",  # as `rather` sets it; peers gain by it too
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128",  # the same
    "LRU_CACHE_CAPACITY": "128",
    "HF_HUB_OFFLINE": "1",
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "VLLM_CPU_KVCACHE_SPACE": "2",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # its engine in the worker, whose memory is measured
}
BY_CPU = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"}
"""A thread that waits uses no CPU time, so CPU-seconds are work."""
BY_WALL = {"GOMP_SPINCOUNT": "1000"}
"""As `rather` is shipped; vLLM binds and counts its threads itself."""


@dataclass(frozen=True)
class System:
    """One program under one set of settings."""

    name: str
    workload: str
    worker: str
    """Its module in `benchmarks.speed.workers`."""
    settings: dict[str, Any] = field(default_factory=dict)
    home: str = ""
    """Its environment below `.oracles`; empty: this one."""
    memory_gb: float = 2.0
    """What it takes while it is resident, roughly."""
    is_trial: bool = False
    """Measured once, by itself: settings tried to find a peer's best, and its leanest."""
    device: str = "cpu"
    """Where it computes: cpu or cuda."""
    note: str = ""
    """What sets it apart from the workload's own algorithm."""

    @property
    def is_ours(self) -> bool:
        """Whether it is rather itself."""
        return self.worker.startswith("ours_")

    @property
    def module(self) -> str:
        """What its process runs."""
        return f"benchmarks.speed.workers.{self.worker}"

    @property
    def missing(self) -> str:
        """Why it cannot run here; empty when it can."""
        if not self.home or (ORACLES / self.home / ".ready").exists():
            return ""
        return f"{self.home} is not installed here"

    @property
    def python(self) -> str:
        """The interpreter it runs on: its own where its environment is a whole one."""
        own = ORACLES / self.home / "bin" / "python"
        return str(own) if self.home and own.exists() else sys.executable

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of its process."""
        packages = [str(ORACLES / self.home)] if self.home.startswith("trl") else []
        source = [str(ROOT / "src")] if self.is_ours else []
        path = os.pathsep.join([*packages, str(ROOT), *source])
        threads = BY_WALL if is_by_wall(self.workload) else BY_CPU
        place = threads | {"CUDA_VISIBLE_DEVICES": ""} if self.device == "cpu" else {}
        return {**os.environ, **EVERYWHERE, **place, "PYTHONPATH": path}


def is_by_wall(workload: str) -> bool:
    """Whether systems are compared by the wall's clock rather than by CPU-seconds."""
    return workload.startswith("wall-")


TRL_BEST = {
    "weights": "bfloat16",
    "attention": "eager",
    "microbatch_rows": 2,
    "autocast": False,
    "gradient_checkpointing": False,
}
"""The fastest in CPU-seconds of what was tried, on most processors; the other tries are measured
once in every run, and where one of them is faster it is TRL's best."""
TRL_DEFAULT = TRL_BEST | {
    "weights": "float32",
    "attention": "sdpa",
    "microbatch_rows": 8,
    "autocast": True,
    "gradient_checkpointing": True,
}
LEAN = {"microbatch_tokens": 512}
"""A quarter of our default: less memory for more time."""
FEWER = f"{LEAN['microbatch_tokens']} tokens a microbatch"


def _trl(version: str, workload: str, worker: str, **more: Any) -> list[System]:
    """TRL at its best, and everything else of it that is tried once."""
    name, home, best = f"TRL {version}", f"trl-{version}", TRL_BEST | more
    tried = {
        "sdpa": best | {"attention": "sdpa"},
        "1 row a microbatch": best | {"microbatch_rows": 1},
        "4 rows a microbatch": best | {"microbatch_rows": 4},
        "8 rows a microbatch": best | {"microbatch_rows": 8},
        "in float32": best | {"weights": "float32"},
        "its defaults": TRL_DEFAULT | more,
    }
    return [
        System(name, workload, worker, best, home, memory_gb=4.0),
        *(
            System(f"{name}, {how}", workload, worker, settings, home, 9.0, is_trial=True)
            for how, settings in tried.items()
        ),
    ]


def _generation() -> list[System]:
    found = []
    sdpa = {"weights": "bfloat16", "attention": "sdpa"}
    wide = sdpa | {"weights": "float32"}
    for workload in ("generation-1", "generation-4"):
        found += [
            System("ours", workload, "ours_generation", {"adapter": True}, note="with an adapter"),
            System("ours, base", workload, "ours_generation", {"adapter": False}),
            System("HF generate, sdpa", workload, "hf_generation", sdpa),
            System("HF generate, eager", workload, "hf_generation", sdpa | {"attention": "eager"}),
            System("HF generate, in float32", workload, "hf_generation", wide, is_trial=True),
        ]
    return found


def _wall() -> list[System]:
    found = []
    for workload in ("wall-1", "wall-4"):
        for has_adapter, ours, theirs in (
            (True, "ours", "vLLM"),
            (False, "ours, base", "vLLM, base"),
        ):
            own, other = {"adapter": has_adapter}, {"adapter": has_adapter, "eager": True}
            found += [
                System(ours, workload, "ours_generation", own),
                System(theirs, workload, "vllm_generation", other, "vllm", memory_gb=4.0),
            ]
    return found


def _reward() -> list[System]:
    same = {"pooling": "last", "head": "random", "depth": 1.0}
    own = {"pooling": "mean", "head": "random", "depth": 0.5}
    less = "our default: the score is read after half of the layers"
    return [
        System("ours", "reward", "ours_reward", same),
        System("ours, lean", "reward", "ours_reward", same | LEAN, note=FEWER),
        System("ours, half of the layers", "reward", "ours_reward", own, note=less),
        *_trl("1.16", "reward", "trl_reward"),
    ]


def _dpo() -> list[System]:
    found = []
    for reference, workload in (("live", "dpo-live"), ("computed once", "dpo-computed")):
        own = {"reference": reference}
        found += [
            System("ours", workload, "ours_dpo", own, memory_gb=3.0),
            System("ours, lean", workload, "ours_dpo", own | LEAN, note=FEWER),
            *_trl("1.16", workload, "trl_dpo", reference=reference),
        ]
    return found


def _ppo() -> list[System]:
    lora, top = {"tuning": "lora"}, {"tuning": "top_layers", "num_top_layers": 10}
    same, other = {"value_model": "adapter", "adapter": lora}, "another algorithm than TRL's"
    variants = {
        "ours, value head on the trunk": ("trunk", lora, 4.0),
        "ours, top 10 layers": ("adapter", top, 3.0),
        "ours, top 10 layers, value head on the trunk": ("trunk", top, 2.5),
    }
    found = []
    for workload in ("ppo-1", "ppo-4"):
        ours = System("ours", workload, "ours_ppo", same, memory_gb=6.0)
        lean = System("ours, lean", workload, "ours_ppo", same | LEAN, memory_gb=4.0, note=FEWER)
        others = [
            System(
                name,
                workload,
                "ours_ppo",
                {"value_model": value, "adapter": adapter},
                memory_gb=memory,
                note=other,
            )
            for name, (value, adapter, memory) in variants.items()
        ]
        best, *trials = _trl("1.12", workload, "trl_ppo")
        # A step takes minutes, and both races have TRL compute 32 rows: what was slower in the
        # first is not tried again.
        wanted = ("8 rows", "in float32")
        wanted += ("4 rows", "its defaults") if workload == "ppo-1" else ()
        tried = [one for one in trials if any(how in one.name for how in wanted)]
        found += [ours, lean, best, *others, *tried]
    return found


SYSTEMS = [*_generation(), *_wall(), *_reward(), *_dpo(), *_ppo()]
WORKLOADS = tuple(dict.fromkeys(system.workload for system in SYSTEMS))
