"""The server is kept up: after a crash, after a hang, with longer pauses where it keeps dying."""

import asyncio
import os
import signal
import time
from collections.abc import Callable

import pytest

from rather.errors import EnvironmentFault
from rather.serving.vllm import supervisor
from rather.serving.vllm.process import Launch
from rather.serving.vllm.supervisor import Supervisor, backoff


async def fine(url: str) -> bool:
    return True


async def nothing(url: str) -> None: ...


async def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends, "it did not come to that"
        await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SECONDS_BETWEEN_PROBES", 0.05)
    monkeypatch.setattr(supervisor, "SHORTEST_BACKOFF_S", 0.05)


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (50, 60)]
)
def test_the_pause_doubles_up_to_a_minute(
    monkeypatch: pytest.MonkeyPatch, failures: int, seconds: float
) -> None:
    monkeypatch.setattr(supervisor, "SHORTEST_BACKOFF_S", 1.0)
    assert backoff(failures) == seconds


def test_a_stopped_server_is_red_and_then_started_anew(launch: Callable[..., Launch]) -> None:
    prepared: list[str] = []

    async def prepare(url: str) -> None:
        prepared.append(url)

    async def whole() -> None:
        kept = Supervisor(launch(), prepare, fine, hang_s=0.5, say=lambda line: None)
        await kept.start()
        assert kept.is_up and prepared == [kept.url]
        os.killpg(kept._process._group, signal.SIGSTOP)
        began = time.monotonic()
        await until(lambda: not kept.is_up)
        assert time.monotonic() - began < 5
        await until(lambda: kept.is_up)
        assert kept.restarts == 1 and prepared[1] == kept.url
        await kept.close()

    asyncio.run(whole())


def test_a_server_that_cannot_be_started_at_all_is_an_error(launch: Callable[..., Launch]) -> None:
    kept = Supervisor(launch("--dies"), nothing, fine, hang_s=5, say=lambda line: None)
    with pytest.raises(EnvironmentFault, match="no such model"):
        asyncio.run(kept.start())


def test_a_start_that_fails_later_is_tried_again(launch: Callable[..., Launch]) -> None:
    said: list[str] = []

    async def whole() -> None:
        kept = Supervisor(launch(), nothing, fine, hang_s=5, say=said.append)
        await kept.start()
        kept._launch = launch("--dies")
        os.killpg(kept._process._group, signal.SIGKILL)
        await until(lambda: sum("ended at its start" in line for line in said) >= 2)
        assert not kept.is_up
        kept._launch = launch()
        await until(lambda: kept.is_up)
        assert kept.restarts == 1
        await kept.close()

    asyncio.run(whole())
