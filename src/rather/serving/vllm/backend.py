"""The API's backend on a vLLM server: the same requests, the same pieces."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from rather.errors import DataError
from rather.rollout.vllm.wire import BASE, ServerFailed, ServerRefused
from rather.serving.backend import EngineDown, Piece, Wish
from rather.serving.vllm.adapters import Adapters, Registry
from rather.serving.vllm.client import Client
from rather.serving.vllm.judges import Judges
from rather.serving.vllm.places import Place, Places
from rather.serving.vllm.process import PROBE_S, Launch
from rather.serving.vllm.supervisor import Supervisor
from rather.serving.vllm.wire import body_of, piece_of

PIECES_AHEAD = 64
"""How far the server may be ahead of whoever reads, before its stream is read no further."""

Ending = Piece | Exception


@dataclass(frozen=True)
class Limits:
    """How much the server is given at once."""

    max_running: int
    max_waiting: int
    max_rank: int
    quiet_s: float
    """A server that has work and says nothing for so long is asked whether it still works."""
    hang_s: float
    """One that does not answer for so long is started anew."""


class VllmBackend:
    """Generates with a supervised vLLM server. See `rather.serving.backend.Backend`."""

    holds_whole_models = False  # a vLLM server has the one model it was started with

    def __init__(
        self,
        launch: Launch,
        stop_ids: Sequence[int],
        limits: Limits,
        registry: Registry,
        judges: Judges,
        say: Callable[[str], None],
    ) -> None:
        self._client = Client()
        self._adapters = Adapters(self._client, registry.vet, limits.max_rank, say)
        self._server = Supervisor(
            launch, self._adapters.load_again, self._is_working, limits.hang_s, say
        )
        self._places = Places(limits.max_running, limits.max_waiting)
        self._registry, self._judges = registry, judges
        self._stop_ids, self._quiet_s = tuple(stop_ids), limits.quiet_s
        self._tokens = 0
        self._last_word = time.monotonic()
        self._closing = False

    async def start(self) -> None:
        """Start the server; returns when it answers."""
        await self._server.start()

    async def close(self, grace_s: float) -> None:
        """Take nothing more, let what runs finish for so long, then end the server."""
        self._closing = True
        ends = time.monotonic() + grace_s
        while self._places.running and time.monotonic() < ends:
            await asyncio.sleep(0.05)
        await self._server.close()
        await self._judges.close()
        await self._client.close()

    async def generate(self, wish: Wish) -> AsyncGenerator[Piece]:
        """The pieces of the wish's completions as they come; closing the iterator cancels.

        Raises QueueFull before the first piece, EngineDown whenever the server fails; those that
        are cut off as the server closes end with `abort`.
        """
        self._require(wish.model)
        places = self._places.ask(wish.client, len(wish.seeds))
        pieces: asyncio.Queue[Ending] = asyncio.Queue(PIECES_AHEAD)
        with self._adapters.used(wish.model):
            tasks = [
                asyncio.create_task(self._answer(wish, number, place, pieces))
                for number, place in enumerate(places)
            ]
            try:
                left = len(tasks)
                while left:
                    piece = await pieces.get()
                    if isinstance(piece, Exception):
                        raise piece
                    left -= piece.finish_reason is not None
                    yield piece
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                for place in places:
                    self._places.give_back(place)

    async def _answer(
        self, wish: Wish, number: int, place: Place, pieces: asyncio.Queue[Ending]
    ) -> None:
        """One completion from its turn to its end."""
        try:
            await place.turn
            last = None
            async with aclosing(self._stream(wish, number)) as stream:
                async for piece in stream:
                    if piece.finish_reason is None:
                        await pieces.put(piece)
                    else:
                        last = piece
            if last is None:
                raise ServerFailed("the stream ended before the completion")
            self._places.give_back(place)
            await pieces.put(last)
        except ServerFailed as failure:
            if self._closing:
                await pieces.put(Piece(number, "", 0, finish_reason="abort"))
            else:
                await pieces.put(EngineDown(f"vLLM failed ({failure}); try again in a moment."))
        except ServerRefused as refusal:
            await pieces.put(DataError(f"vLLM refuses this request ({refusal})."))
        except Exception as error:
            await pieces.put(error)

    async def _stream(self, wish: Wish, number: int) -> AsyncGenerator[Piece]:
        self._require(wish.model)  # a turn may have been long in coming
        if self._places.running == 1:
            self._last_word = time.monotonic()
        body = body_of(wish, number, self._stop_ids)
        async with aclosing(self._client.events(self._server.url, body)) as events:
            async for event in events:
                self._last_word = time.monotonic()
                piece = piece_of(event, number, self._stop_ids)
                self._tokens += piece.num_tokens
                yield piece

    def _require(self, model: str) -> None:
        if self._closing:
            raise EngineDown("The server is shutting down.")
        if not self._server.is_up:
            raise EngineDown("vLLM is not answering; try again in a moment.")
        if model != BASE and model not in self._adapters.names:
            raise EngineDown(f"{model} is not loaded any more.")

    async def score(
        self, model: str, prompt_ids: Sequence[int], completions: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Scores by a reward version: our own backbone gives them."""
        return await self._judges.score(model, prompt_ids, completions)

    async def load(self, version: str) -> None:
        """Verify a version and have it read by whoever uses it; DataError says why not."""
        if self._registry.is_reward(version):
            await self._judges.load(version)
            return
        if not self._server.is_up:
            raise EngineDown("vLLM is not answering; try again in a moment.")
        await self._adapters.load(self._server.url, version)

    async def unload(self, version: str) -> None:
        """Offer an adapter no longer; the server forgets it when its last request has ended."""
        await self._judges.unload(version)
        was_there = await self._adapters.forget(version)
        if not was_there or not self._server.is_up:
            return  # one that is started anew is never given it
        try:
            await self._client.unload(self._server.url, version)
        except ServerFailed:
            return
        except ServerRefused as refusal:
            raise DataError(f"vLLM does not let {version} go ({refusal}).") from refusal

    def loaded(self) -> tuple[str, ...]:
        """Versions that are available, without `base`."""
        return (*self._adapters.names, *self._judges.loaded())

    def is_healthy(self) -> bool:
        """Whether the server is up and, having work, does it."""
        return self._server.is_up and not self._is_quiet and not self._closing

    def why_over(self) -> str | None:
        """Never: the server is started again however often it fails."""
        return None

    def notes(self) -> tuple[str, ...]:
        """See `Backend`."""
        return ()

    def gauges(self) -> Mapping[str, float]:
        """Numbers for `/metrics`."""
        return {
            "completions_waiting": self._places.waiting,
            "completions_running": self._places.running,
            "tokens_total": self._tokens,
            "restarts_total": self._server.restarts,
        }

    @property
    def _is_quiet(self) -> bool:
        return bool(self._places.running) and time.monotonic() - self._last_word > self._quiet_s

    async def _is_working(self, url: str) -> bool:
        """Of a server that answers `/health`: its engine may hang all the same."""
        if not self._is_quiet:
            return True
        if not await self._client.works(url, PROBE_S):
            return False
        self._last_word = time.monotonic()
        return True
