"""Stages on servers: who is asked, what is refused, and a run that is killed or has two ranks."""

import json
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rather.errors import UsageError
from rather.stages import tuning
from rather.stages.evaluating import evaluate_all
from rather.stages.reinforcing import ppo
from rather.stages.sampling import sample_all
from rather.workspace import Workspace

Makes = Callable[..., Any]
FLAT = "-5.5"
"""About what a model that knows nothing says of one of 262 tokens."""


def on(server: Any, **settings: Any) -> dict[str, Any]:
    """The settings that have a stand-in draw; as it knows no model, it may say anything."""
    section = {"engine": "vllm", "servers": [server.url], "max_logprob_gap": 99.0}
    return {"rollout": section | settings}


def drawn_by(server: Any) -> list[dict[str, Any]]:
    """What it was asked to draw, without what was compared."""
    return [body for body in server.seen()["bodies"] if "prompt_logprobs" not in body]


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn on this machine."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("this machine's own engine was asked")

    monkeypatch.setattr("rather.rollout.local.engine_of", refuse)


@pytest.mark.usefixtures("no_engine")
def test_sampling_asks_the_servers_for_base_and_adapters(
    judged_ws: Workspace, standin: Makes
) -> None:
    tuned = judged_ws.configured({"watch": {"num_prompts": 0}})
    tuning.sft(tuned, dry_run=False, fresh=False)
    server = standin()
    ws = judged_ws.configured(
        on(server) | {"sample": {"models": ["base", "sft-1"], "num_completions": 2}}
    )
    made = sample_all(ws, ws.config.sample)
    asked = drawn_by(server)
    assert made.stored > 0
    assert {body["temperature"] for body in asked} == set(ws.config.sample.temperatures)
    assert {body["model"].partition("-")[0] for body in asked} == {"base", "answers"}
    assert server.seen()["loaded"] == {}, "what was loaded is let go"


@pytest.mark.usefixtures("no_engine")
def test_evaluation_and_best_of_n_ask_the_servers_and_know_their_answers(
    judged_ws: Workspace, standin: Makes
) -> None:
    tuned = judged_ws.configured({"watch": {"num_prompts": 0}})
    tuning.sft(tuned, dry_run=False, fresh=False)
    tuning.reward(tuned, dry_run=False, fresh=False)
    server = standin()
    ws = judged_ws.configured(on(server) | {"evaluate": {"best_of_n": 2, "reward": "reward-1"}})
    evaluate_all(ws, ["sft-1"])
    # three held-out prompts: one answer of each model, and one more of the baseline's best of two
    assert len(drawn_by(server)) == 3 * 2 + 3
    evaluate_all(ws, ["sft-1"])
    assert len(drawn_by(server)) == 9, "answers are made once"


def test_the_engines_answers_are_not_taken_for_the_servers(
    judged_ws: Workspace, standin: Makes
) -> None:
    tuning.reward(judged_ws, dry_run=False, fresh=False)
    settings = {"evaluate": {"best_of_n": 2, "reward": "reward-1"}}
    evaluate_all(judged_ws.configured(settings), [])
    server = standin()
    evaluate_all(judged_ws.configured(settings | on(server)), [])
    assert len(drawn_by(server)) == 3 * 2


def test_whole_models_are_refused_where_servers_draw(judged_ws: Workspace, standin: Makes) -> None:
    whole = {"adapter": {"tuning": "full"}}
    tuning.sft(judged_ws.configured({"sft": whole}), dry_run=False, fresh=False)
    server = standin()
    settings = {"sample": {"models": ["sft-1"]}, "ppo": {"start": "sft-1"}}
    ws = judged_ws.configured(on(server) | settings)
    with pytest.raises(UsageError, match="sft-1 is a whole model of its own, and the servers of"):
        sample_all(ws, ws.config.sample)
    with pytest.raises(UsageError, match="sft-1 is a whole model of its own"):
        evaluate_all(ws, ["sft-1"])
    with pytest.raises(UsageError, match=r"sft-1 is a whole model of its own, and adapters on it"):
        ppo(ws, dry_run=True, fresh=False)
    assert server.seen()["bodies"] == []


def flags(server: Any, staleness: int) -> list[str]:
    """For a stand-in whose log-probabilities are invented."""
    return [
        "--rollout.engine=vllm",
        f"--rollout.servers={server.url}",
        f"--rollout.staleness={staleness}",
        "--rollout.max-logprob-gap=99",
        "--rollout.requests-a-server=4",
        "--rules.max-mismatch-kl=null",
        "--rules.max-drift-kl=null",
        "--rules.min-kl=null",
    ]


@pytest.mark.parametrize("staleness", [0, 1, 2])
def test_a_killed_run_ends_as_an_undisturbed_one(
    staleness: int, standin: Makes, commands: Any, new_root: Callable[[], Path], left_by: Any
) -> None:
    """What the stand-in draws depends on the adapter's weights and on each seed, on nothing else;
    so a batch that was under way is drawn again from the very same policy."""
    server = standin(0.002, "--varies", f"--logprob={FLAT}")
    found = []
    kills = ["rollout.sampled:kill:2", "update.gradient:kill:5", "checkpoint.weights:kill:3"]
    for place in ["", *kills[: staleness + 1]]:
        root = new_root()
        command = [*commands.of("ppo", root), *flags(server, staleness)]
        if place:
            killed = commands(*command, failpoint=place)
            assert killed.code == -signal.SIGKILL, killed.said
        ended = commands(*command)
        assert ended.code == 0, ended.said
        found.append(left_by("ppo", root))
        assert list((root / "runs" / "served").iterdir()) == []
    assert all(one == found[0] for one in found)
    drawn = [body["model"] for body in drawn_by(server) if body["temperature"] == 1.0]
    assert len(set(drawn)) >= 5 - staleness, "every step has its own policy"


@pytest.mark.parametrize("staleness", [0, 1])
def test_two_ranks_have_the_rollouts_of_one(
    staleness: int, standin: Makes, commands: Any, new_root: Callable[[], Path]
) -> None:
    found, seeds = [], []
    for size in (1, 2):
        one, two = standin(0.002, f"--logprob={FLAT}"), standin(0.002, f"--logprob={FLAT}")
        root = new_root()
        command = [*commands.of("ppo", root), *flags(one, staleness)]
        ended = commands.ranks(*command, f"--rollout.servers={two.url}", size=size)
        assert [each.code for each in ended] == [0] * size, ended[0].said
        found.append(metrics_of(root))
        bodies = [body for server in (one, two) for body in drawn_by(server)]
        seeds.append(sorted(json.dumps([b["seed"], b["prompt"]]) for b in bodies))
        assert all(drawn_by(server) for server in (one, two)), "prompts are spread"
        for server in (one, two):
            loads = server.seen()["loads"]
            assert len(loads) == len(set(loads)) >= 5, "an adapter is loaded once"
    assert seeds[0] == seeds[1]
    assert found[1] == pytest.approx(found[0], abs=1e-5)


def metrics_of(root: Path) -> dict[tuple[int, str], float]:
    """All but what a clock gave."""
    with closing(sqlite3.connect(root / "rather.db")) as connection:
        found = connection.execute(
            "SELECT step, name, value FROM metrics JOIN runs ON runs.id = run_id"
            " WHERE name NOT LIKE 'speed/%' AND stage = 'ppo'"
        )
        return {(step, name): value for step, name, value in found}


def test_whole_models_are_not_drawn_ahead(judged_ws: Workspace) -> None:
    rollout = {"engine": "vllm", "servers": ["http://127.0.0.1:1"], "staleness": 1}
    full = {"ppo": {"adapter": {"tuning": "full"}, "reward": "length"}, "rollout": rollout}
    with pytest.raises(UsageError, match=r"one whole model at a time.*rollout\.staleness: 0"):
        ppo(judged_ws.configured(full), dry_run=True, fresh=False)


def test_whole_models_in_parts_are_refused_before_anything_is_loaded(
    judged_ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under several ranks, by the plan already: the others were not called yet."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    rollout = {"engine": "vllm", "servers": ["http://127.0.0.1:1"]}
    full = {"ppo": {"adapter": {"tuning": "full"}, "reward": "length"}, "rollout": rollout}
    with pytest.raises(UsageError, match=r"by one rank, .*set ppo\.adapter\.sharded: false"):
        ppo(judged_ws.configured(full), dry_run=True, fresh=False)
