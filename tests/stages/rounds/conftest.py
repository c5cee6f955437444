"""Stages that only say that they were done, and answers of three models to ask about."""

from collections.abc import Callable
from typing import Any

import pytest

from rather.records import Completion, ModelVersion
from rather.stages.rounds.cycle import run
from rather.store import completions, versions
from rather.workspace import Workspace
from tests.stages.conftest import PROMPTS, answer_of

Result = dict[str, Any]
BETTER = {"value": 0.8, "low": 0.7, "high": 0.9, "n": 40}
WORSE = {"value": 0.2, "low": 0.1, "high": 0.3, "n": 40}


class Loop:
    """A loop whose stages are stand-ins: they register versions and say what they were told."""

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws
        self.calls: list[tuple[str, dict[str, Any]]] = []
        """Each stage that was done, with the settings that a round sets."""
        self.rate = BETTER
        self.raises: dict[str, BaseException] = {}

    def run(self, **settings: Any) -> Result:
        names = ("sample", "choose", "label", "reward", "ppo", "dpo", "evaluate", "report")
        stages = {name: self._stage(name) for name in names}
        return run(self.ws.configured({"run": settings}), stages, dry_run=False)

    def did(self) -> list[str]:
        return [name for name, _ in self.calls]

    def _stage(self, name: str) -> Callable[..., Result]:
        def do(at: Workspace, versions_: tuple[str, ...] = ()) -> Result:
            if name in self.raises:
                raise self.raises.pop(name)
            config = at.config
            told = {"models": config.sample.models, "start": config.ppo.start}
            told |= {"reward": config.ppo.reward, "until": config.judgments_until}
            self.calls.append((name, told | {"versions": tuple(versions_)}))
            result: Result = {"summary": f"{name} is done."}
            if name in ("reward", "ppo", "dpo"):
                result["version"] = self._register(name)
            if name == "evaluate":
                rates = {"gold": self.rate}
                result["models"] = {one: {"win_rates": rates} for one in versions_}
            return result

        return do

    def _register(self, stage: Any) -> str:
        name = versions.next_name(self.ws.db, stage)
        from rather.durable import staged_directory

        with staged_directory(self.ws.models_dir / name) as folder:
            (folder / "weights").write_text(name)
        made = ModelVersion(name, stage, "m", (), f"{name}-run", f"models/{name}", "2026")
        versions.register(self.ws.db, made)
        return name


@pytest.fixture
def new_loop(new_ws: Callable[..., Workspace]) -> Callable[..., Loop]:
    return lambda **settings: Loop(new_ws(**settings))


@pytest.fixture
def answered(ws: Workspace) -> Workspace:
    """Three answers of base to each of the eleven prompts: three pairs a prompt."""
    made: list[Completion] = [
        answer_of(prompt, f"{word} {number}.")
        for number, prompt in enumerate(PROMPTS)
        for word in ("Yes, the", "No, not", "Perhaps the")
    ]
    completions.add(ws.db, made)
    return ws
