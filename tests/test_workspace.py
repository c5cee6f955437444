"""Workspaces: made whole, opened with their configuration, refused in one sentence."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rather.config.loading import load
from rather.config.template import commented_yaml
from rather.errors import EnvironmentFault, UsageError
from rather.progress import Progress
from rather.store import meta
from rather.workspace import Workspace, find_workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Workspace.create(tmp_path / "mine").close()
    return tmp_path / "mine"


def test_what_is_created_can_be_opened(tmp_path: Path) -> None:
    config = load(None, {"ppo.num_steps": 7})
    made = Workspace.create(tmp_path / "deep" / "mine", config)
    assert made.config == config
    assert sorted(path.name for path in made.root.iterdir()) == [
        ".gitignore",
        ".rather-secret",
        "rather.db",
        "rather.yaml",
        "workspace.json",
    ]
    with Workspace.open(made.root) as opened:
        assert opened.config == config
        assert opened.db.check() == []
        assert (opened.models_dir, opened.runs_dir) == (made.root / "models", made.root / "runs")


def test_overrides_reach_the_configuration(root: Path) -> None:
    with Workspace.open(root, {"ppo.num_steps": "3"}, Progress(quiet=True)) as ws:
        assert ws.config.ppo.num_steps == 3
        more = ws.configured({"ppo": {"num_epochs": 2}})
        assert (more.config.ppo.num_steps, more.config.ppo.num_epochs) == (3, 2)
        assert more.db is ws.db
        assert ws.config.ppo.num_epochs == 1


@pytest.mark.parametrize(("rank", "said"), [("0", "loading\n"), ("1", "")])
def test_of_several_processes_only_the_first_one_speaks(
    rank: str,
    said: str,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    with Workspace.open(root) as ws, ws.progress.announced("loading", seconds=0.01):
        time.sleep(0.2)
    assert capsys.readouterr().err == said


def test_the_users_own_rather_yaml_is_kept(tmp_path: Path) -> None:
    (tmp_path / "rather.yaml").write_text("seed: 5\n")
    assert Workspace.create(tmp_path).config.seed == 5
    assert (tmp_path / "rather.yaml").read_text() == "seed: 5\n"


def test_the_secret_is_made_once_and_private(root: Path) -> None:
    with Workspace.open(root) as ws:
        secret = ws.secret
    assert len(secret) == 32
    assert (root / ".rather-secret").stat().st_mode & 0o777 == 0o600
    with Workspace.open(root) as ws:
        assert ws.secret == secret
    (root / ".rather-secret").write_bytes(b"short")
    with pytest.raises(EnvironmentFault, match=r"\.rather-secret is damaged: delete it"):
        _ = Workspace.open(root).secret


def test_the_nearest_workspace_is_found_upward(root: Path, tmp_path: Path) -> None:
    (root / "runs" / "deep").mkdir(parents=True)
    assert find_workspace(root / "runs" / "deep") == root
    with pytest.raises(UsageError, match="is not in a workspace: make one with `rather init DIR`"):
        find_workspace(tmp_path)


def test_what_is_no_workspace_is_refused(tmp_path: Path, root: Path) -> None:
    with pytest.raises(UsageError, match="is not a workspace: make one with `rather init"):
        Workspace.open(tmp_path)
    with pytest.raises(UsageError, match="is a workspace already"):
        Workspace.create(root)
    with pytest.raises(UsageError, match="is a file: choose another name"):
        Workspace.create(root / "rather.yaml")


@pytest.mark.parametrize(
    ("marker", "sentence"),
    [
        (json.dumps({"format": 2}), "made by a newer version of rather .workspace format 2"),
        ("{}", "workspace.json is damaged"),
        ("not json", "workspace.json is damaged"),
    ],
)
def test_a_marker_from_elsewhere_is_refused(marker: str, sentence: str, root: Path) -> None:
    (root / "workspace.json").write_text(marker)
    with pytest.raises(UsageError, match=sentence):
        Workspace.open(root)


def test_a_wrong_setting_names_its_line(root: Path) -> None:
    (root / "rather.yaml").write_text("ppo:\n  kl_coef: 1\n")
    with pytest.raises(UsageError, match=r"rather\.yaml:2: ppo\.kl_coef is not a setting"):
        Workspace.open(root)


def test_the_database_may_be_another_file_of_the_workspace(root: Path) -> None:
    (root / "rather.db").rename(root / "moved.db")
    (root / "rather.yaml").write_text("database: moved.db\n")
    with Workspace.open(root) as ws:
        assert ws.db.where == str(root / "moved.db")


def test_a_team_shares_a_database(tmp_path: Path, new_url: Callable[[], str]) -> None:
    # the tests' server asks nobody for a password, so any will do
    url = new_url().replace("rather@", "rather:secret@")
    for name in ("mine", "yours"):
        Workspace.create(tmp_path / name, load(None, {"database": url})).close()
    assert not (tmp_path / "mine" / "rather.db").exists()
    file = tmp_path / "mine" / "rather.yaml"
    assert file.stat().st_mode & 0o777 == 0o600
    with Workspace.open(tmp_path / "mine") as mine, Workspace.open(tmp_path / "yours") as yours:
        meta.put(mine.db, "a", "b")
        assert meta.get(yours.db, "a") == "b"
        shown = [commented_yaml(mine.config), repr(mine.config), mine.config.model_dump_json()]
        assert [text for text in [*shown, mine.db.where] if "secret" in text] == []


def test_the_environment_wins_over_the_file_and_is_not_written_down(
    tmp_path: Path, new_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATHER_DATABASE_URL", new_url())
    Workspace.create(tmp_path / "mine", load(None, {})).close()
    file = tmp_path / "mine" / "rather.yaml"
    assert "\ndatabase: null\n" in file.read_text()
    file.write_text("database: nowhere.db\n")
    with Workspace.open(tmp_path / "mine") as ws:
        meta.put(ws.db, "a", "b")
    monkeypatch.delenv("RATHER_DATABASE_URL")
    with (
        Workspace.open(tmp_path / "mine") as ws,
        pytest.raises(EnvironmentFault, match=r"no database at .*nowhere\.db"),
    ):
        assert ws.db
