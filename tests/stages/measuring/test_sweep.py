"""A sweep of a run's kept checkpoints: each policy as it was, the frontier, and what it says."""

from collections.abc import Callable
from typing import Any

import pytest

from rather.errors import DataError, UsageError
from rather.evaluation.policy import Answers
from rather.records import Completion, ModelVersion
from rather.stages.evaluating import evaluate_all
from rather.stages.measuring.sweep import (
    Swept,
    as_table,
    decided_by,
    describe,
    find_version,
    sentence,
    sweep,
)
from rather.workspace import Workspace


@pytest.fixture
def ppo_ws(new_ppo_ws: Callable[[int], Workspace]) -> Workspace:
    return new_ppo_ws(6)


def test_every_kept_checkpoint_is_a_point(ppo_ws: Workspace) -> None:
    assert sweep(ppo_ws, "ppo-1", dry_run=True) == {
        "summary": "would measure ppo-1 after 2, 4, 5, 6 steps."
    }
    result = sweep(ppo_ws, "ppo-1")
    points = result["points"]
    assert [point["step"] for point in points] == [0, 2, 4, 5, 6]
    assert points[0]["kl"] == 0.0
    assert all(point["kl"] != 0.0 for point in points[1:])
    assert result["scorers"] == {"reward": "reward-1", "gold": "concision"}
    assert result["decided_by"] == "gold"
    # the last checkpoint is the version, and the first point its start
    evaluated = evaluate_all(ppo_ws, ["ppo-1"])["models"]
    for point, name in ((points[-1], "ppo-1"), (points[0], "base")):
        assert point["means"] == pytest.approx(evaluated[name]["means"])
        assert point["kl"] == pytest.approx(evaluated[name]["kl"], abs=1e-5)
        assert point["mean_length"] == evaluated[name]["mean_length"]
    assert sweep(ppo_ws, "newest") == result


def test_what_there_is_not(ppo_ws: Workspace, new_ws: Callable[..., Workspace]) -> None:
    with pytest.raises(UsageError, match="no policy version reward-1; this workspace has ppo-1"):
        find_version(ppo_ws, "reward-1")
    with pytest.raises(UsageError, match="no tuned version yet"):
        find_version(new_ws("bare"), "newest")
    run = ppo_ws.runs_dir / find_version(ppo_ws, "ppo-1").run_id
    (run / "checkpoint-2" / "state.json").write_text("{}")
    assert "after 4, 5, 6" in sweep(ppo_ws, "ppo-1", dry_run=True)["summary"]
    for folder in run.glob("checkpoint-*"):
        folder.rename(folder.with_name(f"gone-{folder.name}"))
    with pytest.raises(DataError, match=r"has no checkpoint left to sweep; ppo\.keep_every"):
        sweep(ppo_ws, "ppo-1")


def swept(**scores: list[list[float]]) -> Swept:
    """Policies after 0, 5, 10 ... steps with these scores of two answers each."""
    number = len(next(iter(scores.values())))
    made = tuple(Completion(f"c{n}", f"p{n}", "text", "m") for n in range(2))
    answers: dict[int, Answers] = {}
    for place in range(number):
        given = {role: tuple(of_role[place]) for role, of_role in scores.items()}
        answers[5 * place] = Answers("m", made, given, (2.0 * place,) * 2, (3.0 * place,) * 2, 1.0)
    version = ModelVersion("ppo-1", "ppo", "base", (), "run", "", "", {}, {"start": "base"})
    nothing: Any = None
    return Swept(version, answers, dict.fromkeys(scores, "x"), (), nothing, nothing)


def test_the_proxy_rises_while_gold_falls() -> None:
    result = describe(
        swept(reward=[[0, 0], [1, 1], [2, 2], [3, 3]], gold=[[0, 0], [2, 2], [3, 3], [1, 1]])
    )
    assert (result["chosen"]["step"], result["over_optimised_from"]) == (10, 10)
    assert [point["step"] for point in result["points"] if point["is_on_frontier"]] == [0, 5, 10]
    lines = as_table(result).splitlines()
    assert lines[0].split() == ["step", "KL", "(nats)", "gold", "score", "reward"]
    assert [line.split() for line in lines[1:5]] == [
        ["*", "0", "0.00", "0.000", "0.000"],
        ["*", "5", "2.00", "2.000", "1.000"],
        [">", "10", "4.00", "3.000", "2.000"],
        ["15", "6.00", "1.000", "3.000"],
    ]
    assert lines[5] == sentence(result)
    assert sentence(result).endswith(
        "After step 10 the reward goes on rising while the gold score falls."
    )


def test_only_the_proxy_decides_and_says_so() -> None:
    result = describe(swept(reward=[[0, 0], [1, 1]]))
    assert result["decided_by"] == "reward"
    assert sentence(result).endswith("which cannot tell over-optimisation.")
    with pytest.raises(UsageError, match="Nothing scores the checkpoints"):
        decided_by({})
