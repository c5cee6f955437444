"""`export --merge`: a version becomes a folder that transformers alone loads."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer

from rather.data.batch import Row, pack
from rather.durable import verify
from rather.errors import UsageError
from rather.pipeline import dpo, reward
from rather.stages.exchange.merging import export_merged
from rather.stages.runs import open_library
from rather.workspace import Workspace

IDS = (5, 6, 7, 8, 9)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the workspace lies that `tuned` copies, once the first test has made it."""
    return tmp_path_factory.mktemp("trained") / "mine"


@pytest.fixture
def tuned(
    new_judged_ws: Callable[..., Workspace], trained: Path, tmp_path: Path
) -> Iterator[Workspace]:
    """A workspace with dpo-1, which learnt enough to be told from its base."""
    if not trained.exists():
        loud = {"learning_rate": 0.05, "batch_size": 4, "adapter": {"rank": 4, "alpha": 8.0}}
        ws = new_judged_ws("first", dpo=loud)
        dpo(ws)
        ws.close()
        shutil.copytree(ws.root, trained)
    with Workspace.open(shutil.copytree(trained, tmp_path / "mine")) as ws:
        yield ws


def their_logits(folder: Path) -> Any:
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.no_grad():
        return model(torch.tensor([IDS])).logits[0]


def test_a_merged_version_is_that_version(tuned: Workspace, tmp_path: Path) -> None:
    target = tmp_path / "plain"
    result = export_merged(tuned, "newest", target)
    assert result["version"] == "dpo-1" and result["out"] == str(target)
    policy = open_library(tuned).policy("dpo-1")
    with torch.no_grad():
        batch = pack([Row(IDS[:2], (IDS[2:],))])
        ours = policy.backbone.logits(policy.hidden(batch))
        base = policy.backbone.logits(policy.backbone.hidden(batch, None))
    assert (ours - base).abs().max() > 0.01
    assert (their_logits(target) - ours).abs().max() < 1e-4
    assert AutoTokenizer.from_pretrained(target).apply_chat_template(
        [{"role": "user", "content": "the"}], tokenize=False
    )
    assert verify(target) == []


def test_the_card_is_of_a_whole_model_and_tells_where_it_came_from(
    tuned: Workspace, tmp_path: Path
) -> None:
    export_merged(tuned, "dpo-1", tmp_path / "plain")
    head = yaml.safe_load((tmp_path / "plain" / "README.md").read_text().split("---")[1])
    assert head["library_name"] == "transformers" and "lora" not in head["tags"]
    assert json.loads((tmp_path / "plain" / "rather.json").read_text())["stage"] == "dpo"


def test_a_dry_run_writes_nothing(tuned: Workspace) -> None:
    result = export_merged(tuned, "dpo-1", dry_run=True)
    assert result["out"] == str(tuned.root / "dpo-1-merged")
    assert not Path(result["out"]).exists()


def test_nothing_is_written_over(tuned: Workspace, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match="exists already; give another folder with --out"):
        export_merged(tuned, "dpo-1", tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("ppo-9", "no version ppo-9 to merge; this workspace has dpo-1"),
        ("base", "no version base to merge"),
        ("reward-1", "reward-1 is a reward model"),
    ],
)
def test_what_is_no_policy_of_the_workspace_is_refused(
    tuned: Workspace, version: str, said: str
) -> None:
    reward(tuned)
    with pytest.raises(UsageError, match=said):
        export_merged(tuned, version)


def test_a_whole_model_is_written_as_it_is(new_judged_ws: Callable[..., Workspace]) -> None:
    ws = new_judged_ws(dpo={"learning_rate": 0.01, "adapter": {"tuning": "full"}})
    dpo(ws)
    target = Path(export_merged(ws, "dpo-1")["out"])
    policy = open_library(ws).policy("dpo-1")
    with torch.no_grad():
        ours = policy.backbone.logits(policy.hidden(pack([Row(IDS[:2], (IDS[2:],))])))
    assert (their_logits(target) - ours).abs().max() < 1e-4
