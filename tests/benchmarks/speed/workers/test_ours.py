"""Our workers drive the real trainers and sampler: one step each, on the tiny model."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.speed import workloads
from benchmarks.speed.conductor import Conductor
from benchmarks.speed.races import expected_tokens
from benchmarks.speed.systems import SYSTEMS, System
from benchmarks.speed.workloads import Pairs, Workload, Writing

pytestmark = pytest.mark.slow

PAIRS = Pairs([[5, 6, 7], [8, 9]], [[10, 11], [12]], [[13], [14, 15, 16]])
WRITING = Writing([[5, 6, 7], [8, 9]], num_samples=2, max_new_tokens=4, context=6)
TOP = {"tuning": "top_layers", "num_top_layers": 1}


def races() -> list[Any]:
    """Each worker with each of its settings once, those of deep models made shallow."""
    found = {}
    for one in SYSTEMS:
        if one.is_ours:
            settings = dict(one.settings)
            if settings.get("adapter") not in (True, False, None, {"tuning": "lora"}):
                settings["adapter"] = TOP
            workload: Workload = PAIRS if one.worker in ("ours_reward", "ours_dpo") else WRITING
            found[f"{one.worker} {settings}"] = (one.worker, settings, workload)
    adapters = [{"kind": kind, "num_adapters": 3} for kind in ("reward", "serving")]
    found |= {f"adapters {one}": ("ours_adapters", one, WRITING) for one in adapters}
    return [pytest.param(*race, id=name) for name, race in found.items()]


@pytest.mark.parametrize(("worker", "settings", "workload"), races())
def test_a_step(
    tiny_model: Path, worker: str, settings: dict[str, Any], workload: Workload
) -> None:
    conductor = Conductor(workloads.as_json(workload), tiny_model, lambda line: None)
    conductor.measure([System("ours", "pretence", worker, settings)], repeats=1)
    assert conductor.failed == {}
    (step,) = conductor.measured["ours"]["repeats"]
    assert step["cpu_seconds"] > 0
    if worker != "ours_adapters":
        assert step["tokens"] == expected_tokens(workload, is_ours=True)
