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
from rather.errors import DataError
from rather.models.library import Library
from rather.models.roles import RewardModel
from rather.records import ModelVersion
from rather.rollout.local import engine_of
from rather.rollout.padded import keeps_state
from rather.rollout.requests import Settings
from rather.rollout.rollout import score_rows
from rather.serving.backend import EngineDown, Piece, Wish
from rather.serving.local.admission import Admission
from rather.serving.local.jobs import Job
from rather.serving.local.residents import Residents
from rather.serving.local.waiting import WaitingRoom
from rather.serving.local.worker import Worker

SCORED_TOKENS = 2048
"""Tokens scored in one pass; between two, others' tokens are made."""
SECONDS_BETWEEN_LOOKS = 0.02


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
        self._outbox: list[tuple[Job, Piece | EngineDown]] = []
        self._room = room or WaitingRoom(section.queue_size)
        self._num_open = 0
        self._is_closing = False
        self._notes: tuple[str, ...] = ()
        self._worker: Worker | None = None

    async def start(self) -> None:
        """See `Backend`."""
        self._loop = asyncio.get_running_loop()
        admission = await run_in_threadpool(self._open)
        tokenizer = self._library.codec("base").tokenizer
        # one of its own: a tokenizer may not be used by two threads at once
        self._tokenizer = copy.deepcopy(tokenizer)
        worker = Worker(
            lambda: engine_of(admission.backbone), self._flush, self._section.watchdog_seconds
        )
        self._residents = Residents(admission, worker.call, self._section.resident_adapters)
        await run_in_threadpool(worker.start)
        self._worker = worker

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
        until = time.monotonic() + 1.0
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
                job = Job(wish, self._settings(wish), self._text, self._post)
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
                if resident.members and keeps_state(resident.members[0].backbone):
                    raise DataError(
                        f"{self._library.base} cannot score while it answers: it remembers what it "
                        "reads in its own layers; use `rather score`."
                    )
                found: list[list[float]] = [[] for _ in resident.members]
                for scores, member in zip(found, resident.members, strict=True):
                    for row in rows:
                        scores += await asyncio.wrap_future(
                            worker.call(partial(_score, member, row))
                        )
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
        }

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

    def _text(self, ids: Sequence[int]) -> str:
        """Of the engine's thread."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def _post(self, job: Job, piece: Piece | EngineDown) -> None:
        """Of the engine's thread: goes out at the end of the step, with all others of it."""
        self._outbox.append((job, piece))

    def _flush(self) -> None:
        if self._outbox and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_deliver, self._outbox)
        self._outbox = []


def _deliver(pieces: Sequence[tuple[Job, Piece | EngineDown]]) -> None:
    for job, piece in pieces:
        job.inbox.put_nowait(piece)


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


def _score(member: RewardModel, row: Row) -> list[float]:
    with torch.inference_mode():
        return score_rows(member, [row], SCORED_TOKENS)[0]
