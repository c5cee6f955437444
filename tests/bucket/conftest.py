"""Object storage for the tests: a folder by file://, and where it is installed a server of S3."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rather.durable import staged_directory
from rather.records import Message, Prompt
from rather.serving.vllm.process import free_port
from rather.store import prompts
from rather.workspace import Workspace

ROOT = Path(__file__).parents[2]
S3 = ROOT / ".oracles" / "s3"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIATESTKEY", "AWS_SECRET_ACCESS_KEY": "hidden-from-logs"}


@pytest.fixture
def store(tmp_path: Path) -> str:
    """An address nothing was sent to yet."""
    return f"file://{tmp_path}/store"


@pytest.fixture
def root(tmp_path: Path, create_workspace: Callable[..., Workspace]) -> Path:
    """A workspace of one prompt, with a checkpoint that is sealed."""
    root = tmp_path / "mine"
    with create_workspace(root) as ws:
        prompts.add(ws.db, [Prompt("p1", (Message("user", "?"),), "train")])
    with staged_directory(root / "runs" / "ppo-1" / "checkpoint-2") as staging:
        (staging / "state.json").write_text('{"steps_done": 2}', "utf-8")
        (staging / "learner.safetensors").write_bytes(bytes(range(256)) * 400)
    return root


Rather = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def rather() -> Rather:
    """Runs a command in a process of its own, its environment changed by keywords; None removes."""

    def run(*words: str, **changed: str | None) -> "subprocess.CompletedProcess[str]":
        paths = os.pathsep.join([str(S3), str(ROOT / "src")])
        given = {**os.environ, "PYTHONPATH": paths, **changed}
        environment = {name: value for name, value in given.items() if value is not None}
        command = [sys.executable, "-m", "rather", *words]
        return subprocess.run(command, env=environment, text=True, capture_output=True, timeout=120)

    return run


class Bucket:
    """A server of S3 with one bucket, `ours`."""

    def __init__(self, home: Path) -> None:
        self.endpoint = f"http://127.0.0.1:{free_port()}"
        port = self.endpoint.rpartition(":")[2]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-p", port],
            env={**os.environ, **KEYS, "PYTHONPATH": str(S3)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ends = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < ends, "the S3 server does not start"
            time.sleep(0.1)
        self.settings = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(home),
            **KEYS,
        }

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.endpoint}/moto-api/data.json").close()
        except OSError:
            return False
        return True

    def put(self, path: str, data: bytes = b"") -> None:
        """Write an object (or, of a name without slash, make a bucket) behind everybody's back."""
        request = urllib.request.Request(f"{self.endpoint}/{path}", data, method="PUT")
        request.add_header("Authorization", "AWS4-HMAC-SHA256 Credential=x/x/us-east-1/s3/x")
        request.add_header("Content-Type", "application/octet-stream")
        urllib.request.urlopen(request).close()

    def close(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    """An S3 server of its own."""
    if not S3.exists():
        pytest.skip("no S3 here; `make .oracles/s3/.ready` installs it")
    made = Bucket(tmp_path)
    try:
        made.put("ours")
        yield made
    finally:
        made.close()


@pytest.fixture
def tree() -> Callable[[Path], dict[str, Any]]:
    """Every file of a workspace that travels, and what is in it; the database by its prompts."""
    return _tree


def _tree(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and not path.name.startswith((".", "rather.db"))
        and path.suffix != ".lock"
    }
    with Workspace.open(folder) as ws:
        found["rather.db"] = [one.id for one in prompts.all(ws.db)]
    return found
