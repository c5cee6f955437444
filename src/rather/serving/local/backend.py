"""This process generates: one engine in a thread of its own, on the machine's own backbone."""

import asyncio
import copy
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial

import torch
from starlette.concurrency import run_in_threadpool

from rather.config.serving import Serving
from rather.data.batch import Row
from rather.models.decode.blocks import PROMPT_TOKENS
from rather.models.decode.prefixes import Prefixes
from rather.models.library import Library
from rather.models.twins import twin_of
from rather.records import ModelVersion
from rather.rollout.engine import Engine
from rather.rollout.local import LocalEngine, engine_of
from rather.rollout.padded import PaddedEngine
from rather.rollout.requests import Asker, Settings
from rather.rollout.tables import score_rows
from rather.serving.backend import EngineDown, Piece, Wish
from rather.serving.local.admission import Admission, Admitted
from rather.serving.local.desk import Desk, Letter
from rather.serving.local.jobs import Job
from rather.serving.local.residents import Residents
from rather.serving.local.shift import Tools
from rather.serving.local.waiting import WaitingRoom
from rather.serving.local.worker import Limits, Worker

SCORED_TOKENS = 2048
"""Tokens scored in one pass; between two, others' tokens are made."""
SECONDS_BETWEEN_LOOKS = 0.02
SECONDS_TO_ABORT = 1.0
"""What runs at the end has so long to say that it was cut off."""


class LocalBackend:
    """One model with its adapters. See `rather.serving.backend.Backend`."""

    holds_whole_models = False

    def __init__(
        self,
        library: Library,
        find: Callable[[str], ModelVersion | None],
        section: Serving,
        room: WaitingRoom | None = None,
    ) -> None:
        """`find` asks the store for a version by its name; `room` is where requests wait, shared
        with other models' where there are any."""
        self._library, self._find, self._section = library, find, section
        self._room = room or WaitingRoom(section.queue_size)
        self._num_open = 0
        self._is_closing = False
        self._notes: tuple[str, ...] = ()
        self._worker: Worker | None = None

    async def start(self) -> None:
        """See `Backend`."""
        self._loop = asyncio.get_running_loop()
        admission = await run_in_threadpool(self._open)
        # not the codec's: a tokenizer may not be used by two threads at once
        self._tokenizer = copy.deepcopy(self._library.codec("base").tokenizer)
        self._admission = admission
        section = self._section
        limits = Limits(
            section.watchdog_seconds,
            section.hang_seconds,
            section.max_restarts,
            section.restart_window_seconds,
        )
        worker = Worker(self._make_tools, Desk(self._deliver), limits)
        self._residents = Residents(admission, worker, section.resident_adapters)
        await run_in_threadpool(worker.start)
        self._worker = worker

    def _make_tools(self) -> Tools:
        """An engine and a tokenizer of a thread's own; the weights are everybody's."""
        section, tokenizer = self._section, copy.deepcopy(self._tokenizer)
        prefixes = None
        is_invariant = section.batch_invariant and self._sees_neighbours
        if section.prefixes != "off":
            block = PROMPT_TOKENS if is_invariant else 1
            prefixes = Prefixes(section.prefix_cache_mb << 20, block)
        engine = engine_of(
            twin_of(self._admission.backbone),
            is_invariant=is_invariant,
            prompt_tokens=section.prompt_tokens_a_step,
            prefixes=prefixes,
        )
        return Tools(engine, lambda ids: str(tokenizer.decode(list(ids), skip_special_tokens=True)))

    def _open(self) -> Admission:
        admission = Admission(self._library, self._find, self._section.max_rank)
        backbone, name = admission.backbone, self._library.base
        if backbone.why_padded is not None:
            self._notes = (f"{name} runs padded, which is slower: {backbone.why_padded}.",)
        return admission

    async def close(self, grace_s: float) -> None:
        """See `Backend`."""
        self._is_closing = True
        if self._worker is None:
            return
        until = time.monotonic() + grace_s
        while self._num_open and time.monotonic() < until and self._worker.is_healthy():
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        self._residents.close()
        self._worker.abort()
        until = time.monotonic() + SECONDS_TO_ABORT
        while self._num_open and time.monotonic() < until:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        await run_in_threadpool(self._worker.stop)

    async def generate(self, wish: Wish) -> AsyncGenerator[Piece, None]:
        """See `Backend`."""
        worker = self._require_worker()
        with self._a_place(wish.client) as begun:
            async with AsyncExitStack() as stack:
                if wish.model != "base":
                    await stack.enter_async_context(self._residents.pinned(wish.model))
                job = Job(wish, self._settings(wish), self._asker(wish))
                worker.take(job)
                num_left = job.num_rows
                try:
                    while num_left:
                        piece = await job.inbox.get()
                        begun()
                        if isinstance(piece, EngineDown):
                            raise piece
                        num_left -= piece.finish_reason is not None
                        yield piece
                finally:
                    if num_left:
                        worker.cancel(job)

    async def score(
        self, model: str, prompt_ids: Sequence[int], completions: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """See `Backend`."""
        worker = self._require_worker()
        rows = _rows(tuple(prompt_ids), [tuple(one) for one in completions])
        with self._a_place("") as begun:
            async with self._residents.pinned(model) as resident:
                begun()
                found: list[list[float]] = [[] for _ in resident.admitted.heads]
                for number, scores in enumerate(found):
                    for row in rows:
                        scoring = partial(self._score, resident.admitted, number, row)
                        scores += await asyncio.wrap_future(worker.call(scoring))
                return found

    async def load(self, version: str) -> None:
        """See `Backend`."""
        self._require_worker()
        await self._residents.load(version)

    async def unload(self, version: str) -> None:
        """See `Backend`."""
        await self._residents.unload(version)

    def loaded(self) -> tuple[str, ...]:
        """See `Backend`."""
        return tuple(self._residents.available)

    def is_healthy(self) -> bool:
        """See `Backend`."""
        return self._worker is not None and not self._is_closing and self._worker.is_healthy()

    def notes(self) -> tuple[str, ...]:
        """See `Backend`."""
        return self._notes

    def gauges(self) -> Mapping[str, float]:
        """See `Backend`."""
        worker = self._worker
        if worker is None:
            return {}
        return {
            "requests_open": self._num_open,
            "requests_waiting": self._room.num_waiting,
            "completions_running": worker.num_rows,
            "adapters_resident": self._residents.num_taken,
            "tokens_total": worker.num_tokens,
            "steps_total": worker.num_steps,
            "crashes_total": worker.num_crashes,
            "hangs_total": worker.num_hangs,
            "restarts_total": worker.num_restarts,
            **_remembered(worker.engine),
        }

    def why_over(self) -> str | None:
        """See `Backend`."""
        return None if self._worker is None else self._worker.why_over

    def _score(self, admitted: Admitted, number: int, row: Row, engine: LocalEngine) -> list[float]:
        """A row's scores by one member of a reward version; of the engine's thread."""
        backbone = engine.backbone
        if isinstance(engine, PaddedEngine) and engine.keeps_state:
            # a score on the engine's own modules would mix itself into the answers under way
            backbone = twin_of(self._admission.backbone)
            admitted.attach(backbone)
        member = admitted.members(backbone)[number]
        with torch.inference_mode():
            return score_rows(member, [row], SCORED_TOKENS)[0]

    def _require_worker(self) -> Worker:
        if self._worker is None or self._is_closing:
            raise EngineDown("The server is not taking requests.")
        return self._worker

    @contextmanager
    def _a_place(self, client: str) -> Iterator[Callable[[], None]]:
        """A place in the waiting room; until the block ends the request counts as open."""
        with self._room.place(client) as begun:
            self._num_open += 1
            try:
                yield begun
            finally:
                self._num_open -= 1

    def _settings(self, wish: Wish) -> Settings:
        stops = self._library.codec("base").stop_ids
        return Settings(wish.temperature, wish.max_new_tokens, stops, wish.top_p, wish.top_logprobs)

    def _asker(self, wish: Wish) -> Asker:
        """Those who may share what is computed of a prompt: everybody, or its client.

        Keys of an answer were made a token at a time, those of a prompt many at once: their last
        bits differ. In bfloat16 that is enough for another token to be drawn, so whoever wants the
        same answer again has its prompt computed anew.
        """
        circle = "" if self._section.prefixes == "shared" else wish.client
        is_exact = self._admission.backbone.model.dtype == torch.float32
        return Asker(wish.client, circle, goes_on=is_exact or not wish.is_seeded)

    @property
    def _sees_neighbours(self) -> bool:
        """Whether what is computed beside a request would be seen in it, and can be kept out."""
        model = self._admission.backbone.model
        return model.device.type == "cpu" and model.dtype == torch.bfloat16

    def _deliver(self, letters: Sequence[Letter]) -> None:
        """Of any thread."""
        if letters and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_put, letters)


def _put(letters: Sequence[Letter]) -> None:
    for job, piece in letters:
        job.inbox.put_nowait(piece)


def _remembered(engine: LocalEngine | None) -> Mapping[str, float]:
    """What an engine remembers of past texts, and of what use that was."""
    prefixes = engine.prefixes if isinstance(engine, Engine) else None
    if prefixes is None:
        return {}
    return {
        "prefix_bytes": prefixes.num_bytes,
        "prefix_lookups_total": prefixes.num_asked,
        "prefix_hits_total": prefixes.num_found,
        "prefix_tokens_saved_total": prefixes.num_tokens_found,
    }


def _rows(prompt_ids: tuple[int, ...], completions: Sequence[tuple[int, ...]]) -> list[Row]:
    """One prompt with its completions, in rows that are scored in one pass each."""
    parts: list[list[tuple[int, ...]]] = []
    room = 0
    for one in completions:
        if len(one) > room:
            parts.append([])
            room = max(SCORED_TOKENS - len(prompt_ids), len(one))
        parts[-1].append(one)
        room -= len(one)
    return [Row(prompt_ids, tuple(part)) for part in parts]
