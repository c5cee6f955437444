"""Workspaces: made whole, opened with their configuration, refused in one sentence."""

import json
from pathlib import Path

import pytest

from rather.config.loading import load
from rather.errors import EnvironmentFault, UsageError
from rather.progress import Progress
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
