"""Results on disk: the same one keeps its date, another is another."""

import json
import math

from rather.stages.measuring.kept import keep, newest
from rather.store import runs
from rather.workspace import Workspace


def test_the_same_result_keeps_its_date(ws: Workspace) -> None:
    first = keep(ws, "a.json", ["inputs"], {"value": (1.5, math.nan)}, [{"kl": 2.0}])
    assert first["value"] == [1.5, None]
    path = ws.runs_dir / first["run_id"] / "a.json"
    before = path.read_bytes()
    assert json.loads(before) == first
    assert keep(ws, "a.json", ["inputs"], {"value": [1.5, None]}) == first
    assert path.read_bytes() == before
    changed = keep(ws, "a.json", ["inputs"], {"value": 2})
    assert changed["run_id"] == first["run_id"]
    assert changed["created_at"] > first["created_at"]
    run = runs.get(ws.db, first["run_id"])
    assert run is not None
    assert (run.stage, run.status) == ("evaluate", "done")
    assert runs.metrics(ws.db, first["run_id"]) == [(0, "kl", 2.0)]


def test_the_newest_of_a_kind(ws: Workspace) -> None:
    assert newest(ws, "a.json") is None
    first = keep(ws, "a.json", [1], {"value": 1})
    second = keep(ws, "a.json", [2], {"value": 2})
    keep(ws, "b.json", [3], {"value": 3})
    assert newest(ws, "a.json") == second
    assert newest(ws, "a.json", lambda found: found["value"] == 1) == first
    keep(ws, "a.json", [1], {"value": 1})  # done again, it is the newest again
    assert newest(ws, "a.json") == first
