"""Growth: sizes double, everything else stays as it is."""

from benchmarks.speed import linear

IDS = list(range(100, 200))


def test_more_rows_of_the_same_length() -> None:
    points = list(linear.by_batch("reward", IDS))
    assert [point.size for point in points] == [8, 16, 32, 64]
    assert [len(point.workload.prompts) for point in points] == [8, 16, 32, 64]
    assert {len(ids) for point in points for ids in point.workload.prompts} == {48}


def test_longer_rows() -> None:
    points = list(linear.by_length("ppo", IDS))
    assert [point.size for point in points] == [64, 128, 256, 512]
    assert [len(point.workload.prompts[0]) for point in points] == [32, 64, 128, 256]
    assert [point.workload.ends[0] for point in points] == [32, 64, 128, 256]
    assert {len(point.workload.prompts) for point in points} == {8}


def test_more_adapters() -> None:
    points = list(linear.by_adapters("serving", IDS))
    assert [point.system.settings["num_adapters"] for point in points] == [1, 10, 30, 100]
    assert all(point.system.is_ours for point in points)


def test_more_updates_of_rows_that_were_never_seen() -> None:
    points = list(linear.by_updates("reward", IDS))
    assert [point.steps for point in points] == [1, 4, 16, 64]
    assert {point.system.settings["batch_size"] for point in points} == {8}
    assert all(len(point.workload.prompts) == 8 * 65 for point in points)
