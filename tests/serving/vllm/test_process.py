"""A server's process: it answers or says why not, and nothing of it outlives whoever started it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from rather.errors import EnvironmentFault
from rather.serving.vllm import process
from rather.serving.vllm.process import Launch, ServerProcess, keeper_command, start

Makes = Callable[..., Launch]


async def started(launch: Launch) -> ServerProcess:
    async with httpx2.AsyncClient() as client:
        return await start(launch, client)


def is_gone(group: int) -> bool:
    """Whether no process of a group runs any more."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def wait_until_gone(group: int) -> None:
    ends = time.monotonic() + 20
    while not is_gone(group):
        assert time.monotonic() < ends, "the group lives on"
        time.sleep(0.02)


def test_a_started_server_answers_and_ends_with_its_group(launch: Makes) -> None:
    async def whole() -> int:
        server = await started(launch())
        async with httpx2.AsyncClient() as client:
            assert await server.answers(client)
            group = server._group
            await server.end()
            assert not await server.answers(client)
        assert server.exit_code == 128 + signal.SIGTERM
        return group

    assert is_gone(asyncio.run(whole()))


def test_a_server_that_dies_at_its_start_is_quoted(launch: Makes) -> None:
    with pytest.raises(EnvironmentFault, match=r"ended at its start \(exit code 1\)") as told:
        asyncio.run(started(launch("--dies")))
    lines = str(told.value).splitlines()
    assert lines[-2:] == ["    fake vLLM is starting", "    ValueError: no such model"]


def test_a_server_that_takes_too_long_is_ended_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "SECONDS_BETWEEN_LOOKS", 0.05)
    sleeps = (sys.executable, "-c", "import time; time.sleep(60)")
    launch = Launch(sleeps, {}, tmp_path / "log", start_timeout_s=0.3)
    with pytest.raises(EnvironmentFault, match=r"within 0 seconds.*serve\.vllm\.start_timeout_s"):
        asyncio.run(started(launch))


def test_what_cannot_be_run_is_told(tmp_path: Path) -> None:
    launch = Launch((str(tmp_path / "none"),), {}, tmp_path / "log", start_timeout_s=5)
    with pytest.raises(EnvironmentFault, match="none could not be run"):
        asyncio.run(started(launch))
    assert "FileNotFoundError" in (tmp_path / "log").read_text()


def test_a_stopped_server_does_not_answer_and_is_ended_by_force(launch: Makes) -> None:
    async def whole() -> int:
        server = await started(launch())
        os.killpg(server._group, signal.SIGSTOP)
        async with httpx2.AsyncClient() as client:
            began = time.monotonic()
            assert not await server.answers(client)
            assert time.monotonic() - began < 5
        await server.end(by_force=True)
        return server._group

    assert is_gone(asyncio.run(whole()))


def test_the_group_ends_when_whoever_started_it_is_killed() -> None:
    """A shell that leaves a child behind, kept by a keeper, whose parent is killed."""
    spawns = ["sh", "-c", "sleep 60 & sleep 60"]
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import subprocess, time; k = subprocess.Popen({keeper_command(spawns)!r}, "
            "stdin=subprocess.PIPE, start_new_session=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    group = int(parent.stdout.readline())
    assert not is_gone(group)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until_gone(group)


def test_a_keeper_that_is_asked_to_end_ends_its_group() -> None:
    keeper = subprocess.Popen(
        keeper_command(["sleep", "60"]), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert keeper.stdout is not None
    group = int(keeper.stdout.readline())
    keeper.terminate()
    assert keeper.wait(10) == 128 + signal.SIGTERM
    wait_until_gone(group)
    assert keeper.stdin is not None
    keeper.stdin.close()
    keeper.stdout.close()
