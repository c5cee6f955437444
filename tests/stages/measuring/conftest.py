"""A workspace with a PPO run whose checkpoints are kept."""

from collections.abc import Callable

import pytest

from rather.stages import reinforcing, tuning
from rather.workspace import Workspace


@pytest.fixture
def new_ppo_ws(new_judged_ws: Callable[..., Workspace]) -> Callable[[int], Workspace]:
    """With a PPO run of so many steps that keeps every second checkpoint."""

    def make(num_steps: int) -> Workspace:
        ws = new_judged_ws(evaluate={"gold": "concision", "max_new_tokens": 8}).configured(
            {"ppo": {"num_steps": num_steps, "keep_every": 2, "learning_rate": 0.01}}
        )
        tuning.reward(ws, dry_run=False, fresh=False)
        reinforcing.ppo(ws, dry_run=False, fresh=False, force=True)
        return ws

    return make
