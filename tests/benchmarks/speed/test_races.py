"""Races: all of them can be made, and each knows the least work of its algorithm."""

from benchmarks.speed.races import MAKERS, expected_tokens, least_work, rows_of
from benchmarks.speed.systems import SYSTEMS, WORKLOADS
from benchmarks.speed.workloads import Pairs, Writing
from rather.planning import work as floors
from rather.planning.shape import Shape

SHAPE = Shape(2, 4, 4, 2, 6, 10, rank=1)
PAIRS = Pairs([[1] * 3], [[1] * 2], [[1]])
WRITING = Writing([[1] * 3, [1] * 6], num_samples=2, max_new_tokens=4, context=8)


def test_every_workload_can_be_made() -> None:
    assert set(MAKERS) == set(WORKLOADS)


def test_rows() -> None:
    assert rows_of(PAIRS) == [(3, (2, 1))]
    assert rows_of(WRITING) == [(3, (4, 4)), (6, (2, 2))]


def test_the_least_work_follows_the_settings() -> None:
    rows = rows_of(PAIRS)
    half = least_work(SHAPE, "reward", PAIRS, {"depth": 0.5})
    assert half == floors.reward(SHAPE, rows, 0.5)
    peer = least_work(SHAPE, "reward", PAIRS, {"weights": "bfloat16"})
    assert peer == floors.reward(SHAPE, rows, 1.0)
    live = least_work(SHAPE, "dpo-live", PAIRS, {"reference": "live"})
    assert live == floors.dpo(SHAPE, rows, is_live=True)
    bare = least_work(SHAPE, "generation-1", WRITING, {"attention": "sdpa"})
    assert bare == floors.generation(SHAPE, rows_of(WRITING), adapted_layers=0)
    top = {"value_model": "trunk", "adapter": {"tuning": "top_layers", "num_top_layers": 1}}
    expected = floors.ppo(SHAPE, rows_of(WRITING), epochs=4, top_layers=1, has_critic=False)
    assert least_work(SHAPE, "ppo-4", WRITING, top) == expected


def test_every_system_has_a_least_work() -> None:
    for one in SYSTEMS:
        workload = PAIRS if one.workload.startswith(("reward", "dpo")) else WRITING
        shape = Shape(30, 4, 4, 2, 6, 10)
        assert least_work(shape, one.workload, workload, one.settings).flops > 0


def test_what_a_worker_should_have_seen() -> None:
    assert expected_tokens(PAIRS, is_ours=False) == 9
    assert expected_tokens(PAIRS, is_ours=True) == 3
    assert expected_tokens(WRITING, is_ours=True) == 12
