"""Workers take turns, trials stand alone, and one that breaks leaves the others."""

from pathlib import Path
from typing import Any

from benchmarks.speed.conductor import Conductor, that_fit_together
from benchmarks.speed.systems import System


class Fake(System):
    @property
    def module(self) -> str:
        return "tests.benchmarks.speed.fake_worker"


def fake(name: str, is_trial: bool = False, **settings: Any) -> System:
    return Fake(name, "pretence", "fake", settings, memory_gb=0.1, is_trial=is_trial)


def test_groups_fit_into_memory() -> None:
    def named(name: str, gb: float, is_trial: bool = False) -> System:
        return System(name, "w", "x", memory_gb=gb, is_trial=is_trial)

    systems = [named("a", 4), named("b", 5), named("c", 3), named("t", 1, True), named("d", 20)]
    groups = [[one.name for one in group] for group in that_fit_together(systems, 10)]
    # what is larger than the room is tried all the same, alone
    assert groups == [["a", "b"], ["c"], ["t"], ["d"]]


def test_they_take_turns(tmp_path: Path) -> None:
    said: list[str] = []
    conductor = Conductor({"prompts": [[1], [2]]}, tmp_path, said.append)
    conductor.measure([fake("a"), fake("b"), fake("trial", is_trial=True)], repeats=3)
    a, b, trial = (conductor.measured[name]["repeats"] for name in ("a", "b", "trial"))
    order = sorted([(step["at"], name) for name, of in (("a", a), ("b", b)) for step in of])
    assert [name for _, name in order] == ["a", "b"] * 3
    assert len(trial) == 1 and trial[0]["at"] > order[-1][0]
    assert {step["tokens"] for step in (*a, *b, *trial)} == {2}
    assert [conductor.measured[name]["group"] for name in ("a", "b", "trial")] == [0, 0, 1]
    assert conductor.failed == {}
    assert len(said) == 3 + 7  # each is ready once, and every step is told


def test_one_that_breaks_is_noted_and_left(tmp_path: Path) -> None:
    conductor = Conductor({"prompts": []}, tmp_path, lambda line: None)
    broken = [fake("at once", breaks_at=0), fake("later", breaks_at=2)]
    conductor.measure([*broken, fake("whole")], repeats=2)
    assert list(conductor.measured) == ["whole"]
    assert len(conductor.measured["whole"]["repeats"]) == 2
    assert list(conductor.failed) == ["at once", "later"]
    assert "ended with code 1" in conductor.failed["at once"]
    assert "the worker breaks" in conductor.failed["later"]
