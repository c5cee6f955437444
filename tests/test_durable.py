"""Files that survive: old or new after a kill anywhere, a full disk said in one sentence."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rather import durable
from rather.errors import EnvironmentFault
from rather.failpoints import FAILPOINTS

SOURCE = Path(durable.__file__).parent.parent

# Writes a file, publishes a directory, prunes the older one: passes every failpoint there is.
SCENARIO = """
import sys
from pathlib import Path
from rather import durable
home = Path(sys.argv[1])
durable.write_text(home / "state.txt", "new")
newest = durable.newest_verified(home, "step-")
if newest.name != "step-2":
    with durable.staged_directory(home / "step-2") as staging:
        (staging / "sub").mkdir()
        (staging / "weights.bin").write_bytes(b"second")
        (staging / "sub" / "more.bin").write_bytes(b"more")
durable.prune(home, "step-", keep=1)
"""

LIMITED = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
from rather import durable
from rather.errors import EnvironmentFault
home = Path(sys.argv[1])
try:
    {attempt}
except EnvironmentFault as fault:
    print(fault)
"""


def run(script: str, home: Path, failpoint: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "RATHER_FAILPOINT": failpoint}
    command = [sys.executable, "-c", script, str(home)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def publish(target: Path, content: bytes = b"first") -> None:
    with durable.staged_directory(target) as staging:
        (staging / "weights.bin").write_bytes(content)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "state.txt").write_text("old")
    publish(tmp_path / "step-1")
    return tmp_path


@pytest.mark.parametrize("name", FAILPOINTS)
def test_a_kill_leaves_old_or_new_and_the_same_command_goes_on(name: str, home: Path) -> None:
    assert run(SCENARIO, home, f"{name}:kill").returncode == -signal.SIGKILL
    assert (home / "state.txt").read_text() in ("old", "new")
    newest = durable.newest_verified(home, "step-", warn=pytest.fail)
    assert newest is not None
    assert (newest / "weights.bin").read_bytes() == {"step-1": b"first", "step-2": b"second"}[
        newest.name
    ]

    again = run(SCENARIO, home)
    assert (again.returncode, again.stderr) == (0, "")
    assert sorted(path.name for path in home.iterdir()) == ["state.txt", "step-2"]
    assert (home / "state.txt").read_text() == "new"
    assert durable.verify(home / "step-2") == []


@pytest.mark.parametrize("name", [n for n in FAILPOINTS if n.startswith("directory")])
def test_an_error_on_the_way_removes_the_staging(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATHER_FAILPOINT", f"{name}:raise")
    with pytest.raises(RuntimeError, match=f"failpoint {name}"):
        publish(home / "step-2")
    assert not list(home.glob(".staging*"))


@pytest.mark.parametrize("name", ["file.opened", "file.written"])
def test_a_full_disk_keeps_the_old_file(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATHER_FAILPOINT", f"{name}:enospc")
    with pytest.raises(EnvironmentFault, match=r"disk full: .*state\.txt could not be written"):
        durable.write_text(home / "state.txt", "new")
    assert sorted(path.name for path in home.iterdir()) == ["state.txt", "step-1"]
    assert (home / "state.txt").read_text() == "old"


@pytest.mark.parametrize(
    ("attempt", "named"),
    [
        ("durable.write_bytes(home / 'state.txt', bytes(100_000))", "state.txt"),
        (
            "with durable.staged_directory(home / 'step-2') as d:"
            " (d / 'weights.bin').write_bytes(bytes(100_000))",
            "step-2",
        ),
    ],
)
def test_a_file_size_limit_is_a_full_disk(attempt: str, named: str, home: Path) -> None:
    done = run(LIMITED.format(attempt=attempt), home)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"disk full: {home / named} could not be written")
    assert sorted(path.name for path in home.iterdir()) == ["state.txt", "step-1"]
    assert (home / "state.txt").read_text() == "old"


def test_a_library_that_reports_a_full_disk_as_text_is_understood(home: Path) -> None:
    message = "IoError(Os { code: 28, kind: StorageFull, message: 'No space left on device' })"
    with (
        pytest.raises(EnvironmentFault, match="disk full"),
        durable.staged_directory(home / "step-2"),
    ):
        raise RuntimeError(message)


def test_other_errors_pass_unchanged(home: Path) -> None:
    with pytest.raises(ZeroDivisionError), durable.staged_directory(home / "step-2") as staging:
        (staging / "weights.bin").write_bytes(b"half")
        raise ZeroDivisionError
    assert sorted(path.name for path in home.iterdir()) == ["state.txt", "step-1"]


def test_a_private_file_is_private(tmp_path: Path) -> None:
    durable.write_bytes(tmp_path / "secret", b"x", mode=0o600)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_published_directory_never_changes(home: Path) -> None:
    with pytest.raises(FileExistsError, match="never changes"):
        publish(home / "step-1", b"other")
    assert (home / "step-1" / "weights.bin").read_bytes() == b"first"


def test_a_broken_directory_makes_way(home: Path) -> None:
    (home / "step-1" / "weights.bin").unlink()
    publish(home / "step-1", b"again")
    assert (home / "step-1" / "weights.bin").read_bytes() == b"again"
    assert (home / ".corrupt-step-1-1").is_dir()


def test_the_first_of_two_that_publish_the_same_wins(home: Path) -> None:
    with durable.staged_directory(home / "step-2") as staging:
        (staging / "weights.bin").write_bytes(b"ours")
        theirs = home / "theirs"
        publish(theirs, b"theirs")
        theirs.rename(home / "step-2")
    assert (home / "step-2" / "weights.bin").read_bytes() == b"theirs"
    assert not list(home.glob(".staging*"))


def damage_content(directory: Path) -> None:
    (directory / "weights.bin").write_bytes(b"fir5t")


def damage_size(directory: Path) -> None:
    (directory / "weights.bin").write_bytes(b"firs")


def remove_file(directory: Path) -> None:
    (directory / "weights.bin").unlink()


def add_file(directory: Path) -> None:
    (directory / "extra.py").write_text("import os")


def remove_manifest(directory: Path) -> None:
    (directory / "manifest.json").unlink()


def garble_manifest(directory: Path) -> None:
    (directory / "manifest.json").write_text('{"files": [1]}')


def newer_manifest(directory: Path) -> None:
    manifest = json.loads((directory / "manifest.json").read_text())
    (directory / "manifest.json").write_text(json.dumps({**manifest, "format": 2}))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (damage_content, "weights.bin differs from its manifest"),
        (damage_size, "weights.bin differs from its manifest"),
        (remove_file, "weights.bin is missing"),
        (add_file, "extra.py is not in the manifest"),
        (remove_manifest, "manifest.json is missing"),
        (garble_manifest, "manifest.json cannot be read"),
        (newer_manifest, "manifest.json has format 2, not 1"),
    ],
)
def test_damage_is_found_and_the_one_before_is_used(damage, problem, home: Path) -> None:  # type: ignore[no-untyped-def]
    publish(home / "step-10", b"tenth")
    damage(home / "step-10")
    [found] = durable.verify(home / "step-10")
    assert problem in found
    warnings: list[str] = []
    assert durable.newest_verified(home, "step-", warnings.append) == home / "step-1"
    assert len(warnings) == 1
    assert "moved to .corrupt-step-10-1" in warnings[0]
    assert (home / ".corrupt-step-10-1").is_dir()


def test_files_of_a_file_manager_do_no_harm(home: Path) -> None:
    (home / "step-1" / ".DS_Store").write_bytes(b"")
    assert durable.verify(home / "step-1") == []


def test_numbers_count_as_numbers_and_nothing_is_none(home: Path) -> None:
    publish(home / "step-9")
    publish(home / "step-10")
    assert durable.newest_verified(home, "step-") == home / "step-10"
    assert durable.newest_verified(home, "other-") is None
    durable.prune(home, "step-", keep=2)
    assert sorted(path.name for path in home.glob("step-*")) == ["step-10", "step-9"]
    with pytest.raises(ValueError, match="at least one"):
        durable.prune(home, "step-", keep=0)


def test_a_second_process_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom rather.durable import exclusive\n"
        "with exclusive(Path(sys.argv[1]) / 'run.lock'): print('mine')\n"
    )
    with durable.exclusive(tmp_path / "run.lock"):
        refused = run(script, tmp_path)
        assert refused.returncode == 1
        assert f"is in use by process {os.getpid()} on " in refused.stderr
    assert run(script, tmp_path).stdout == "mine\n"


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom rather.durable import exclusive\n"
        "with exclusive(Path(sys.argv[1]) / 'run.lock'): os.kill(os.getpid(), 9)\n"
    )
    assert run(script, tmp_path).returncode == -signal.SIGKILL
    with durable.exclusive(tmp_path / "run.lock"):
        assert str(os.getpid()) in (tmp_path / "run.lock.holder").read_text()
