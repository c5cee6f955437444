"""Who a process is among those that were launched together, and what it may then do."""

from typing import Any

import pytest

from rather.cli import app
from rather.launched import Launched, launched


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Launched(0, 1, 0)),
        ({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}, Launched(3, 4, 1)),
        # a pod of its own has no local rank
        ({"RANK": "1", "WORLD_SIZE": "2"}, Launched(1, 2, 0)),
        # one alone is nobody's follower, whatever it is called
        ({"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}, Launched(0, 1, 0)),
    ],
)
def test_the_environment_says_who_it_is(
    environment: dict[str, str], expected: Launched, monkeypatch: Any
) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert launched() == expected
    assert launched().is_first == (expected.rank == 0)


def test_what_runs_in_one_process_is_refused_in_several(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    assert app.main(["sample"]) == 2
    said = capsys.readouterr().err
    assert "`rather sample` runs in one process, and 2 were launched" in said
    assert "sft, reward, ppo, dpo" in said
