"""`alias`, `key` and `serve -n`: what they say, with --json and without."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rather.cli import app
from rather.records import ModelVersion
from rather.store import versions
from rather.store.serving import api_keys
from rather.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path, create_workspace: Callable[..., Workspace]) -> Path:
    folder = tmp_path / "mine"
    with create_workspace(folder) as ws:
        for number in (1, 2):
            name = f"ppo-{number}"
            version = ModelVersion(name, "ppo", "embedded", (), "r", f"models/{name}", "2026-01-01")
            versions.register(ws.db, version)
    return folder


@pytest.fixture
def say(root: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command and gives its exit code and its JSON."""

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        code = app.main([*words, "-w", str(root), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_an_alias_is_made_switched_and_rolled_back(say: Any) -> None:
    assert say("alias")[1]["aliases"] == {}
    code, made = say("alias", "prod", "ppo-1")
    assert (code, made["version"]) == (0, "ppo-1")
    say("alias", "prod", "ppo-2")
    code, would = say("alias", "prod", "--rollback", "-n")
    assert (code, would["summary"]) == (0, "would let prod mean what it did before.")
    assert say("alias", "prod", "--rollback")[1]["version"] == "ppo-1"
    told = say("alias", "prod")[1]
    assert told["aliases"] == {"prod": "ppo-1"}
    assert [one["is_rollback"] for one in told["history"]] == [False, False, True]


def test_what_cannot_be_meant_is_told(say: Any) -> None:
    code, told = say("alias", "prod", "ppo-9")
    assert (code, told["error"]["type"]) == (3, "DataError")
    assert say("alias", "prod", "ppo-1", "--rollback")[0] == 2
    assert say("alias", "ppo-1", "ppo-2")[0] == 2


def test_a_key_is_said_once_and_closed(say: Any, root: Path) -> None:
    code, made = say("key", "bob")
    assert (code, made["role"]) == (0, "client")
    with Workspace.open(root) as ws:
        assert [one.hash for one in api_keys.all(ws.db)] == [api_keys.hash_of(made["key"])]
    listed = say("key")[1]
    assert made["key"] not in json.dumps(listed)
    assert [one["name"] for one in listed["keys"]] == ["bob"]
    say("key", "ada", "--role", "admin", "-n")
    assert len(say("key")[1]["keys"]) == 1
    assert say("key", "bob", "--revoke")[0] == 0
    assert say("key")[1]["keys"] == []
    assert say("key", "bob", "--revoke")[0] == 3


def test_serving_says_what_it_would_do(say: Any) -> None:
    say("alias", "prod", "ppo-2")
    code, would = say("serve", "-n")
    assert code == 0
    assert would["summary"] == (
        "would serve base and 2 version(s) on 127.0.0.1:8471 by the local engine."
    )
    assert (would["versions"], would["aliases"]) == (["ppo-1", "ppo-2"], {"prod": "ppo-2"})


def test_others_need_a_key_to_be_let_in(say: Any) -> None:
    code, told = say("serve", "--host", "0.0.0.0", "--expose", "-n")
    assert (code, "rather key NAME" in told["error"]["message"]) == (2, True)
    say("key", "ada", "--role", "admin")  # which keeps nobody else out
    assert say("serve", "--host", "0.0.0.0", "--expose", "-n")[0] == 2
    say("key", "bob")
    assert say("serve", "--host", "0.0.0.0", "--expose", "-n")[0] == 0
    code, told = say("serve", "--host", "0.0.0.0")
    assert (code, "--expose" in told["error"]["message"]) == (2, True)
