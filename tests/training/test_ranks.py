"""Two ranks: the numbers of one, and all stop at the same step."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

STAGES = ("sft", "reward", "dpo", "ppo")


@pytest.mark.parametrize("stage", STAGES)
def test_two_ranks_learn_what_one_learns(
    stage: str, commands: Any, new_root: Callable[[], Path], left_by: Any
) -> None:
    left = []
    for size in (1, 2):
        root = new_root()
        command = commands.of(stage, root)
        for pid in commands.ranks(*command, size=size):
            ended = commands.wait(pid)
            assert ended.code == 0, ended.said
        left.append(left_by(stage, root))
    one, two = ({(step, name): value for step, name, value in of["metrics"]} for of in left)
    assert one.keys() == two.keys()
    worst = max(one, key=lambda key: abs(one[key] - two[key]))
    print(stage, worst, one[worst], two[worst])
    assert two == pytest.approx(one, abs=1e-5)
