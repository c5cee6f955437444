"""A worker's process: what it is asked, and what is said of one that does not even start."""

import json
from pathlib import Path

import pytest

from benchmarks.speed.resident import Worker, WorkerFailed
from benchmarks.speed.systems import System


def test_a_worker_that_does_not_start(tmp_path: Path) -> None:
    system = System("nobody", "pretence", "no_such_worker", {"a": 1})
    with Worker(system, {"prompts": []}, tmp_path, tmp_path) as worker:
        with pytest.raises(WorkerFailed, match="no_such_worker"):
            worker.ready()
        with pytest.raises(WorkerFailed, match="ended with code 1"):
            worker.step()
    asked = json.loads((tmp_path / "request.json").read_text("utf-8"))
    assert asked == {"model": str(tmp_path), "workload": {"prompts": []}, "settings": {"a": 1}}
