"""A workspace pulled: all of it or none, and it goes on where it stood."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from rather import failpoints
from rather.bucket.place import Place
from rather.durable import staged_directory, verify
from rather.errors import DataError, UsageError
from rather.progress import Progress
from rather.records import Message, Prompt
from rather.stages.exchange.pulling import pull
from rather.stages.exchange.pushing import push
from rather.store import prompts
from rather.workspace import Workspace, is_workspace

QUIET = Progress(quiet=True)


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A workspace of one prompt and one checkpoint, pushed; its machine is gone."""
    root, store = tmp_path / "lost", f"file://{tmp_path}/store"
    Workspace.create(root).close()
    with staged_directory(root / "runs" / "ppo-1" / "checkpoint-2") as staging:
        (staging / "state.json").write_text("the state")
    with Workspace.open(root) as ws:
        prompts.add(ws.db, [Prompt("p1", (Message("user", "?"),), "train")])
        push(ws, store)
    shutil.rmtree(root)
    return store


def test_the_workspace_is_there_again(store: str, tmp_path: Path) -> None:
    told = pull(store, tmp_path / "here", QUIET)
    assert told["files"] == 6
    assert ".rather-secret" in (tmp_path / "here" / ".gitignore").read_text("utf-8")
    with Workspace.open(tmp_path / "here") as ws:
        assert [one.id for one in prompts.all(ws.db)] == ["p1"]
        assert verify(ws.runs_dir / "ppo-1" / "checkpoint-2") == []
        assert len(ws.secret) == 32


def test_broken_off_it_is_no_workspace_and_the_same_command_goes_on(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    monkeypatch.setattr(failpoints, "_passed", Counter())
    monkeypatch.setenv("RATHER_FAILPOINT", "bucket.received:raise:3")
    with pytest.raises(RuntimeError, match="failpoint"):
        pull(store, here, QUIET)
    assert not is_workspace(here) and any(here.iterdir())
    monkeypatch.delenv("RATHER_FAILPOINT")
    fetched: list[str] = []
    fetch = Place.fetch
    monkeypatch.setattr(
        Place, "fetch", lambda self, name, to: (fetched.append(name), fetch(self, name, to))
    )
    assert "of which were there" in pull(store, here, QUIET)["summary"]
    assert len(fetched) == 3  # of six, three were there
    assert is_workspace(here)


def test_a_damaged_object_ends_it_before_there_is_a_workspace(store: str, tmp_path: Path) -> None:
    place = Place.at(store)
    (name,) = (name for name in place.sizes("objects") if place.read(name) == b"the state")
    place.write(name, b"the stale")
    with pytest.raises(DataError, match=r"runs/ppo-1/checkpoint-2/state\.json in .* is damaged"):
        pull(store, tmp_path / "here", QUIET)
    assert not is_workspace(tmp_path / "here")


def test_a_workspace_is_never_pulled_over(store: str, tmp_path: Path) -> None:
    pull(store, tmp_path / "here", QUIET)
    with pytest.raises(UsageError, match="is a workspace already: pull into another folder"):
        pull(store, tmp_path / "here", QUIET)


def test_where_nothing_was_pushed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no workspace at file://"):
        pull(f"file://{tmp_path}/empty", tmp_path / "here", QUIET)


def test_a_dry_run_brings_nothing(store: str, tmp_path: Path) -> None:
    assert pull(store, tmp_path / "here", QUIET, dry_run=True)["files"] == 6
    assert not (tmp_path / "here").exists()
