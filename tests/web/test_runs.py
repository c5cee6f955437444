"""The runs page's routes: curves that can be followed, gauges, alarms, answers, the report."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.responses import Response

from rather.config.ppo import PPO
from rather.records import Alarm, Glimpse, Message, ModelVersion, Prompt, Run
from rather.store import glimpses, prompts, runs, versions
from rather.store.database import Database
from rather.web import runs as routes
from rather.web.replies import Refusal, fault
from rather.web.security import Guard, HostList

NOW = "2026-11-21T10:00:00.000000+00:00"
HEADERS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "rather.db", create=True) as db:
        yield db


def client_of(db: Database, report: Any = None) -> TestClient:
    """An admin's browser on an app of these routes alone."""
    app = FastAPI()
    app.include_router(routes.router(db, report))
    app.add_middleware(Guard, hosts=HostList("127.0.0.1"))

    def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return fault(error.status, error.message, code=error.code)

    app.add_exception_handler(Refusal, refused)
    return TestClient(app, base_url="http://127.0.0.1:8470", headers=HEADERS)


@pytest.fixture
def page(db: Database) -> TestClient:
    return client_of(db)


def begin(db: Database, id: str = "ppo-1a", stage: str = "ppo", **settings: Any) -> None:
    config = PPO(**settings).model_dump(mode="json") if stage == "ppo" else {}
    runs.start(db, Run(id, stage, config, "d", "running", NOW))


def test_runs_are_listed_newest_first(db: Database, page: TestClient) -> None:
    assert page.get("/api/admin/runs").json() == {"runs": []}
    begin(db, "sft-1a", "sft")
    begin(db)
    runs.record(db, "ppo-1a", 0, {"length": 3.0, "eos_rate": 1.0})
    runs.record(db, "ppo-1a", 1, {"length": 4.0})
    runs.finish(db, "sft-1a", "done")
    versions.register(db, ModelVersion("sft-1", "sft", "b", (), "sft-1a", "models/sft-1", NOW))
    first, second = page.get("/api/admin/runs").json()["runs"]
    assert (first["id"], first["num_steps"], first["version"]) == ("ppo-1a", 2, None)
    assert (first["status"], first["finished_at"], first["message"]) == ("running", None, "")
    assert (second["id"], second["num_steps"], second["version"]) == ("sft-1a", 0, "sft-1")
    assert (second["status"], second["started_at"]) == ("done", NOW)


def test_curves_can_be_followed(db: Database, page: TestClient) -> None:
    begin(db)
    runs.record(db, "ppo-1a", 0, {"length": 3.0, "objective/kl": 0.0, "mine": 7.0})
    runs.record(db, "ppo-1a", 1, {"length": math.nan, "objective/kl": math.inf, "stop/kl": 0.5})
    reply = page.get("/api/admin/runs/ppo-1a").json()
    assert reply["last_step"] == 1
    kl, length, mine = reply["curves"]
    assert kl == {
        "name": "objective/kl",
        "label": "KL to the reference (nats a completion)",
        "group": "kl",
        "steps": [0, 1],
        "values": [0.0, None],
    }
    assert (length["group"], length["values"]) == ("length", [3.0, None])
    assert (mine["name"], mine["label"], mine["group"]) == ("mine", "mine", "other")
    runs.record(db, "ppo-1a", 2, {"length": 5.0})
    later = page.get("/api/admin/runs/ppo-1a", params={"since": 1}).json()
    assert [(one["name"], one["steps"], one["values"]) for one in later["curves"]] == [
        ("length", [2], [5.0])
    ]
    assert (later["last_step"], later["run"]["num_steps"]) == (2, 3)
    assert page.get("/api/admin/runs/ppo-1a", params={"since": 2}).json()["curves"] == []


def test_gauges_and_alarms_stand_however_little_is_asked_for(
    db: Database, page: TestClient
) -> None:
    begin(db, rules={"max_kl": 40.0, "max_length_growth": None})
    runs.record(db, "ppo-1a", 0, {"stop/kl": 0.1})
    runs.record(db, "ppo-1a", 1, {"stop/kl": 0.75})
    runs.sound(db, "ppo-1a", 1, Alarm("kl", "warn", "Far."))
    reply = page.get("/api/admin/runs/ppo-1a", params={"since": 1}).json()
    assert reply["alarms"] == [{"step": 1, "rule": "kl", "severity": "warn", "sentence": "Far."}]
    near = {gauge["rule"]: gauge for gauge in reply["gauges"]}
    assert near["kl"] == {
        "rule": "kl",
        "says": "KL to the reference (nats a completion)",
        "value": 30.0,
        "warn_at": 20.0,
        "stop_at": 40.0,
        "rises": True,
        "state": "warned",
    }
    assert "length" not in near
    assert (near["eos"]["value"], near["eos"]["state"]) == (None, "unknown")
    assert near["eos"]["rises"] is False


def test_answers_over_time(db: Database, page: TestClient) -> None:
    system = Message("system", "Be kind.")
    prompts.add(db, [
        Prompt("p1", (Message("user", "*Why*?"),), "train"),
        Prompt("p2", (system, Message("user", "Who?\u202e")), "heldout"),
    ])  # fmt: skip
    begin(db)
    assert page.get("/api/admin/runs/ppo-1a/answers").json() == {"prompts": []}
    hostile = "<script>x</script>![i](http://e)"
    glimpses.record(db, "ppo-1a", 10, [Glimpse(10, "p1", "Later", 64, "length", 0.5, 1.25)])
    glimpses.record(
        db, "ppo-1a", 0, [Glimpse(0, "p1", hostile, 3, "stop"), Glimpse(0, "p2", "I", 1, "stop")]
    )
    who, why = page.get("/api/admin/runs/ppo-1a/answers").json()["prompts"]
    assert who["prompt"]["text"] == "system: Be kind.\n\nuser: Who?⟨U+202E⟩"
    assert "<em>Why</em>" in why["prompt"]["html"]
    first, later = why["answers"]
    assert "<script>" not in first["html"] and "<img" not in first["html"]
    assert first["text"] == hostile
    assert (first["step"], first["score"], first["kl"]) == (0, None, None)
    assert later == {
        "html": "<p>Later</p>\n",
        "text": "Later",
        "step": 10,
        "num_tokens": 64,
        "is_cut_off": True,
        "score": 0.5,
        "kl": 1.25,
    }


@pytest.mark.parametrize("path", ["nothing", "nothing/answers", "%2e%2e"])
def test_an_unknown_run_is_not_there(page: TestClient, path: str) -> None:
    assert page.get(f"/api/admin/runs/{path}").status_code == 404


@pytest.mark.parametrize("since", ["x", "1.5"])
def test_a_step_is_a_number(db: Database, page: TestClient, since: str) -> None:
    begin(db)
    assert page.get("/api/admin/runs/ppo-1a", params={"since": since}).status_code == 422


def test_the_report_is_made_anew_under_its_own_policy(db: Database) -> None:
    made: list[str] = []

    def report() -> str:
        made.append("once more")
        return f"<p>{len(made)}</p>"

    page = client_of(db, report)
    assert page.get("/api/admin/report").text == "<p>1</p>"
    reply = page.get("/api/admin/report")
    assert reply.text == "<p>2</p>"
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    policy = reply.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'none'", "sandbox"} <= set(policy)
    assert "style-src 'unsafe-inline'" in policy
    assert reply.headers["x-content-type-options"] == "nosniff"
    # and only that page has it
    others = page.get("/api/admin/runs").headers["content-security-policy"]
    assert "sandbox" not in others and "unsafe-inline" not in others


def test_where_no_report_can_be_made_it_says_so(page: TestClient) -> None:
    reply = page.get("/api/admin/report")
    assert (reply.status_code, "PyTorch" in reply.json()["error"]["message"]) == (501, True)
