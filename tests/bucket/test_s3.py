"""The whole way through a real S3 client to a server that speaks S3: kills, damage, no access."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def test_a_workspace_goes_to_s3_and_comes_back(
    bucket: Any, rather: Any, root: Path, tmp_path: Path, tree: Any
) -> None:
    sent = rather("push", "s3://ours/team/ws", "-w", str(root), "--json", **bucket.settings)
    assert sent.returncode == 0, sent.stderr
    before = tree(root)
    shutil.rmtree(root)
    came = rather("pull", "s3://ours/team/ws", str(tmp_path / "here"), **bucket.settings)
    assert came.returncode == 0, came.stderr
    assert tree(tmp_path / "here") == before
    said = sent.stdout + sent.stderr + came.stdout + came.stderr
    assert "hidden-from-logs" not in said and "AKIATESTKEY" not in said


@pytest.mark.parametrize(
    "place", ["bucket.object", "bucket.object:kill:3", "bucket.objects", "bucket.snapshot"]
)
def test_a_push_that_was_killed_left_the_one_before_and_the_same_command_ends_it(
    bucket: Any, rather: Any, root: Path, tmp_path: Path, tree: Any, place: str
) -> None:
    """Wherever it dies the bucket holds a whole workspace: the one before, or this one."""
    given, old = ("s3://ours/ws", "-w", str(root)), tmp_path / "old"
    assert rather("push", *given, **bucket.settings).returncode == 0
    for number in range(3):
        (root / f"note-{number}.txt").write_text(f"written later, {number}")
    name, _, rest = place.partition(":")
    failpoint = f"{name}:{rest or 'kill'}"
    died = rather("push", *given, RATHER_FAILPOINT=failpoint, **bucket.settings)
    assert died.returncode == -signal.SIGKILL
    assert rather("pull", "s3://ours/ws", str(old), **bucket.settings).returncode == 0
    found = set(tree(old))
    notes = {f"note-{number}.txt" for number in range(3)}
    assert found & notes == (notes if place == "bucket.snapshot" else set())
    again = rather("push", *given, **bucket.settings)
    assert again.returncode == 0, again.stderr
    new = tmp_path / "new"
    assert rather("pull", "s3://ours/ws", str(new), **bucket.settings).returncode == 0
    assert tree(new) == tree(root)


def test_a_pull_that_was_killed_goes_on(
    bucket: Any, rather: Any, root: Path, tmp_path: Path, tree: Any
) -> None:
    assert rather("push", "s3://ours/ws", "-w", str(root), **bucket.settings).returncode == 0
    given = ("pull", "s3://ours/ws", str(tmp_path / "here"))
    died = rather(*given, RATHER_FAILPOINT="bucket.received:kill:2", **bucket.settings)
    assert died.returncode == -signal.SIGKILL
    refused = rather("status", "-w", str(tmp_path / "here"))
    assert "is not a workspace" in refused.stderr
    assert rather(*given, **bucket.settings).returncode == 0
    assert tree(tmp_path / "here") == tree(root)


def test_every_fault_is_one_sentence_and_shows_no_secret(
    bucket: Any, rather: Any, root: Path
) -> None:
    faults: list[tuple[str, dict[str, str | None], str]] = [
        ("s3://nobodys/ws", {}, "there is no bucket nobodys"),
        ("s3://ours/ws", {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
         "this machine's credentials"),
        ("s3://ours/ws", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "check the network"),
        ("s3://ours/ws", {"PYTHONPATH": "src"}, "pip install 'rather[s3]'"),
    ]  # fmt: skip
    for address, changed, words in faults:
        given = {**bucket.settings, **changed}
        failed = rather("push", address, "-w", str(root), **given)
        assert failed.returncode == 5, failed.stderr
        (line,) = failed.stderr.strip().splitlines()
        assert words in line and "hidden-from-logs" not in line


def test_a_model_is_read_from_s3(
    bucket: Any, rather: Any, root: Path, tiny_model: Path, tmp_path: Path
) -> None:
    for path in tiny_model.iterdir():
        bucket.put(f"ours/models/tiny/{path.name}", path.read_bytes())
    settings = {**bucket.settings, "RATHER_CACHE": str(tmp_path / "cache")}
    given = ("sample", "--model", "s3://ours/models/tiny", "--sample.max-new-tokens", "4")
    made = rather(*given, "--json", "-w", str(root), **settings)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["stored"] >= 1
    (cached,) = (tmp_path / "cache" / "models").iterdir()
    weights = (tiny_model / "model.safetensors").read_bytes()
    assert (cached / "model.safetensors").read_bytes() == weights
