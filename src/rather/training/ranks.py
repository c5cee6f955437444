"""Several processes that train one model: who takes which rows, and where all of them meet.

Every rank plans the same whole batch and takes its share of the rows. What it finds is put together
by `exchange`, which is also how a signal or a fault on one rank becomes known: whoever meets the
others there stops with them, at the same step. What travels is JSON, safetensors and gradients.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from safetensors.torch import load, save
from torch import Tensor, nn

from rather.errors import EnvironmentFault
from rather.interrupts import Interrupted, heard
from rather.launched import Launched, launched
from rather.models.storage.shards import is_spread

T = TypeVar("T")

FINE, FAILED = 0, -1
"""What a rank says of itself at a meeting; a positive number is the signal it has heard."""
_LOST = re.compile(r"gloo|NCCL|Connection (closed|reset)|Broken pipe", re.IGNORECASE)
"""How torch's plain RuntimeErrors of a lost connection read."""
BUCKET = 1 << 25
"""Numbers of a gradient that are summed at once."""


class Ranks:
    """All processes of a run, seen from one of them; alone, nothing is sent and nothing waits."""

    def __init__(self, place: Launched | None = None) -> None:
        place = place or Launched()
        self.rank, self.size, self.is_first = place.rank, place.size, place.is_first
        self.is_awaited = self.is_first and self.size > 1
        """Whether the others still wait for the first one to say what is to be done."""
        self._listens = True
        self._known: BaseException | None = None
        """What was raised here and the other ranks know of."""

    def share(self, items: Sequence[T], weight: Callable[[T], int]) -> list[T]:
        """This rank's part of items, in their order; the parts weigh about the same.

        The heaviest first, each to whoever has least (Graham 1969, longest processing time first).
        """
        loads, mine = [0] * self.size, []
        for place in sorted(range(len(items)), key=lambda place: (-weight(items[place]), place)):
            least = loads.index(min(loads))
            loads[least] += weight(items[place])
            if least == self.rank:
                mine.append(place)
        return [items[place] for place in sorted(mine)]

    def exchange(self, value: Any) -> list[Any]:
        """What every rank has, by rank; JSON-able.

        Raises Interrupted where one has heard a signal, EnvironmentFault where one has failed.
        """
        if self.size == 1:
            return [value]
        stopped = heard() if self._listens else FINE
        return [said["value"] for said in self._meet(stopped, value)]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """What a rank does by itself before the next exchange, which learns of it if it fails."""
        try:
            yield
        except BaseException as error:
            if self.size > 1 and error is not self._known:
                self._known = error
                self._tell(error.number if isinstance(error, Interrupted) else FAILED)
            raise

    @contextmanager
    def together(self) -> Iterator[None]:
        """Ends when it has ended on all ranks; what ends one ends them all here."""
        with self.alone():
            yield
        self.exchange(None)

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Like `together`, for what is finished whatever signal comes: the next exchange hears."""
        before, self._listens = self._listens, False
        try:
            with self.together():
                yield
        finally:
            self._listens = before

    def first(self, make: Callable[[], T]) -> T:
        """What the first rank makes, on all of them; JSON-able."""
        with self.alone():
            made = make() if self.is_first else None
        found: T = self.exchange(made)[0]
        return found

    def exchange_tensors(self, tensors: dict[str, Tensor]) -> list[dict[str, Tensor]]:
        """Every rank's named tensors, by rank, on the CPU."""
        if self.size == 1:
            return [tensors]
        self.exchange(None)
        return [load(data) for data in _gather(save(tensors))]

    @torch.no_grad()
    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Leave every rank with the sum of all ranks' gradients; one that nobody has stays away.

        Of weights that are spread over the ranks FSDP has summed the gradients already.
        """
        if self.size == 1:
            return
        weights = [one for one in parameters if not is_spread(one)]
        held = torch.tensor([one.grad is not None for one in weights], dtype=torch.uint8)
        with connected():
            dist.all_reduce(held, dist.ReduceOp.MAX)
        gradients = []
        for weight, is_held in zip(weights, held.tolist(), strict=True):
            if is_held:
                weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
                gradients.append(weight.grad)
        for bucket in _buckets(gradients):
            flat = torch.cat([one.flatten() for one in bucket])
            with connected():
                dist.all_reduce(flat)
            for one, part in zip(bucket, flat.split([o.numel() for o in bucket]), strict=True):
                one.copy_(part.view_as(one))

    @torch.no_grad()
    def copy_first(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every rank the first one's weights, of those that all have."""
        if self.size > 1:
            for one in (one for one in parameters if not is_spread(one)):
                with connected():
                    dist.broadcast(one.detach(), src=0)

    def _tell(self, stopped: int) -> None:
        """Say at the exchange where the others wait that this rank does not go on."""
        try:
            self._meet(stopped, None)
        except (Interrupted, EnvironmentFault):
            return  # the others know, or are gone; this rank raises what it had to say

    def _meet(self, stopped: int, value: Any) -> list[dict[str, Any]]:
        try:
            found = _gather(json.dumps({"stopped": stopped, "value": value}).encode())
        except EnvironmentFault as fault:
            self._known = fault  # nobody is left to be told
            raise
        said = [json.loads(one) for one in found]
        for rank, one in enumerate(said):
            if one["stopped"] == FAILED:
                raise self._noted(
                    EnvironmentFault(f"Rank {rank} has failed and says why; all others stop too.")
                )
        if signal := max(one["stopped"] for one in said):
            raise self._noted(Interrupted(signal))
        return said

    def _noted(self, error: T) -> T:
        self._known = error  # type: ignore[assignment]
        return error


ALONE = Ranks()


@cache
def joined() -> Ranks:
    """The processes this one was launched with, connected; ALONE where nothing was launched.

    Raises EnvironmentFault where they do not find each other.
    """
    place = launched()
    if place.size == 1:
        return ALONE
    has_gpu = torch.cuda.is_available()
    if has_gpu:
        torch.cuda.set_device(place.local_rank)
    try:
        # small things travel from and to the CPU, gradients from GPU to GPU where there are any
        dist.init_process_group("cpu:gloo,cuda:nccl" if has_gpu else "gloo")
    except (ValueError, RuntimeError) as error:
        raise EnvironmentFault(
            f"Process {place.rank} of {place.size} does not find the others ({error}); start all "
            "of them with torchrun, on machines that reach each other."
        ) from error
    return Ranks(place)


def leave() -> None:
    """Part from the other processes; `joined` connects anew."""
    if dist.is_initialized():
        dist.destroy_process_group()
    joined.cache_clear()


@contextmanager
def connected() -> Iterator[None]:
    """Say in one sentence that a connection was lost; torch raises RuntimeErrors for that."""
    try:
        yield
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or _LOST.search(str(error))):
            raise
        raise EnvironmentFault(
            "Another process of this run has ended; all of them stop, and the same command goes "
            f"on from the last checkpoint ({str(error).partition(chr(10))[0][:120]})."
        ) from error


def _gather(data: bytes) -> list[bytes]:
    """Every rank's bytes, by rank."""
    own = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    lengths = [torch.zeros(1, dtype=torch.long) for _ in range(dist.get_world_size())]
    with connected():
        dist.all_gather(lengths, torch.tensor([len(own)]))
    longest = max(int(length) for length in lengths)
    padded = nn.functional.pad(own, (0, longest - len(own)))
    found = [torch.empty_like(padded) for _ in lengths]
    with connected():
        dist.all_gather(found, padded)
    return [
        one[: int(length)].numpy().tobytes() for one, length in zip(found, lengths, strict=True)
    ]


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Tensors of one kind, in order, up to `BUCKET` numbers together (or a larger one alone)."""
    room, bucket = 0, list[Tensor]()
    for one in tensors:
        if bucket and (one.numel() > room or one.dtype != bucket[0].dtype):
            yield bucket
            bucket, room = [], 0
        room = (room if bucket else max(BUCKET, one.numel())) - one.numel()
        bucket.append(one)
    if bucket:
        yield bucket
