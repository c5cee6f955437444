"""`ppo` on a workspace: the gate, hacked rewards that are stopped, what is kept and published."""

import json
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from safetensors.torch import load_file

from rather.durable import verify
from rather.errors import DataError, EnvironmentFault, StoppedByRule, UsageError
from rather.records import ModelVersion
from rather.stages import reinforcing, tuning
from rather.stages.reporting import gather_report
from rather.stages.runs import open_library
from rather.store import runs, versions
from rather.training.checkpoints import load_tensors
from rather.workspace import Workspace

Result = dict[str, Any]
HACKED = '''
"""Rewards a policy can earn without an answer."""


def marks(prompt, completion):
    """Loves exclamation marks."""
    return 3.0 * completion.count("!")


def length(prompt, completion):
    return float(len(completion))


def first_marks(prompt, tokens):
    return [1.0 if text == "!" else 0.0 for text in tokens]


def too_few(prompt, tokens):
    return [1.0]
'''


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of rewards in the current folder, as a user would write it."""
    (tmp_path / "hacked.py").write_text(HACKED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "hacked"
    sys.modules.pop("hacked", None)


def ppo(ws: Workspace, **options: bool) -> Result:
    return reinforcing.ppo(ws, **{"dry_run": False, "fresh": False, **options})


def register(ws: Workspace, accuracy: float, low: float) -> None:
    """A reward version with nothing but its numbers."""
    metrics = {"accuracy": accuracy, "accuracy_low": low, "num_pairs": 40.0}
    version = ModelVersion("reward-1", "reward", "base", (), "r", "models/r", "2026", metrics)
    versions.register(ws.db, version)


@pytest.mark.parametrize(
    ("accuracy", "low", "refused"),
    [(0.54, 0.51, True), (0.7, 0.49, True), (0.7, 0.5, True), (0.56, 0.51, False)],
)
def test_a_weak_reward_model_is_refused(
    ws: Workspace, accuracy: float, low: float, refused: bool
) -> None:
    register(ws, accuracy, low)
    mix = [(1.0, "reward-1")]
    if refused:
        sentence = rf"reward-1 orders {accuracy:.0%} of 40 held-out pairs .* or give --force\."
        with pytest.raises(StoppedByRule, match=sentence):
            reinforcing.require_fit_reward(ws, mix, force=False)
    else:
        reinforcing.require_fit_reward(ws, mix, force=False)
    reinforcing.require_fit_reward(ws, mix, force=True)


def test_the_gate_stands_before_anything_is_trained(judged_ws: Workspace) -> None:
    tuning.reward(judged_ws, dry_run=False, fresh=False)
    # three held-out pairs prove nothing
    with pytest.raises(StoppedByRule, match="too little to tune against; collect more judgments"):
        ppo(judged_ws)
    assert [run.stage for run in runs.all(judged_ws.db)] == ["reward"]
    assert ppo(judged_ws, force=True)["version"] == "ppo-1"


EAGER = {
    "num_steps": 30,
    "batch_size": 8,
    "num_completions": 4,
    "num_epochs": 2,
    "learning_rate": 5e-3,
    "adapter": {"tuning": "full"},  # with adapters alone so small a model cannot become one-sided
    "schedule": "constant",
    "warmup_fraction": 0.0,
    "kl_coefficient": 0.0,
    "max_new_tokens": 8,
}


def test_a_policy_that_loves_exclamation_marks_is_caught(ws: Workspace, functions: str) -> None:
    ws = ws.configured({"ppo": {**EAGER, "reward": f"{functions}:marks"}})
    with pytest.raises(StoppedByRule, match=r"^Stopped: .* ppo-1 is the last good policy") as stop:
        ppo(ws)
    version = versions.get(ws.db, "ppo-1")
    assert version is not None
    kept = version.provenance["kept_step"]
    assert 0 < kept < 30
    assert verify(ws.root / version.path) == []
    # the weights are those of the good step's checkpoint, and its numbers are quiet ones
    folder = ws.runs_dir / version.run_id / f"checkpoint-{kept}"
    checkpoint = load_tensors(folder)
    published = load_file(ws.root / version.path / "model.safetensors")
    assert len(published) > 10
    for name, weight in published.items():
        assert weight.equal(checkpoint[f"weight/{name}"]), name
    alarms = runs.alarms(ws.db, version.run_id)
    assert all(step > kept for step, _ in alarms)
    last = max(step for step, _ in alarms)
    assert {step for step, alarm in alarms if alarm.severity == "stop"} == {last}
    run = runs.get(ws.db, version.run_id)
    assert run is not None
    assert run.status == "stopped"
    page = gather_report(ws)
    assert page.alarms[0].is_stop
    assert page.alarms[0].run == "ppo-1"
    assert any("ppo-1 was stopped by a rule" in said for said in page.cautions)
    # the same command again says the same, and trains nothing
    with pytest.raises(StoppedByRule) as again:
        ppo(ws)
    assert str(again.value) == str(stop.value)
    assert len(versions.all(ws.db)) == 1


def test_a_stop_before_anything_good_publishes_nothing(ws: Workspace, functions: str) -> None:
    rules = {"max_kl": 1e-9, "check_every": 1}
    ws = ws.configured({"ppo": {**EAGER, "reward": f"{functions}:length", "rules": rules}})
    with pytest.raises(StoppedByRule, match=r"Nothing was published: base, where it began"):
        ppo(ws)
    assert versions.all(ws.db) == []


def test_the_held_out_reward_is_measured_and_kept(ws: Workspace, functions: str) -> None:
    rules = {"heldout_reward": "concision", "check_every": 2, "num_heldout_prompts": 2}
    settings = {"reward": f"{functions}:marks", "num_steps": 4, "rules": rules}
    result = ppo(ws.configured({"ppo": settings}))
    steps = [
        step for step, name, _ in runs.metrics(ws.db, result["run_id"]) if name == "heldout/score"
    ]
    assert steps == [0, 2]


@pytest.mark.parametrize("advantage", ["rloo", "grpo", "reinforce++"])
def test_without_a_critic_nothing_of_one_is_trained(ws: Workspace, advantage: str) -> None:
    settings = {"advantage": advantage, "reward": "concision", "num_steps": 2}
    result = ppo(ws.configured({"ppo": settings}))
    names = set(result["metrics"])
    assert not names & {"loss/value_avg", "val/explained_variance"}
    newest = max((ws.runs_dir / result["run_id"]).glob("checkpoint-*"))
    assert not [name for name in load_tensors(newest) if "value" in name.split("/")[-1]]


def test_a_copied_critic_begins_with_the_reward_model(
    new_judged_ws: Callable[..., Workspace],
) -> None:
    full = {"tuning": "full"}
    ws = new_judged_ws().configured({"reward": {"adapter": full}})
    tuning.reward(ws, dry_run=False, fresh=False)
    ws = ws.configured({"ppo": {"critic": {"value_model": "copy"}, "num_steps": 1}})
    assert ppo(ws, force=True)["version"] == "ppo-1"
    with pytest.raises(UsageError, match="copy cannot begin from a reward model that is an adapt"):
        other = new_judged_ws("other")
        tuning.reward(other, dry_run=False, fresh=False)
        ppo(other.configured({"ppo": {"critic": {"value_model": "copy"}}}), force=True)


def test_tokens_can_be_paid_one_by_one(ws: Workspace, functions: str) -> None:
    shaping = {"token_function": f"{functions}:first_marks"}
    paid = ppo(ws.configured({"ppo": {"reward": "concision", "shaping": shaping}}))
    assert paid["version"] == "ppo-1"
    shaping = {"token_function": f"{functions}:too_few"}
    with pytest.raises(UsageError, match="must return one finite number for each of the"):
        ppo(ws.configured({"ppo": {"reward": "concision", "shaping": shaping}}))
    assert open_library(ws).policy("ppo-1").adapter == "ppo-1"


class Judge(BaseHTTPRequestHandler):
    """Scores a completion by its length; for the prompt of a broken server, by nothing."""

    def do_POST(self) -> None:
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["rows"]
        scores: list[Any] = [len(row["completion"]) / 10 for row in rows]
        if self.path == "/broken":
            scores[0] = "many"
        body = json.dumps({"scores": scores}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Be silent."""


@pytest.fixture
def server() -> Iterator[str]:
    served = HTTPServer(("127.0.0.1", 0), Judge)
    thread = Thread(target=served.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    thread.join()
    served.server_close()


def test_a_server_can_be_the_reward(ws: Workspace, server: str) -> None:
    mixed = {"reward": f"0.5*{server}/score + 0.5*concision", "num_steps": 1}
    assert ppo(ws.configured({"ppo": mixed}))["version"] == "ppo-1"
    with pytest.raises(EnvironmentFault, match="gave 'many' as the score of row 0"):
        ppo(ws.configured({"ppo": {"reward": f"{server}/broken", "num_steps": 1}}))


def test_held_out_rewards_need_held_out_prompts(
    new_ws: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = new_ws().configured({"ppo": {"rules": {"heldout_reward": "vader"}, "reward": "vader"}})
    monkeypatch.setattr(reinforcing.examples, "tasks", _only_training_tasks)
    with pytest.raises(DataError, match="There are no held-out prompts"):
        ppo(ws)


_tasks = reinforcing.examples.tasks


def _only_training_tasks(
    ws: Workspace, codec: Any, left_out: Any, split: str = "train"
) -> list[Any]:
    return _tasks(ws, codec, left_out) if split == "train" else []
