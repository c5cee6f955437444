"""Database, disk, packages: sound here, and what is said where they are not."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from rather.doctor import machine
from rather.doctor.advisories import Floor
from rather.doctor.finding import Finding
from rather.records import Run
from rather.store import runs
from rather.workspace import Workspace

Look = Callable[[Workspace, str], Finding]


def test_a_sound_database(ws: Workspace, look: Look) -> None:
    assert look(ws, "database") == Finding("ok", "the integrity check finds nothing wrong")


def test_a_database_whose_rows_break_its_own_rules(ws: Workspace, look: Look) -> None:
    runs.start(ws.db, Run("ppo-1", "ppo", {}, "", "running", "now"))
    runs.record(ws.db, "ppo-1", 1, {"loss": float("nan")})  # stored as NULL

    def forbid_nulls(connection: object) -> None:
        say = connection.exec_driver_sql  # type: ignore[attr-defined]
        say("PRAGMA writable_schema=ON")
        say("UPDATE sqlite_master SET sql = replace(sql, 'value FLOAT', 'value FLOAT NOT NULL')")
        say("PRAGMA schema_version=999")

    ws.db.write(forbid_nulls)
    ws.close()
    found = look(ws, "database")
    assert (found.severity, found.shown) == ("problem", ("NULL value in metrics.value",))
    assert "restore the newest backup" in found.mend


def test_a_server_that_loses_data_in_a_power_cut(
    new_ws: Callable[..., Workspace], look: Look, new_url: Callable[[], str], cluster: Any
) -> None:
    ws = new_ws(database=new_url().replace("rather@", "rather:secret@"))
    cluster.stop()
    cluster.start(fsync="off")
    found = look(ws, "database")
    cluster.stop()
    cluster.start()
    lost = "fsync is off: a power cut can lose judgments that were acknowledged"
    assert (found.severity, found.shown) == ("problem", (lost,))
    assert "have the administrator of postgresql+psycopg://rather:***@/" in found.mend


@pytest.mark.parametrize(("free", "severity"), [(2 << 30, "ok"), (1 << 29, "problem")])
def test_room_for_adapters(
    ws: Workspace, look: Look, monkeypatch: pytest.MonkeyPatch, free: int, severity: str
) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    found = look(ws, "disk")
    assert found.severity == severity
    assert "about 1.0 GiB are wanted" in found.found


def test_a_full_copy_wants_room_for_three_checkpoints(
    new_ws: Callable[..., Workspace], look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = new_ws(sft={"adapter": {"tuning": "full"}})
    monkeypatch.setattr(machine, "size_of_weights", lambda folder: 1 << 30)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=18 << 30))
    found = look(ws, "disk")
    # 1 GiB, and three times 6 bytes for a byte of weights
    assert "18.0 GiB are free, about 19.0 GiB are wanted" in found.found
    assert "all weights are trained by sft" in found.found


def test_this_machine_s_packages_have_no_known_hole(ws: Workspace, look: Look) -> None:
    assert look(ws, "packages").severity == "ok"


def test_an_old_package_is_named_with_its_advisory(
    ws: Workspace, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {"torch": "2.5.1+cpu", "starlette": "0.48.0", "jinja2": "3.1.6"}
    monkeypatch.setattr(machine, "installed", here.get)
    found = look(ws, "packages")
    assert found.severity == "problem"
    assert found.found == "2 of 3 installed packages have known holes"
    assert found.mend == "pip install -U 'torch>=2.10.0' 'starlette>=1.0.1'"
    assert [line.split(":")[0] for line in found.shown] == ["torch 2.5.1+cpu"] * 2 + [
        "starlette 0.48.0"
    ] * 2
    assert "CVE-2025-32434, mended in 2.6.0" in found.shown[0]


@pytest.mark.parametrize(
    ("release", "is_hit"),
    [("2.9.9", True), ("2.10.0", False), ("2.10.0+cpu", False), ("2.10.0rc1", True), (None, False)],
)
def test_releases_are_numbers_not_texts(release: str | None, is_hit: bool) -> None:
    assert machine.is_below(release, Floor("torch", "2.10.0", "", "")) is is_hit


def test_a_missing_package_has_no_release() -> None:
    assert machine.installed("no-such-package-anywhere") is None
    assert machine.installed("torch") is not None
