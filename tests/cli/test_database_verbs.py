"""`rather db copy`, as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rather.cli import app
from rather.records import Message, Prompt
from rather.store import prompts
from rather.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path, create_workspace: Callable[..., Workspace]) -> Path:
    root = tmp_path / "mine"
    with create_workspace(root) as ws:
        prompts.add(ws.db, [Prompt("p1", (Message("user", "?"),), "train")])
    return root


def run(capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, str, str]:
    code = app.main(command)
    out, err = capsys.readouterr()
    return code, out, err


def test_a_workspace_moves_to_a_server_and_back(
    root: Path,
    tmp_path: Path,
    new_url: Callable[[], str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # the tests' server asks nobody for a password, so any will do
    url = new_url().replace("rather@", "rather:secret@")
    shown = url.replace("secret", "***")
    code, out, err = run(capsys, "db", "copy", "--to", url, "-w", str(root))
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == (
        f"copied 1 rows from {root / 'rather.db'} to {shown}, and found them the same there; now "
        f"write `database: {shown}` into rather.yaml, or set RATHER_DATABASE_URL"
    )
    monkeypatch.setenv("RATHER_DATABASE_URL", url)
    code, out, err = run(capsys, "status", "-w", str(root))
    assert out.startswith("1 prompts, ")
    to = str(tmp_path / "back.db")
    code, out, err = run(capsys, "db", "copy", "--to", to, "-w", str(root), "--json")
    reply = json.loads(out)
    assert (code, reply["from"], reply["to"]) == (0, shown, to)
    assert reply["tables"]["prompts"]["rows"] == 1
    monkeypatch.setenv("RATHER_DATABASE_URL", to)
    with Workspace.open(root) as ws:
        assert [prompt.id for prompt in prompts.all(ws.db)] == ["p1"]


def test_a_dry_run_counts_and_touches_nothing(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "to.db"
    code, out, _ = run(capsys, "db", "copy", "--to", str(to), "-w", str(root), "-n")
    assert (code, out) == (0, f"would copy 1 rows from {root / 'rather.db'} to {to}\n")
    assert not to.exists()


def test_an_occupied_target_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for flags in ([], ["-n"]):
        to = str(root / "rather.db")
        code, out, err = run(capsys, "db", "copy", "--to", to, "-w", str(root), *flags)
        assert (code, out) == (2, "")
        assert "holds a workspace already (1 rows): nothing is copied over it" in err


def test_a_server_that_is_down_is_one_sentence(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("psycopg", reason="no PostgreSQL driver: pip install 'rather[postgres]'")
    to = "postgresql://ann:secret@127.0.0.1:1/name"
    code, out, err = run(capsys, "db", "copy", "--to", to, "-w", str(root), "--json")
    assert code == 5
    assert err.count("\n") == 1
    assert "cannot be reached" in err
    assert "secret" not in out + err


def test_init_says_what_it_joins(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs, new = str(root / "rather.db"), str(tmp_path / "joined")
    code, out, _ = run(capsys, "init", new, "--database", theirs)
    assert code == 0
    assert out == (
        f"{new} is a workspace on a database with 1 prompts; next: cd {new} && rather status\n"
    )
