"""Results of evaluations on disk: the same inputs are the same result, to the byte."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rather.data.identity import digest
from rather.durable import write_text
from rather.models.source import read_json
from rather.records import Run
from rather.report.model import plain
from rather.store import runs
from rather.workspace import Workspace

STAGE = "evaluate"
EVALUATION_FILE = "evaluation.json"
REWARDS_FILE = "reward_models.json"
_OF_THE_RUN = ("run_id", "created_at")
Result = dict[str, Any]


def keep(
    ws: Workspace,
    file: str,
    inputs: Sequence[Any],
    result: Result,
    metrics: Sequence[Mapping[str, float]] = (),
) -> Result:
    """Store a result as a run of `evaluate` and return it with the run's id and its date.

    What is not finite becomes null. The same result of the same inputs keeps its date, so that
    evaluating twice gives the same bytes. `metrics`: what is recorded of each model, in order.
    """
    run_id = f"{STAGE}-{digest([file, *inputs])[:10]}"
    path, now = ws.runs_dir / run_id / file, datetime.now(UTC).isoformat(timespec="microseconds")
    result, former = plain(result), read_json(path)
    is_same = result == {key: value for key, value in former.items() if key not in _OF_THE_RUN}
    whole = {"run_id": run_id, "created_at": former["created_at"] if is_same else now, **result}
    config = ws.config.evaluate.model_dump(mode="json")
    runs.start(ws.db, Run(run_id, STAGE, config, digest([*inputs]), "running", now))
    for number, one in enumerate(metrics):
        runs.record(ws.db, run_id, number, dict(one))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    runs.finish(ws.db, run_id, "done")
    return whole


def newest(
    ws: Workspace, file: str, fits: Callable[[Result], bool] = lambda result: True
) -> Result | None:
    """The result of that kind finished last, None where there is none."""
    done = [run for run in runs.all(ws.db) if run.stage == STAGE and run.status == "done"]
    for run in sorted(done, key=lambda one: one.finished_at or "", reverse=True):
        found = read_json(ws.runs_dir / run.id / file)
        if found and fits(found):
            return found
    return None


def newest_evaluation(ws: Workspace) -> Result | None:
    """The evaluation of policies finished last that this release can read."""
    return newest(ws, EVALUATION_FILE, _is_readable)


def is_outdated(ws: Workspace) -> bool:
    """Whether the evaluation finished last was made by an older release, which measured less."""
    found = newest(ws, EVALUATION_FILE)
    return found is not None and not _is_readable(found)


def newest_of_rewards(ws: Workspace) -> Result | None:
    """The newest evaluation of reward models on held-out judgments, None where there is none."""
    return newest(ws, REWARDS_FILE, lambda found: "ceiling" in found)


def _is_readable(result: Mapping[str, Any]) -> bool:
    return all("baseline_kl" in one for one in result["models"].values())
