"""The link that `rather invite` prints lets one new person in, once."""

import json
from pathlib import Path

import pytest

from rather import pipeline
from rather.cli.app import main
from rather.errors import UsageError
from rather.store import labellers, logins
from rather.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Workspace.create(tmp_path / "mine").close()
    return tmp_path / "mine"


def test_a_link_for_a_new_labeller(root: Path) -> None:
    with Workspace.open(root) as ws:
        found = pipeline.invite(ws, " Ann ", "labeller")
        assert f"http://127.0.0.1:8470{found['path']}" in found["summary"]
        (person,) = labellers.all(ws.db)
        assert (person.id, person.name, person.role) == (found["id"], "Ann", "labeller")
        assert (person.is_simulated, person.paused) == (False, "")
        token = found["path"].removeprefix("/login?token=")
        session = logins.redeem(ws.db, token)
        assert session is not None
        assert logins.labeller_of(ws.db, session) == person
        assert logins.redeem(ws.db, token) is None


def test_two_of_one_name_are_two(root: Path) -> None:
    with Workspace.open(root) as ws:
        ids = {pipeline.invite(ws, "Ann", "labeller")["id"] for _ in range(2)}
        assert len(ids) == len(labellers.all(ws.db)) == 2


def test_a_dry_run_invites_nobody(root: Path) -> None:
    with Workspace.open(root) as ws:
        found = pipeline.invite(ws, "Ann", "admin", dry_run=True)
        assert found["summary"] == "would invite Ann as admin."
        assert labellers.all(ws.db) == []


def test_where_the_app_listens_is_said_as_far_as_it_is_known(root: Path) -> None:
    for settings, where in [
        ({"label.port": 0}, ": /login?token="),
        ({"label.host": "::1"}, ": http://[::1]:8470/login?token="),
    ]:
        with Workspace.open(root, settings) as ws:
            assert where in pipeline.invite(ws, "Ann", "labeller")["summary"]


def test_a_name_is_needed(root: Path) -> None:
    with Workspace.open(root) as ws:
        for name in ("", "  ", "x" * 81):
            with pytest.raises(UsageError, match="a name of 1 to 80 characters"):
                pipeline.invite(ws, name, "labeller")


def test_on_the_command_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["invite", "Ann", "--role", "admin", "--json", "-w", str(root)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["role"], found["path"].startswith("/login?token=")) == ("admin", True)
    assert main(["invite", "Ann", "--role", "owner", "-w", str(root)]) == 2
