"""Every example as its README runs it, with a tiny model and few steps, and a second time."""

import runpy
from pathlib import Path
from typing import Any

import pytest

import rather

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL: dict[str, Any] = {
    "dtype": "float32",
    "sample__num_completions": 3,
    "sample__max_new_tokens": 6,
    "evaluate__max_new_tokens": 6,
    "evaluate__num_samples_shown": 1,
    "watch__max_new_tokens": 4,
    "ppo__num_steps": 2,
    "ppo__batch_size": 4,
    "ppo__num_completions": 2,
    "ppo__max_new_tokens": 6,
    **{f"{stage}__adapter__num_top_layers": 1 for stage in ("reward", "ppo", "dpo")},
    **{f"{stage}__num_epochs": 1 for stage in ("reward", "dpo")},
}
pytestmark = pytest.mark.slow

FORCED = ("tone", "modular_reward")
"""Their reward models cannot learn anything from what a random model writes."""
MADE = {
    "summaries": ["reward-1", "dpo-1"],
    "harmlessness": ["dpo-1"],
    "tone": ["reward-1", "ppo-1"],
    "modular_reward": ["reward-1", "ppo-1"],
    "rankings": ["reward-1"],
    "active_rounds": ["reward-1", "dpo-1", "reward-2", "dpo-2", "reward-3", "dpo-3"],
    "three_users": ["ppo-1", "ppo-2", "ppo-3"],
}


def test_every_example_is_here() -> None:
    assert {path.parent.name for path in EXAMPLES.glob("*/run.py")} == MADE.keys()
    for name in MADE:
        readme = (EXAMPLES / name / "README.md").read_text("utf-8")
        assert f"python examples/{name}/run.py" in readme


@pytest.mark.parametrize("name", MADE)
def test_an_example_runs_and_goes_on(
    name: str,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES / name))  # as `python examples/NAME/run.py` does
    main = runpy.run_path(str(EXAMPLES / name / "run.py"))["main"]
    settings = SMALL | {"model": str(tiny_model)} | ({"force": True} if name in FORCED else {})
    main(tmp_path / "mine", **settings)
    with rather.open(tmp_path / "mine") as project:
        assert [one.name for one in project.versions()] == MADE[name]
        judged = len(project.judgments())
    assert (tmp_path / "mine" / "report.html").is_file()
    main(tmp_path / "mine", **settings)
    with rather.open(tmp_path / "mine") as project:
        assert [one.name for one in project.versions()] == MADE[name]
        assert len(project.judgments()) == judged
