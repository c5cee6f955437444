"""A supervised stand-in for vLLM, and what asks it."""

import json
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rather.errors import DataError
from rather.serving.backend import Piece, Wish
from rather.serving.vllm import supervisor
from rather.serving.vllm.adapters import Registry, Vetted
from rather.serving.vllm.backend import Limits, VllmBackend
from rather.serving.vllm.judges import Judges
from rather.serving.vllm.process import Launch

FAKE = Path(__file__).with_name("fake_vllm.py")


class OwnJudges:
    """Our own engine's part: a score is how many tokens a completion has."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def start(self) -> None:
        self.done.append("start")

    async def load(self, version: str) -> None:
        self.done.append(f"load {version}")

    async def unload(self, version: str) -> None:
        self.done.append(f"unload {version}")

    def loaded(self) -> tuple[str, ...]:
        return ("reward-1",)

    async def score(self, model: str, prompt: Any, completions: Any) -> list[list[float]]:
        return [[float(len(one)) for one in completions]]

    async def close(self, grace_s: float) -> None:
        self.done.append("close")


@pytest.fixture
def launch(tmp_path: Path) -> Callable[..., Launch]:
    """How the stand-in is started, with flags of its own."""

    def make(*flags: str) -> Launch:
        command = (sys.executable, str(FAKE), *flags)
        return Launch(command, {}, tmp_path / "vllm.log", start_timeout_s=20)

    return make


@pytest.fixture
def adapters(tmp_path: Path) -> Path:
    """Folders of adapters by name: `ppo-1` and `ppo-2` of rank 8, `wide-1` of rank 64."""
    for name, rank in (("ppo-1", 8), ("ppo-2", 8), ("wide-1", 64)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "adapter_config.json").write_text(json.dumps({"r": rank}))
    return tmp_path


@pytest.fixture
def backend(
    launch: Callable[..., Launch], adapters: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., VllmBackend]]:
    """Backends on the stand-in; what they said is in their `said`."""
    monkeypatch.setattr(supervisor, "SECONDS_BETWEEN_PROBES", 0.05)
    monkeypatch.setattr(supervisor, "SHORTEST_BACKOFF_S", 0.05)

    def vet(name: str) -> Vetted:
        if not (adapters / name).exists():
            raise DataError(f"There is no version {name}.")
        config = json.loads((adapters / name / "adapter_config.json").read_text())
        return Vetted(adapters / name, config["r"])

    def make(*flags: str, **limits: Any) -> VllmBackend:
        known = {"max_running": 8, "max_waiting": 8, "max_rank": 16, "quiet_s": 5.0, "hang_s": 5.0}
        said: list[str] = []
        made = VllmBackend(
            launch(*flags),
            [2],
            Limits(**{**known, **limits}),
            Registry(vet, lambda name: name.startswith("reward-")),
            Judges(OwnJudges()),
            said.append,
        )
        made.said = said  # type: ignore[attr-defined]
        return made

    yield make


def wish(**changed: Any) -> Wish:
    """A wish for `bcd`: the prompt ends with token 0, the seed is 1."""
    known: dict[str, Any] = {
        "prompt_ids": (7, 0),
        "model": "base",
        "seeds": (1,),
        "max_new_tokens": 3,
    }
    return Wish(**{**known, **changed})


async def told(backend: VllmBackend, wanted: Wish) -> dict[int, str]:
    """The texts of a wish's completions, by number."""
    found = dict.fromkeys(range(len(wanted.seeds)), "")
    async for piece in backend.generate(wanted):
        found[piece.number] += piece.text
    return found


async def pieces(backend: VllmBackend, wanted: Wish) -> list[Piece]:
    """All pieces of a wish."""
    return [piece async for piece in backend.generate(wanted)]


def seen(backend: VllmBackend) -> dict[str, Any]:
    """What the stand-in was asked."""
    with urllib.request.urlopen(f"{backend._server.url}/seen") as reply:
        return json.load(reply)


def break_it(backend: VllmBackend, fault: str) -> None:
    """Have the stand-in misbehave."""
    body = json.dumps({"name": fault}).encode()
    urllib.request.urlopen(f"{backend._server.url}/fault", body).close()
