"""One vLLM server process on a loopback port of its own, its words in a log file."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2

from rather.errors import EnvironmentFault

KEEPER = Path(__file__).with_name("keeper.py")
SECONDS_BETWEEN_LOOKS = 0.2
PROBE_S = 2.0
"""How long a healthy server may take to say that it is."""
LINES_SHOWN = 15


@dataclass(frozen=True)
class Launch:
    """How a server is started: everything but its port."""

    command: tuple[str, ...]
    """`--host` and `--port` are added."""
    environment: Mapping[str, str]
    """Beside what this process has."""
    log: Path
    """What the server says is appended here."""
    start_timeout_s: float


class ServerProcess:
    """A server that was started, until it is ended."""

    def __init__(self, keeper: asyncio.subprocess.Process, group: int, url: str) -> None:
        self._keeper, self._group, self.url = keeper, group, url

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._keeper.returncode

    async def answers(self, client: httpx2.AsyncClient) -> bool:
        """Whether `/health` is answered, and well, within `PROBE_S`."""
        with suppress(httpx2.HTTPError):
            reply = await client.get(f"{self.url}/health", timeout=PROBE_S)
            return reply.is_success
        return False

    async def end(self, *, by_force: bool = False) -> None:
        """End the server and all it started; returns when nothing of it is left."""
        if by_force:
            self._kill()
        if self._keeper.stdin is not None:
            self._keeper.stdin.close()  # the keeper's sign to end its group
        try:
            await self._keeper.wait()
        finally:
            self._kill()  # a keeper that was killed itself has ended nothing

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._group, signal.SIGKILL)


async def start(launch: Launch, client: httpx2.AsyncClient) -> ServerProcess:
    """Start a server and wait until it answers.

    Raises EnvironmentFault with the last lines of its log where it ends before, or takes too long.
    """
    port = free_port()
    process = await _spawn(launch, port)
    try:
        async with asyncio.timeout(launch.start_timeout_s):
            while process.exit_code is None and not await process.answers(client):
                await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
    except TimeoutError:
        await process.end()
        raise EnvironmentFault(
            f"vLLM did not answer within {launch.start_timeout_s:.0f} seconds; give it more with "
            f"serve.vllm.start_timeout_s. The last it said, from {launch.log}:\n{tail(launch.log)}"
        ) from None
    except BaseException:
        await process.end()
        raise
    if process.exit_code is not None:
        await process.end()
        raise EnvironmentFault(
            f"vLLM ended at its start (exit code {process.exit_code}). The last it said, from "
            f"{launch.log}:\n{tail(launch.log)}"
        )
    return process


async def _spawn(launch: Launch, port: int) -> ServerProcess:
    launch.log.parent.mkdir(parents=True, exist_ok=True)
    command = [*launch.command, "--host", "127.0.0.1", "--port", str(port)]
    with launch.log.open("ab") as log:
        keeper = await asyncio.create_subprocess_exec(
            *keeper_command(command),
            env={**os.environ, **launch.environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert keeper.stdout is not None
    said = (await keeper.stdout.readline()).strip()
    if not said:
        code = await keeper.wait()
        raise EnvironmentFault(
            f"{launch.command[0]} could not be run (exit code {code}); {launch.log} says why."
        )
    return ServerProcess(keeper, int(said), f"http://127.0.0.1:{port}")


def keeper_command(command: Sequence[str]) -> list[str]:
    """The command, run so that it ends with this process, however this process ends."""
    return [sys.executable, "-I", str(KEEPER), *command]


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(log: Path) -> str:
    """The last lines of a log, indented."""
    lines = log.read_text("utf-8", errors="replace").splitlines()[-LINES_SHOWN:]
    return "\n".join(f"    {line}" for line in lines)
