"""Policies sampled by vLLM servers, also while something else is done.

Before a server is used the log-probabilities of one prompt are compared with the trainer's.
"""

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from statistics import fmean

import torch

from rather.config.rollouts import Rollouts
from rather.data.batch import Row, pack
from rather.errors import EnvironmentFault
from rather.interrupts import safe_point
from rather.models.roles import Policy
from rather.rollout.requests import Request, Sampled, Settings
from rather.rollout.vllm.fleet import Fleet
from rather.rollout.vllm.handover import Handover, OwnModel
from rather.rollout.vllm.served import Served
from rather.rollout.vllm.server import Server
from rather.rollout.vllm.whole import WholeModels
from rather.rollout.vllm.wire import draw
from rather.rollout.vllm.work import SECONDS_BETWEEN_LOOKS, Work


class VllmSampler:
    """Samples policies on servers; see `rather.rollout.sampler.SharedSampler`."""

    def __init__(
        self,
        section: Rollouts,
        owner: str,
        base: str,
        folder: Path,
        say: Callable[[str], None],
        *,
        hands_whole: bool = False,
    ) -> None:
        """`owner`: how the names of its adapters begin, which are put below `folder` and say that
        they sit on `base`. A policy without an adapter is the servers' own model, or one they are
        to be handed (`hands_whole`)."""
        self._section = section
        self._fleet = Fleet(section.servers, section.requests_a_server, section.patience_s, say)
        folder = Path(section.folder) if section.folder else folder
        self._adapters: Handover = Served(folder, owner, base, self._fleet.forget)
        self._models: Handover = OwnModel()
        if hands_whole:
            self._models = WholeModels(folder, section.servers)
        # one batch after the other: the sooner it is wanted, the sooner it is complete
        self._ahead = ThreadPoolExecutor(1, "rollouts ahead")
        self._taken: dict[Work, Callable[[], None]] = {}
        """Of each that is not over, what lets its weights go."""
        self._numbers = itertools.count()

    def __call__(
        self,
        policy: Policy,
        requests: Sequence[Request],
        settings: Settings,
        advance: Callable[[int], None],
        ended: Callable[[int], None] = lambda completions: None,
    ) -> list[list[Sampled]]:
        """Completions of each request, in order, of the policy as it is now."""
        work = self._work(policy, requests, settings)

        def tell(tokens: int) -> None:
            advance(tokens)
            ended(work.num_done)

        try:
            return by_request(requests, self._fleet.complete(work, tell))
        finally:
            self._land(work)

    def begin(
        self, policy: Policy, requests: Sequence[Request], settings: Settings
    ) -> "VllmFlight":
        """Begin to draw from the policy as it is now; flights are drawn in the order they begin."""
        work = self._work(policy, requests, settings)
        found = self._ahead.submit(self._fleet.complete, work)
        return VllmFlight(requests, work, found, self._land)

    def close(self) -> None:
        """Break off what is under way, and have the servers forget all adapters."""
        for work in self._taken:
            work.cancel()
        self._ahead.shutdown(cancel_futures=True)
        self._adapters.close()
        self._models.close()
        self._fleet.close()

    def _work(self, policy: Policy, requests: Sequence[Request], settings: Settings) -> Work:
        """What the servers are to do, and what each of them needs for it."""
        way = self._adapters if policy.adapter else self._models
        name = way.take(policy)
        model, probe = way.model(name), requests[0].prompt_ids
        expected = _logprobs(policy, probe)

        def prepare(server: Server) -> None:
            way.give(server, name)
            self._compare(server, server.logprobs(model, probe), expected)

        bodies = [
            draw(
                model,
                request.prompt_ids,
                seed,
                settings.stop_ids,
                max_tokens=settings.max_new_tokens,
                temperature=settings.temperature,
                top_p=settings.top_p,
                logprobs=0,
            )
            for request in requests
            for seed in request.seeds
        ]
        # of a server's own model there may be one after the other: each time it is looked at anew
        told = model or f"{name} {next(self._numbers)}"
        work = Work(told, bodies, prepare, lambda server, body: way.ask(server, name, body))
        self._taken[work] = lambda: way.release(name)
        return work

    def _land(self, work: Work) -> None:
        """What it was drawn with is needed no more."""
        self._taken.pop(work)()

    def _compare(self, server: Server, told: Sequence[float], expected: Sequence[float]) -> None:
        # of the mean: a rare token's log-probability moves by half a nat in bfloat16 alone
        gap = fmean(abs(a - b) for a, b in zip(told, expected, strict=True))
        if not gap <= self._section.max_logprob_gap:
            raise EnvironmentFault(
                f"{server.url} gives a prompt's tokens log-probabilities that are {gap:.2f} nats "
                "a token from the trainer's; see that it serves this workspace's model (or raise "
                "rollout.max_logprob_gap)."
            )


class VllmFlight:
    """A batch under way; see `rather.rollout.sampler.Flight`."""

    def __init__(
        self,
        requests: Sequence[Request],
        work: Work,
        found: Future[list[Sampled]],
        land: Callable[[Work], None],
    ) -> None:
        """`land` is called once, when what it is drawn with is needed no more."""
        self._requests, self._work, self._found, self._land = requests, work, found, land

    def result(self, advance: Callable[[int], None]) -> list[list[Sampled]]:
        """Wait for the completions; raises what drawing them raised."""
        while not self._found.done():
            wait([self._found], SECONDS_BETWEEN_LOOKS)
            safe_point()
            advance(self._work.take_tokens())
        advance(self._work.take_tokens())
        self._land(self._work)
        return by_request(self._requests, self._found.result())

    def cancel(self) -> None:
        """Nobody wants it any more."""
        self._work.cancel()
        self._land(self._work)


def by_request(requests: Sequence[Request], found: Sequence[Sampled]) -> list[list[Sampled]]:
    """Completions one after another, as each request's own."""
    one_by_one = iter(found)
    return [[next(one_by_one) for _ in request.seeds] for request in requests]


@torch.no_grad()
def _logprobs(policy: Policy, ids: Sequence[int]) -> list[float]:
    """log π of each token after the first, at temperature 1."""
    batch = pack([Row(tuple(ids[:1]), (tuple(ids[1:]),))]).to(policy.backbone.device)
    told: list[float] = policy.logprobs(batch)[0].tolist()
    return told
