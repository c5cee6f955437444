"""Workloads: the same every time, within their ranges, their ends where the context is."""

from benchmarks.speed import workloads
from benchmarks.speed.workloads import Cutter, Pairs, Writing, spread

IDS = list(range(100, 1100))


def test_lengths_are_even_and_shuffled() -> None:
    # (120 - 20) / 4 = 25 apart
    lengths = spread(5, 20, 120, seed=0)
    assert sorted(lengths) == [20, 45, 70, 95, 120]
    assert lengths != sorted(lengths)
    assert lengths == spread(5, 20, 120, seed=0)
    assert spread(1, 7, 9, seed=0) == [7]


def test_the_stream_goes_on_where_it_was_cut() -> None:
    cutter = Cutter([1, 2, 3])
    assert cutter.cut([2, 2]) == [[1, 2], [3, 1]]
    assert cutter.cut([1]) == [[2]]


def test_pairs() -> None:
    made = workloads.pairs(IDS, 8)
    assert made == workloads.pairs(IDS, 8)
    assert sorted(map(len, made.prompts)) == [20, 34, 49, 63, 77, 91, 106, 120]
    for side in (made.chosen, made.rejected):
        assert sorted(map(len, side)) == [20, 26, 33, 39, 45, 51, 58, 64]
    assert Pairs([[1, 2]], [[3]], [[4, 5]]).num_tokens == 7  # 2 + 1 and 2 + 2


def test_ends_are_where_the_context_is() -> None:
    writing = Writing([[1] * 10, [1] * 30], num_samples=2, max_new_tokens=16, context=40)
    assert writing.ends == [16, 10]
    assert writing.num_tokens == 52
    assert workloads.as_json(writing) == {
        "prompts": [[1] * 10, [1] * 30],
        "num_samples": 2,
        "max_new_tokens": 16,
        "context": 40,
        "ends": [16, 10],
    }


def test_what_is_written_is_ragged() -> None:
    for count, samples in ((32, 1), (8, 4)):
        made = workloads.generation(IDS, count, samples)
        assert len(made.prompts) * samples == 32
        assert (min(made.ends), max(made.ends)) == (24, 64)
        assert len(set(made.ends)) > 5
    rollouts = workloads.rollouts(IDS, 32, 1)
    assert (min(rollouts.ends), max(rollouts.ends)) == (16, 32)
    assert set(workloads.even_answers(IDS, 64, 1).ends) == {48}


def test_squares() -> None:
    pairs = workloads.square(IDS, 3, 5, 4)
    assert [len(one) for one in (*pairs.prompts, *pairs.chosen)] == [5, 5, 5, 4, 4, 4]
    assert workloads.square_writing(IDS, 3, 5, 4).ends == [4, 4, 4]
