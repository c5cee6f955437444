"""The systems: every race has one of ours, peers never see our source, and what lacks is said."""

from pathlib import Path

import pytest

from benchmarks.speed import systems
from benchmarks.speed.systems import SYSTEMS, WORKLOADS, System


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_race_has_one_of_ours_and_a_peer(workload: str) -> None:
    here = [one for one in SYSTEMS if one.workload == workload]
    names = [one.name for one in here]
    assert len(set(names)) == len(names)
    assert {one.is_ours for one in here if not one.is_trial} == {True, False}
    assert all(one.name.startswith("ours") == one.is_ours for one in here)


def test_workers_are_there() -> None:
    folder = Path(systems.__file__).parent / "workers"
    assert {one.worker for one in SYSTEMS} <= {file.stem for file in folder.glob("*.py")}


def test_a_peer_runs_in_its_own_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systems, "ORACLES", tmp_path)
    peer = System("TRL", "reward", "trl_reward", home="trl-1.16")
    ours = System("ours", "reward", "ours_reward")
    assert peer.missing == "trl-1.16 is not installed here" and not ours.missing
    (tmp_path / "trl-1.16").mkdir()
    (tmp_path / "trl-1.16" / ".ready").touch()
    assert not peer.missing
    assert peer.environment["PYTHONPATH"].startswith(str(tmp_path / "trl-1.16"))
    assert not peer.environment["PYTHONPATH"].endswith("src")
    assert ours.environment["PYTHONPATH"].endswith("src")
    # transformers is one for both; vLLM has an interpreter of its own
    assert peer.python == ours.python


def test_only_what_is_judged_by_wall_may_spin() -> None:
    by_cpu = System("ours", "reward", "ours_reward").environment
    assert by_cpu["OMP_WAIT_POLICY"] == "passive"
    by_wall = System("ours", "wall-1", "ours_generation").environment
    assert by_wall["GOMP_SPINCOUNT"] == "1000"
