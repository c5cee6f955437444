"""A real vLLM behind our backend: the same answers as our own engine, and a life after kill -9.

`make test-vllm` installs vLLM for CPUs in an environment of its own and runs this.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from rather.config.serving import Serving
from rather.config.vllm import VllmEngine
from rather.models.adapter_files import save_adapter
from rather.models.backbone import Backbone
from rather.models.embedded import embedded_folder
from rather.models.library import Library, load_backbone
from rather.models.lora import LoraShape
from rather.records import Message, Prompt
from rather.rollout import local
from rather.serving.backend import EngineDown, Piece, Wish
from rather.serving.local.backend import LocalBackend
from rather.serving.vllm import installed
from rather.serving.vllm.adapters import Registry, Vetted
from rather.serving.vllm.backend import Limits, VllmBackend
from rather.serving.vllm.judges import Judges
from rather.serving.vllm.process import Launch

PYTHON = Path(__file__).parents[2] / ".oracles" / "vllm" / "bin" / "python"
RANKS = {"narrow-1": 8, "wide-1": 16}
TEXTS = ("Name three fruits.", "Why is the sky blue?", "Write a line about rain.")
NUM_TOKENS = 12
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="no vLLM here; `make test-vllm` installs it"),
]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """The embedded model in float32, with two adapters that change what it says."""
    found = load_backbone(embedded_folder(), torch.float32, "cpu")
    for seed, (name, rank) in enumerate(RANKS.items()):
        found.add_adapter(name, LoraShape(rank, 2.0 * rank, found.linear_layers.names), seed)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for key, weight in found.adapter_parameters(name).items():
                if "lora_B" in key:
                    weight.normal_(0.0, 0.05, generator=generator)
    return found


@pytest.fixture(scope="module")
def adapters(backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same adapters as PEFT folders."""
    root = tmp_path_factory.mktemp("adapters")
    for name in RANKS:
        (root / name).mkdir()
        weights = dict(backbone.adapter_parameters(name))
        shape = backbone.shapes[name]
        save_adapter(root / name, shape, weights, backbone.linear_layers, "embedded")
    return root


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Nothing but the embedded model."""
    return Library(tmp_path_factory.mktemp("ws"), "embedded", "float32", {})


@pytest.fixture(scope="module")
def prompts(library: Library) -> list[tuple[int, ...]]:
    """Prompts as the model sees them."""
    codec = library.codec("base")
    return [codec.prompt_ids(Prompt("p", (Message("user", text),), "train")) for text in TEXTS]


class Running:
    """A backend on an event loop in a thread of its own."""

    def __init__(self, make: Callable[[], VllmBackend]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

        async def made() -> VllmBackend:
            return make()

        self.backend = self.wait(made())

    def wait(self, what: Coroutine[Any, Any, Any]) -> Any:
        """The outcome of a coroutine."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(900)

    def close(self) -> None:
        """End the server and the loop."""
        self.wait(self.backend.close(0))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="module")
def running(
    adapters: Path, library: Library, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """vLLM in float32 with both adapters loaded."""
    section = VllmEngine(
        python=str(PYTHON),
        max_running=8,
        max_context=512,
        cache_gb=0.5,
        arguments=("--enforce-eager",),
    )
    launch = Launch(
        installed.command(section, embedded_folder(), "float32", max_rank=16, resident_adapters=4),
        installed.environment(PYTHON),
        tmp_path_factory.mktemp("log") / "vllm.log",
        start_timeout_s=600,
    )

    def vet(name: str) -> Vetted:
        return Vetted(adapters / name, RANKS[name])

    registry = Registry(vet, lambda name: False)
    judges = Judges(LocalBackend(library, lambda name: None, Serving()))
    limits = Limits(max_running=8, max_waiting=64, max_rank=16, quiet_s=10.0, hang_s=60.0)
    served = Running(lambda: VllmBackend(launch, [2], limits, registry, judges, print))
    try:
        served.wait(served.backend.start())
        for name in RANKS:
            served.wait(served.backend.load(name))
        yield served
    finally:
        served.close()


async def answer(backend: VllmBackend, wish: Wish) -> list[Piece]:
    return [piece async for piece in backend.generate(wish)]


def wish(ids: tuple[int, ...], model: str, **changed: Any) -> Wish:
    known = {"seeds": (1,), "max_new_tokens": NUM_TOKENS, "temperature": 0.0, "top_logprobs": 0}
    return Wish(prompt_ids=ids, model=model, **{**known, **changed})


def test_greedy_answers_are_those_of_our_own_weights(
    running: Running, backbone: Backbone, prompts: list[tuple[int, ...]]
) -> None:
    """As many tokens, the same end, and each token's log-probability the same to 0.001.

    Base and adapters of two ranks, asked together as one batch.
    """

    async def all_at_once() -> list[list[Piece]]:
        wishes = [wish(ids, model) for model in ("base", *RANKS) for ids in prompts]
        return await asyncio.gather(*(answer(running.backend, one) for one in wishes))

    found = iter(running.wait(all_at_once()))
    requests = [local.Request(ids, (0,)) for ids in prompts]
    settings = local.Settings(temperature=0.0, max_new_tokens=NUM_TOKENS, stop_ids=(2,))
    texts = set()
    for model in ("base", *RANKS):
        ours = local.sample(backbone, None if model == "base" else model, requests, settings)
        for (one,) in ours:
            pieces = next(found)
            told = [each for piece in pieces for each in piece.logprobs]
            stopped = one.finish_reason == "stop"
            assert pieces[-1].finish_reason == one.finish_reason
            assert sum(piece.num_tokens for piece in pieces) == len(one.ids)
            expected = one.logprobs[:-1] if stopped else one.logprobs
            assert [each.logprob for each in told] == pytest.approx(expected, abs=1e-3)
            texts.add("".join(piece.text for piece in pieces))
    assert len(texts) > len(TEXTS) * 2, "the adapters say what the base says: a test of nothing"


def test_a_stream_that_is_left_is_ended_in_the_server(
    running: Running, prompts: list[tuple[int, ...]]
) -> None:
    async def leave() -> None:
        stream = running.backend.generate(wish(prompts[0], "base", max_new_tokens=400))
        async for _ in stream:
            break
        await stream.aclose()
        began = time.monotonic()
        await answer(running.backend, wish(prompts[1], "base", max_new_tokens=2))
        assert time.monotonic() - began < 5
        assert running.backend.gauges()["completions_running"] == 0

    running.wait(leave())


def test_a_server_killed_under_load_comes_back_with_its_adapters(
    running: Running, prompts: list[tuple[int, ...]]
) -> None:
    """Last, for it costs a second start."""
    backend = running.backend
    before = running.wait(answer(backend, wish(prompts[0], "wide-1")))

    async def killed() -> None:
        long = wish(prompts[0], "wide-1", seeds=(1, 2, 3, 4), temperature=1.0, max_new_tokens=400)
        load = [asyncio.create_task(answer(backend, long)) for _ in range(2)]
        while backend.gauges()["completions_running"] < 8:
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        os.killpg(backend._server._process._group, signal.SIGKILL)
        for task in load:
            with pytest.raises(EngineDown):
                await task
        began = time.monotonic()
        while backend.is_healthy():
            await asyncio.sleep(0.05)
        assert time.monotonic() - began < 5
        with pytest.raises(EngineDown):
            await answer(backend, wish(prompts[0], "base"))
        while not backend.is_healthy():
            await asyncio.sleep(0.5)
        assert set(backend.loaded()) == set(RANKS)

    running.wait(killed())
    after = running.wait(answer(backend, wish(prompts[0], "wide-1")))
    assert [piece.text for piece in after] == [piece.text for piece in before]
    assert backend.gauges()["restarts_total"] == 1
