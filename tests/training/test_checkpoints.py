"""Checkpoints: all or nothing, damage found by hash, room looked for before, roll-backs exact."""

import io
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from rather.config.optimization import Optimization
from rather.durable import verify
from rather.errors import EnvironmentFault
from rather.failpoints import FAILPOINTS
from rather.interrupts import Interrupted
from rather.progress import Progress
from rather.training import checkpoints
from rather.training.checkpoints import Kept
from rather.training.learner import Learner, Metrics
from rather.training.loop import train

WRITES = [name for name in FAILPOINTS if name.startswith(("directory", "prune"))]
FILES = ("learner.safetensors", "kept.safetensors", "state.json", "manifest.json")


def learner(**settings: Any) -> Learner:
    return Learner({"w": nn.Parameter(torch.ones(3))}, Optimization(**settings), num_updates=6)


def moved(one: Learner, times: int) -> Learner:
    """After some updates, so that there are moments too."""
    for number in range(times):
        one.parameters["w"].grad = torch.tensor([1.0, 2.0, 3.0]) * (number + 1)
        one.update()
    return one


def resumed(folder: Path) -> tuple[int | None, Learner, Kept, str]:
    """What resuming finds: the steps done, the learner, the trainer's memory, and what is said."""
    one, kept, stream = learner(), Kept(), io.StringIO()
    return (
        checkpoints.resume(folder, one, kept, Progress(stream=stream)),
        one,
        kept,
        stream.getvalue(),
    )


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Checkpoints after 1 step, and after 2 of the updates of the second."""
    checkpoints.save(tmp_path, moved(learner(), 1), 1, Kept({"best": 0.1, "updates": []}))
    kept = Kept({"best": 0.3, "updates": [{}, {}]}, {"scores": torch.tensor([0.1, 0.2])})
    checkpoints.save(tmp_path, moved(learner(), 3), 1, kept)
    return tmp_path


def test_everything_comes_back(two: Path) -> None:
    steps_done, one, kept, said = resumed(two)
    assert (steps_done, one.updates) == (1, 3)
    expected = moved(learner(), 3).tensors()
    assert one.tensors().keys() == expected.keys() > {"weight/w", "optimizer/exp_avg_sq/w"}
    assert all(torch.equal(tensor, expected[name]) for name, tensor in one.tensors().items())
    assert kept.numbers == {"best": 0.3, "updates": [{}, {}]}
    assert kept.tensors["scores"].tolist() == torch.tensor([0.1, 0.2]).tolist()
    assert "going on after step 1" in said
    assert "warning" not in said


def test_the_newest_is_the_one_with_most_done(tmp_path: Path) -> None:
    # inside step 2 with 0, 1 and 11 updates done, then after steps 3 and 10, then inside step 10
    order = ["2.0", "2.1", "2.11", "3", "10", "10.2"]
    for name in order:
        steps, _, updates = name.partition(".")
        kept = Kept({"name": name, "updates": [{}] * int(updates or 0)})
        if updates:
            kept.tensors["x"] = torch.ones(1)
        checkpoints.save(tmp_path, learner(), int(steps), kept)
    for name in reversed(order):
        steps_done, _, kept, _ = resumed(tmp_path)
        assert (kept.numbers["name"], bool(kept.tensors)) == (name, "." in name)
        assert steps_done == int(name.partition(".")[0])
        shutil.rmtree(tmp_path / f"checkpoint-{name}")


def truncate(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])


def flip(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)


def remove(folder: Path, name: str) -> None:
    (folder / name).unlink()


def swap(folder: Path, name: str) -> None:
    """Two files of one checkpoint in each other's place."""
    other = folder / ("state.json" if name != "state.json" else "learner.safetensors")
    mine = (folder / name).read_bytes()
    (folder / name).write_bytes(other.read_bytes())
    other.write_bytes(mine)


def take_from_the_one_before(folder: Path, name: str) -> None:
    before = folder.with_name("checkpoint-1") / name
    if before.exists():
        shutil.copy(before, folder / name)
    else:
        (folder / name).write_bytes(b"")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [truncate, flip, remove, swap, take_from_the_one_before])
def test_damage_is_found_and_the_one_before_is_used(
    damage: Callable[[Path, str], None], name: str, two: Path
) -> None:
    damage(two / "checkpoint-1.2", name)
    steps_done, one, kept, said = resumed(two)
    assert (steps_done, one.updates, kept.numbers["best"], kept.tensors) == (1, 1, 0.1, {})
    assert "checkpoint-1.2 is damaged" in said
    assert "moved to .corrupt-checkpoint-1.2-1" in said
    assert verify(two / "checkpoint-1") == []


@settings(deadline=None)  # it writes and reads files
@given(st.data())
def test_nothing_but_what_was_written_is_ever_loaded(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("run")
    checkpoints.save(folder, moved(learner(), 1), 1, Kept({"best": 0.1}))
    checkpoints.save(folder, moved(learner(), 3), 2, Kept({"best": 0.3}))
    path = folder / "checkpoint-2" / data.draw(st.sampled_from([*FILES[:1], *FILES[2:]]))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    steps_done, one, kept, _ = resumed(folder)
    found = (steps_done, one.updates, kept.numbers["best"])
    # the newer one only where the change was none, or a blank in the manifest
    assert found in ((1, 1, 0.1), (2, 3, 0.3))
    expected = moved(learner(), one.updates).tensors()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in one.tensors().items())


def steps_of(one: Learner) -> Callable[[int], Metrics]:
    def step(number: int) -> Metrics:
        one.parameters["w"].grad = torch.full((3,), float(number + 1))
        return one.update()

    return step


@pytest.mark.parametrize("name", ["checkpoint.weights", *WRITES])
def test_a_full_disk_keeps_the_last_and_the_same_run_goes_on(
    name: str, new_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = learner(checkpoint_every=2)
    train(whole, new_run("whole").run, 6, steps_of(whole))
    folder = new_run().run.directory
    checkpoints.save(folder, learner(), 0, Kept())
    monkeypatch.setenv("RATHER_FAILPOINT", f"{name}:enospc")
    one = learner(checkpoint_every=2)
    with pytest.raises(EnvironmentFault, match=r"disk full: .*the same command again"):
        train(one, new_run().run, 6, steps_of(one))
    assert [problem for path in folder.glob("checkpoint-*") for problem in verify(path)] == []
    assert list(folder.glob(".staging*")) == []
    monkeypatch.delenv("RATHER_FAILPOINT")
    again = learner(checkpoint_every=2)
    train(again, new_run().run, 6, steps_of(again))
    assert torch.equal(again.parameters["w"], whole.parameters["w"])
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["checkpoint-0", "checkpoint-4", "checkpoint-6"]


@pytest.mark.parametrize(("missing_bytes", "fits"), [(0, True), (1, False)])
def test_room_for_a_checkpoint_is_looked_for_before_anything_is_written(
    missing_bytes: int, fits: bool, two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [sum(f.stat().st_size for f in folder.iterdir()) for folder in two.iterdir()]
    # as large as the larger of the two and a fifth more, in whole bytes
    free = -(-max(sizes) * 6 // 5) - missing_bytes
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    before = sorted(two.iterdir())
    if fits:
        checkpoints.save(two, learner(), 2, Kept())
        assert sorted(two.iterdir()) == [*before, two / "checkpoint-2"]
        return
    with pytest.raises(EnvironmentFault, match=r"disk full: a checkpoint takes .* MB left; free"):
        checkpoints.save(two, learner(), 2, Kept())
    assert sorted(two.iterdir()) == before


def test_the_first_checkpoint_asks_for_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    checkpoints.save(tmp_path / "new", learner(), 0, Kept())
    assert verify(tmp_path / "new" / "checkpoint-0") == []


@pytest.mark.parametrize("signal_at", [None, 1, 5])
def test_a_roll_back_does_not_see_what_a_signal_saved(
    signal_at: int | None, new_run: Callable[..., Any]
) -> None:
    # Steps 3, 4, 5 have no finite gradient at the full rate: after the third, back to the
    # checkpoint of step 4. A signal in step 5 makes a newer one, with a skipped update more in it.
    def run(one: Learner, recorded: Any, stops_at: int | None) -> None:
        def step(number: int) -> Metrics:
            if number == stops_at:
                raise Interrupted(signal.SIGTERM)
            is_bad = one.rate_scale == 1 and number in (3, 4, 5)
            one.parameters["w"].grad = torch.full((3,), float("nan") if is_bad else number + 1.0)
            return one.update()

        train(one, recorded.run, 6, step)

    one, recorded = learner(checkpoint_every=2), new_run()
    if signal_at is not None:
        with pytest.raises(Interrupted):
            run(learner(checkpoint_every=2), new_run(), signal_at)
        assert (recorded.run.directory / f"checkpoint-{signal_at}").is_dir()
    run(one, recorded, None)
    assert [(step, alarm.rule) for step, alarm in recorded.alarms] == [(5, "not finite")]
    assert "back to step 4," in recorded.alarms[0][1].sentence
    assert (one.updates, one.skipped, one.rate_scale) == (6, [3], 0.5)
    whole, its = learner(checkpoint_every=2), new_run("whole")
    run(whole, its, None)
    assert torch.equal(one.parameters["w"], whole.parameters["w"])
    names = sorted(path.name for path in recorded.run.directory.iterdir())
    assert names == ["checkpoint-0", "checkpoint-4", "checkpoint-6"]


@pytest.mark.parametrize(
    ("num_steps", "every", "keep_every", "kept"),
    [
        (12, 1, 5, (5, 10)),
        (12, 3, 5, (6, 12)),  # 5 and 10 were never made: the first after each
        (12, 4, 4, (4, 8, 12)),
        (3, 1, 5, ()),
        (12, 1, None, ()),
    ],
)
def test_checkpoints_that_stay_for_a_sweep(
    num_steps: int, every: int, keep_every: int | None, kept: tuple[int, ...]
) -> None:
    assert checkpoints.for_sweep(num_steps, every, keep_every) == kept


def test_parts_of_many_ranks_are_put_below_each_other(tmp_path: Path) -> None:
    # 12 ranks; the first also has what none of them shares
    for rank in range(12):
        own = {"weight/w": torch.full((1, 2), float(rank))}
        if rank == 0:
            own |= {"optimizer/step/w": torch.tensor(3.0), "weight/head": torch.ones(2)}
        save_file(own, tmp_path / f"learner-{rank + 1}-of-12.safetensors")
    found = checkpoints.load_tensors(tmp_path)
    assert found["weight/w"].tolist() == [[float(rank)] * 2 for rank in range(12)]
    assert found["optimizer/step/w"].item() == 3.0
    assert set(found) == {"weight/w", "optimizer/step/w", "weight/head"}
    assert len(found) == 3
