"""A workspace pushed: what goes along, what stays, and whose state is never put over."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rather.bucket import snapshots
from rather.bucket.place import Place
from rather.durable import staged_directory
from rather.errors import UsageError
from rather.progress import Progress
from rather.records import Message, Prompt
from rather.stages.exchange.pulling import pull
from rather.stages.exchange.pushing import push
from rather.store import prompts
from rather.store.copying import copy_database
from rather.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path, create_workspace: Callable[..., Workspace]) -> Path:
    """A workspace with a sealed checkpoint, a reward of its own, and things that must not leave."""
    root = tmp_path / "mine"
    create_workspace(root).close()
    with staged_directory(root / "runs" / "ppo-1" / "checkpoint-2") as staging:
        (staging / "state.json").write_text("{}")
    (root / "my_reward.py").write_text("def score(prompt, completion): return 1.0\n")
    (root / "runs" / "ppo-1" / "run.lock").write_text("")
    (root / "runs" / "served").mkdir()
    (root / "runs" / "served" / "big").write_text("a step's weights")
    return root


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"file://{tmp_path}/store"


def kept(store: str) -> set[str]:
    found = snapshots.newest(Place.at(store))
    assert found
    return set(found.files)


def test_everything_goes_along_but_secrets_locks_and_what_is_made_again(
    root: Path, store: str
) -> None:
    with Workspace.open(root) as ws:
        told = push(ws, store)
    assert kept(store) == {
        ".gitignore",
        "rather.yaml",
        "rather.db",
        "workspace.json",
        "my_reward.py",
        "runs/ppo-1/checkpoint-2/manifest.json",
        "runs/ppo-1/checkpoint-2/state.json",
    }
    assert told["left_out"] == ["the secret that signs links"]
    secret = (root / ".rather-secret").read_bytes()
    there = Place.at(store)
    assert all(secret not in there.read(name) for name in there.sizes())


def test_a_password_in_the_address_of_the_database_stays(
    root: Path, store: str, new_url: Callable[[], str]
) -> None:
    url = new_url().replace("rather@", "rather:pa55word@")
    with Workspace.open(root) as ws:
        copy_database(ws.db, url, Progress(quiet=True))
    (root / "rather.yaml").write_text(f"database: {url}\n")
    with Workspace.open(root) as ws:
        told = push(ws, store)
    there = Place.at(store)
    assert all(b"pa55word" not in there.read(name) for name in there.sizes())
    assert "rather.db" not in kept(store)
    assert "pa55word" not in json.dumps(told) and "***@" in told["left_out"][1]


def test_a_damaged_folder_stays_and_is_listed(root: Path, store: str) -> None:
    (root / "runs" / "ppo-1" / "checkpoint-2" / "state.json").write_text("[]")
    with Workspace.open(root) as ws:
        told = push(ws, store)
    assert told["damaged"] == ["runs/ppo-1/checkpoint-2"]
    assert "1 damaged folders were left out (runs/ppo-1/checkpoint-2)" in told["summary"]
    assert not any(name.startswith("runs") for name in kept(store))


def test_only_what_is_new_is_sent(root: Path, store: str) -> None:
    """The copy of the database may be another each time; a checkpoint goes once."""
    (root / "big").write_bytes(bytes(5_000_000))
    with Workspace.open(root) as ws:
        assert push(ws, store)["sent_bytes"] > 5_000_000
        assert push(ws, store)["sent_bytes"] < 1_000_000


def test_a_dry_run_sends_nothing(root: Path, store: str, tmp_path: Path) -> None:
    with Workspace.open(root) as ws:
        told = push(ws, store, dry_run=True)
    assert told["summary"].startswith("would push 7 files") and not (tmp_path / "store").exists()


def test_what_another_folder_pushed_since_is_not_put_over(
    root: Path, store: str, tmp_path: Path
) -> None:
    with Workspace.open(root) as ws:
        push(ws, store)
    pull(store, tmp_path / "theirs", Progress(quiet=True))
    with Workspace.open(tmp_path / "theirs") as theirs:
        prompts.add(theirs.db, [Prompt("p1", (Message("user", "?"),), "train")])
        push(theirs, store)
    with Workspace.open(root) as ws:
        with pytest.raises(UsageError, match="which this folder was not pushed as or pulled from"):
            push(ws, store)
        push(ws, store, force=True)


def test_a_database_elsewhere_on_this_machine_is_refused(
    root: Path, store: str, tmp_path: Path
) -> None:
    (root / "rather.db").rename(tmp_path / "else.db")
    (root / "rather.yaml").write_text(f"database: {tmp_path}/else.db\n")
    with (
        Workspace.open(root) as ws,
        pytest.raises(UsageError, match="is not in the workspace's folder"),
    ):
        push(ws, store)
