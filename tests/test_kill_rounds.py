"""Three rounds, killed in the middle of the second at many places, end like those never killed."""

import hashlib
import json
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rather.failpoints import ROUND_FAILPOINTS

pytestmark = pytest.mark.slow

INSIDE_STAGES = (
    "directory.renamed",
    "checkpoint.weights",
    "rollout.scored",
    "evaluation.scored",
    "version.published",
)
SETTINGS = {
    "dtype": "float32",
    "heldout-fraction": "0.3",
    "sample.num-completions": "3",
    "sample.max-new-tokens": "6",
    "choose.num-questions": "10",
    "label.simulate": "rules",
    "rules.contains": "e",
    "evaluate.max-new-tokens": "6",
    "watch.num-prompts": "0",
    "run.force": "true",
    "run.stages": "[sample, choose, label, reward, ppo, evaluate, report]",
    "reward.ensemble": "2",
    **{
        f"{stage}.{name}": value
        for stage in ("reward", "ppo")
        for name, value in {"adapter.rank": "4", "batch-size": "4", "checkpoint-every": "1"}.items()
    },
    "ppo.num-steps": "2",
    "ppo.num-completions": "2",
    "ppo.max-new-tokens": "5",
}
TABLES = {
    "judgments": "SELECT kind, prompt_id, labeller_id, answer FROM judgments ORDER BY seq",
    "completions": "SELECT id, model, text FROM completions ORDER BY seq",
    "questions": "SELECT item, is_random, reasons FROM questions ORDER BY seq",
    "rounds": "SELECT number, status, start, judgments_before, judgments_until, policy, why"
    " FROM rounds ORDER BY number",
    "versions": "SELECT name, parents, metrics FROM versions ORDER BY seq",
}


@pytest.fixture(scope="module")
def new_root(
    commands: Any, tmp_path_factory: pytest.TempPathFactory, tiny_model: Path
) -> Callable[[], Path]:
    asked = tmp_path_factory.mktemp("asked") / "asked.jsonl"
    asked.write_text("".join(json.dumps({"prompt": f"Question {n}?"}) + "\n" for n in range(12)))

    def make() -> Path:
        root = tmp_path_factory.mktemp("root") / "mine"
        flags = [f"--{name}={value}" for name, value in SETTINGS.items() if name != "run.force"]
        for command in (
            ["init", str(root), "--model", str(tiny_model), "--run.force", *flags],
            ["import", str(asked), "--as", "prompts", "-w", str(root)],
        ):
            ended = commands(*command)
            assert ended.code == 0, ended.said
        return root

    return make


def three_rounds(commands: Any, root: Path, **how: Any) -> Any:
    return commands("run", "--rounds", "3", "-w", str(root), "--json", **how)


def what_is_left(root: Path) -> dict[str, Any]:
    """All that the rounds left, but for ids and times that a clock gave."""
    with closing(sqlite3.connect(root / "rather.db")) as connection:
        found: dict[str, Any] = {
            name: connection.execute(query).fetchall() for name, query in TABLES.items()
        }
    weights = sorted((root / "models").rglob("*.safetensors"))
    found["weights"] = {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in weights
    }
    found["leftovers"] = sorted(path.name for path in root.glob("*/.*"))
    return found


@pytest.fixture(scope="module")
def whole(commands: Any, new_root: Callable[[], Path]) -> tuple[list[str], dict[str, Any]]:
    """The places an uninterrupted run passes, and what it leaves."""
    root = new_root()
    ended = three_rounds(commands, root, is_watched=True)
    assert ended.code == 0, ended.said
    return ended.passed, what_is_left(root)


def test_three_rounds_are_worth_comparing(whole: Any) -> None:
    passed, left = whole
    assert passed.count("round.finished") == 3
    assert [row[0] for row in left["versions"]] == [
        f"{stage}-{number}" for number in (1, 2, 3) for stage in ("reward", "ppo")
    ]
    assert [row[0] for row in left["rounds"]] == [1, 2, 3]
    assert {row[1] for row in left["rounds"]} <= {"promoted", "rolled_back"}
    # a round begins where the one before it ended, and learns from ten judgments more
    starts, policies = [[row[place] for row in left["rounds"]] for place in (2, 5)]
    assert starts == ["base", *policies[:2]]
    assert [row[4] for row in left["rounds"]] == [10, 20, 30]
    assert len(left["questions"]) == 30
    assert len(left["judgments"]) == 30
    assert {model for _, model, _ in left["completions"]} >= {"base", "ppo-1", "ppo-2", "ppo-3"}
    assert left["leftovers"] == []


@pytest.mark.parametrize("name", [*ROUND_FAILPOINTS, *INSIDE_STAGES])
def test_a_kill_in_the_middle_of_round_two(
    name: str, commands: Any, new_root: Callable[[], Path], whole: Any
) -> None:
    passed, left = whole
    begun = [place for place, one in enumerate(passed) if one == "round.begun"]
    before = passed[: begun[1]].count(name)
    inside = passed[begun[1] : begun[2]].count(name)
    assert inside, f"the second round never passes {name}"
    root = new_root()
    killed = three_rounds(commands, root, failpoint=f"{name}:kill:{before + inside // 2 + 1}")
    assert killed.code == -signal.SIGKILL, killed.said
    status = commands("status", "-w", str(root), "--json")
    turn = json.loads(status.said.splitlines()[-1])["round"]
    is_over = name == "round.finished"
    assert (turn["number"], turn["status"] == "running") == (2, not is_over)
    again = three_rounds(commands, root, failpoint=f"{name}:kill:2")  # and once more as it goes on
    assert again.code in (-signal.SIGKILL, 0), again.said
    ended = three_rounds(commands, root)
    assert ended.code == 0, ended.said
    assert what_is_left(root) == left
