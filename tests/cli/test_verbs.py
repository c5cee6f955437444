"""Each verb hands its arguments to one function of the pipeline."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rather.cli import late
from rather.cli.app import main
from rather.workspace import Workspace


class Recorder:
    """Stands where the pipeline stands, and remembers what it was asked."""

    def __init__(self) -> None:
        self.name, self.workspace = "", Path()
        self.config: Any = None
        self.arguments: tuple[Any, ...] = ()
        self.options: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        def record(ws: Workspace, *arguments: Any, **options: Any) -> dict[str, Any]:
            self.name, self.workspace, self.config = name, ws.root, ws.config
            self.arguments, self.options = arguments, options
            return {"summary": f"{name} done"}

        return record


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(late, "pipeline", lambda: recorder)
    monkeypatch.setattr(late, "housekeeping", lambda: recorder)
    return recorder


@pytest.fixture
def root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, create_workspace: Callable[..., Workspace]
) -> Iterator[Path]:
    create_workspace(tmp_path / "mine").close()
    monkeypatch.chdir(tmp_path / "mine")
    yield tmp_path / "mine"


@pytest.mark.parametrize(
    ("command", "name", "arguments", "options"),
    [
        ("import a.jsonl --as pairs", "import_file", (Path("a.jsonl"), "pairs"),
         {"on_error": "stop", "dry_run": False}),
        ("import a.jsonl --on-error skip -n", "import_file", (Path("a.jsonl"), None),
         {"on_error": "skip", "dry_run": True}),
        ("export --as trl --out x", "export", ("trl", Path("x")), {"dry_run": False}),
        ("export --merge ppo-1 --out x", "export_merged", ("ppo-1", Path("x"), "auto"),
         {"dry_run": False}),
        ("sample", "sample", (), {"dry_run": False}),
        ("label --expose", "label", (), {"dry_run": False, "expose": True}),
        ("invite Ann", "invite", ("Ann", "labeller"), {"dry_run": False}),
        ("invite Ann --role admin -n", "invite", ("Ann", "admin"), {"dry_run": True}),
        ("sft", "sft", (), {"dry_run": False, "fresh": False}),
        ("reward -n", "reward", (), {"dry_run": True, "fresh": False}),
        ("ppo --fresh", "ppo", (), {"dry_run": False, "fresh": True, "force": False}),
        ("ppo --force", "ppo", (), {"dry_run": False, "fresh": False, "force": True}),
        ("dpo --dry_run", "dpo", (), {"dry_run": True, "fresh": False}),
        ("evaluate ppo-1 dpo-1", "evaluate", (("ppo-1", "dpo-1"),),
         {"dry_run": False, "human": False}),
        ("evaluate ppo-1 dpo-1 --human -n", "evaluate", (("ppo-1", "dpo-1"),),
         {"dry_run": True, "human": True}),
        ("sweep ppo-1 -n", "sweep", ("ppo-1",), {"dry_run": True}),
        ("promote", "promote", ("newest",),
         {"step": None, "as_it_is": False, "alias": None, "dry_run": False}),
        ("promote ppo-1 --step 3 --alias prod", "promote", ("ppo-1",),
         {"step": 3, "as_it_is": False, "alias": "prod", "dry_run": False}),
        ("promote base --as-it-is", "promote", ("base",),
         {"step": None, "as_it_is": True, "alias": None, "dry_run": False}),
        ("serve -n", "serve", (), {"dry_run": True, "expose": False}),
        ("serve --expose", "serve", (), {"dry_run": False, "expose": True}),
        ("alias prod ppo-1", "alias", ("prod", "ppo-1"), {"roll_back": False, "dry_run": False}),
        ("alias prod --rollback", "alias", ("prod", None), {"roll_back": True, "dry_run": False}),
        ("key bob --role admin", "key", ("bob", "admin"), {"revoke": False, "dry_run": False}),
        ("score --prompt a --completion b", "score",
         ("newest", [{"prompt": "a", "completion": "b"}]), {}),
        ("report", "report", (), {"dry_run": False}),
        ("purge", "purge", (None,), {"everything": False, "does_it": False}),
        ("purge --client use_1 --yes", "purge", ("use_1",),
         {"everything": False, "does_it": True}),
        ("purge --all --yes -n", "purge", (None,), {"everything": True, "does_it": False}),
        ("run --rounds 2", "run", (), {"dry_run": False}),
        ("status", "status", (), {}),
        ("doctor", "doctor", (), {"dry_run": False}),
        ("doctor -n", "doctor", (), {"dry_run": True}),
    ],
)  # fmt: skip
def test_a_verb_calls_its_function(
    command: str, name: str, arguments: Any, options: Any, root: Path, pipeline: Recorder
) -> None:
    assert main(command.split()) == 0
    assert (pipeline.name, pipeline.workspace) == (name, root)
    assert (pipeline.arguments, pipeline.options) == (arguments, options)


@pytest.mark.parametrize(
    ("command", "section", "field", "value"),
    [
        ("ppo --kl-coefficient 0.1", "ppo", "kl_coefficient", 0.1),
        ("ppo --ppo.kl_coefficient=0.1", "ppo", "kl_coefficient", 0.1),
        ("dpo --learning_rate 1e-5", "dpo", "learning_rate", 1e-5),
        ("reward --no-margin", "reward", "margin", False),
        ("reward --reward.no-margin", "reward", "margin", False),
        ("sft --loss-on-prompt", "sft", "loss_on_prompt", True),
        ("sample --temperatures 0.7 --temperatures 1", "sample", "temperatures", (0.7, 1.0)),
        ("label --simulate vader", "label", "simulate", "vader"),
        ("label --rules.max-words 40", "rules", "max_words", 40),
        ("run --rounds 2", "run", "rounds", 2),
        ("run --dpo.beta 0.3", "dpo", "beta", 0.3),
        ("doctor --ppo.start sft-1", "ppo", "start", "sft-1"),
        ("purge --serve.keep-days 3", "serve", "keep_days", 3),
    ],
)
def test_flags_set_settings(
    command: str, section: str, field: str, value: Any, root: Path, pipeline: Recorder
) -> None:
    assert main(command.split()) == 0
    assert getattr(getattr(pipeline.config, section), field) == value


def test_the_workspace_can_be_named_from_elsewhere(
    root: Path, tmp_path: Path, pipeline: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["ppo", "-w", "mine", "--seed", "3", "--model", "123"]) == 0
    assert pipeline.workspace == root
    assert (pipeline.config.seed, pipeline.config.model) == (3, "123")
    assert main(["ppo"]) == 2


def test_init_makes_a_workspace_with_the_settings_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / "new"), "-n"]) == 0
    assert not (tmp_path / "new").exists()
    assert main(["init", str(tmp_path / "new"), "--ppo.num-steps", "5"]) == 0
    assert "is a workspace" in capsys.readouterr().out
    with Workspace.open(tmp_path / "new") as ws:
        assert ws.config.ppo.num_steps == 5


def test_config_shows_what_is_in_force(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "--ppo.num-steps", "5"]) == 0
    assert "\n  num_steps: 5\n" in capsys.readouterr().out
    assert main(["config", "schema"]) == 0
    assert '"additionalProperties": false' in capsys.readouterr().out


def test_dry_runs_that_need_no_pipeline(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "-n", "--quick"]) == 0
    assert capsys.readouterr().out == "would run the demo in demo\n"
    assert main(["score", "-n", "--prompt", "a", "--completion", "b"]) == 0
    assert capsys.readouterr().out == "would score 1 completions with newest\n"
