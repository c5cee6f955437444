"""Two generations of versions whose folders hold no weights: their lineage is real."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rather.config.section import Section
from rather.records import Judgment, Learnt, ModelVersion
from rather.stages.runs import Plan, open_library, publish
from rather.store import judgments
from rather.workspace import Workspace


def make(ws: Workspace, stage: Any, learnt: Learnt, **about: Any) -> ModelVersion:
    """Publish a version; `about`: parents, start, seed, section."""
    section: Section = about.get("section", getattr(ws.config, stage))
    parents = about.get("parents", ())
    plan = Plan(
        stage, section, ws.config.model, about.get("start", "base"), parents,
        [learnt.judgments, learnt.prompts, parents], about.get("seed", 0), learnt=learnt,
    )  # fmt: skip

    def write(folder: Path) -> None:
        (folder / "weights").write_text(stage)

    return publish(ws, open_library(ws), plan, write, {})


@pytest.fixture
def pairs(judged_ws: Workspace) -> list[Judgment]:
    """Ann's eight pairs about training prompts."""
    return judgments.live(judged_ws.db, "pair")[:8]


@pytest.fixture
def new_version() -> Callable[..., ModelVersion]:
    return make


@pytest.fixture
def family(judged_ws: Workspace, pairs: list[Judgment]) -> Workspace:
    """reward-1 of four pairs, reward-2 of all eight, ppo-1 of reward-1, ppo-2 of ppo-1 and both."""
    ids = [one.id for one in pairs]
    asked = tuple(one.prompt_id for one in pairs)
    make(judged_ws, "reward", Learnt(tuple(ids[:4]), asked[:4]))
    make(judged_ws, "reward", Learnt(tuple(ids), asked), seed=7)
    make(judged_ws, "ppo", Learnt(prompts=asked), parents=("reward-1",))
    section = judged_ws.config.ppo.model_copy(update={"num_steps": 9, "reward": "0.5*newest"})
    make(
        judged_ws, "ppo", Learnt(prompts=asked), parents=("ppo-1", "reward-2"), start="ppo-1",
        section=section,
    )  # fmt: skip
    return judged_ws
