"""Several ranks: the numbers of one, and all stop at the same step."""

import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rather.durable import verify
from rather.launched import Launched
from rather.training.ranks import ALONE, Ranks

slow = pytest.mark.slow
ONE_LAYER = ["--adapter.tuning=top_layers", "--adapter.num-top-layers=1"]
WHOLE = ["--adapter.tuning=full", "--adapter.no-sharded", "--learning-rate=0.0005"]
CASES = {
    "sft": [],
    "reward": [],
    "dpo": [],
    "ppo": [],
    "sft, all weights on both": WHOLE,
    "dpo, of one layer": ONE_LAYER,
    "ppo, of one layer, its critic first": [
        *ONE_LAYER,
        "--num-minibatches=2",
        "--critic.warmup-steps=2",
    ],
    "ppo, against its own prompts": ["--advantage=rloo", "--kl.penalty=loss", "--kl.estimator=k3"],
    "reward, three of them": ["--ensemble=3"],
}


@given(st.lists(st.integers(1, 50), max_size=20), st.integers(1, 6))
def test_shares_are_all_of_it_once_in_order_and_about_even(weights: list[int], size: int) -> None:
    items = [*enumerate(weights)]
    shares = [Ranks(Launched(rank, size)).share(items, lambda one: one[1]) for rank in range(size)]
    assert sorted(one for share in shares for one in share) == items
    assert all(share == sorted(share) for share in shares)
    loads = [sum(weight for _, weight in share) for share in shares]
    assert max(loads) - min(loads) <= max(weights, default=0)


def test_shares_by_hand() -> None:
    # 9 to the first, 5 and 4 to the second, 3 to the first (9 = 9), 1 to the second (12 > 9)
    shares = [Ranks(Launched(rank, 2)).share([1, 4, 9, 3, 5], lambda w: w) for rank in (0, 1)]
    assert shares == [[9, 3], [1, 4, 5]]


def test_alone_nothing_is_sent_and_nothing_is_held_up() -> None:
    assert ALONE.exchange({"a": 1}) == [{"a": 1}]
    assert ALONE.first(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError), ALONE.together():
        _ = 1 / 0


def metrics_of(root: Path, stage: str) -> dict[tuple[int, str], float]:
    """Of the newest run of a stage, all but what a clock gave."""
    with closing(sqlite3.connect(root / "rather.db")) as connection:
        found = connection.execute(
            "SELECT step, name, value FROM metrics WHERE name NOT LIKE 'speed/%' AND run_id ="
            " (SELECT run_id FROM versions WHERE stage = ? ORDER BY seq DESC LIMIT 1)",
            [stage],
        )
        return {(step, name): value for step, name, value in found}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=slow if "," in case else ()) for case in CASES]
)
def test_two_ranks_learn_what_one_learns(
    case: str, commands: Any, new_root: Callable[[], Path]
) -> None:
    found, stage = [], case.split(",")[0]
    for size in (1, 2):
        root = new_root()
        ended = commands.ranks(*commands.of(stage, root), *CASES[case], size=size)
        assert [one.code for one in ended] == [0] * size, ended[-1].said
        found.append(metrics_of(root, stage))
    assert found[0].keys() == found[1].keys() >= {(4, "loss" if stage != "ppo" else "val/ratio")}
    assert found[1] == pytest.approx(found[0], abs=1e-5)
    assert found[1] != found[0], "the rows were not shared: sums in another order differ a little"


@pytest.fixture(scope="module")
def two_whole(
    commands: Any, new_root: Callable[[], Path], left_by: Any
) -> Callable[[str], dict[str, Any]]:
    """By stage: what an uninterrupted run of two ranks leaves."""

    @cache
    def of(stage: str) -> dict[str, Any]:
        root = new_root()
        assert [one.code for one in commands.ranks(*commands.of(stage, root))] == [0, 0]
        return left_by(stage, root)

    return of


@pytest.mark.parametrize(
    ("stage", "dies"),
    [
        ("sft", 1),
        *(pytest.param(*one, marks=slow) for one in (("ppo", 1), ("ppo", 0), ("reward", 0))),
    ],
)
def test_a_rank_that_dies_ends_the_run_and_the_same_command_goes_on(
    stage: str, dies: int, commands: Any, new_root: Callable[[], Path], left_by: Any, two_whole: Any
) -> None:
    root = new_root()
    killed = {dies: {"failpoint": "update.gradient:kill:7"}}
    ended = commands.ranks(*commands.of(stage, root), of_rank=killed)
    dead, other = ended[dies], ended[1 - dies]
    assert dead.code == -signal.SIGKILL
    assert other.code == 5, other.said
    assert "Another process of this run has ended" in other.said
    assert "Traceback" not in other.said
    assert [one.code for one in commands.ranks(*commands.of(stage, root))] == [0, 0]
    assert left_by(stage, root) == two_whole(stage)


@pytest.mark.parametrize("stage", ["dpo", pytest.param("ppo", marks=slow)])
@pytest.mark.parametrize("hears", [pytest.param(0, marks=slow), 1])
def test_a_signal_to_one_rank_stops_all_at_the_same_step(
    stage: str,
    hears: int,
    commands: Any,
    new_root: Callable[[], Path],
    left_by: Any,
    two_whole: Any,
) -> None:
    root = new_root()
    told = {hears: {"interrupt": ("update.gradient", 7, signal.SIGTERM)}}
    stopped = commands.ranks(*commands.of(stage, root), of_rank=told)
    assert [one.code for one in stopped] == [143, 143], [one.said for one in stopped]
    assert ["rather: stopped" in one.said for one in stopped] == [True, False]
    # nothing is lost: all steps are in the newest checkpoint, and of ppo the rollout under way
    [run] = root.glob(f"runs/{stage}-*")
    newest = max((path.name for path in run.glob("checkpoint-*")), key=lambda one: one[11:])
    assert newest == {"dpo": f"checkpoint-{2 + hears}", "ppo": "checkpoint-2.0"}[stage]
    assert verify(run / newest) == []
    # a third rank joins for the rest
    again = commands.ranks(*commands.of(stage, root), size=3)
    assert [one.code for one in again] == [0, 0, 0], again[0].said
    assert "going on after step" in again[0].said
    whole = {(step, name): value for step, name, value in two_whole(stage)["metrics"]}
    assert metrics_of(root, stage) == pytest.approx(whole, abs=1e-5)


def test_a_rank_that_fails_says_why_and_the_others_stop(
    commands: Any, new_root: Callable[[], Path]
) -> None:
    fails = {1: {"failpoint": "rollout.scored:raise:2"}}
    first, second = commands.ranks(*commands.of("ppo", new_root()), of_rank=fails)
    assert first.code == 5
    assert "rather: Rank 1 has failed and says why" in first.said
    assert second.code == 1
    assert "RuntimeError: failpoint rollout.scored" in second.said
