"""A policy that learns, sampled by vLLM servers: each step's weights by a name of their own.

Before a server is used the log-probabilities of one prompt are compared with the trainer's.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

import torch

from rather.config.rollouts import Rollouts
from rather.data.batch import Row, pack
from rather.errors import EnvironmentFault
from rather.models.roles import Policy
from rather.rollout.requests import Request, Sampled, Settings
from rather.rollout.vllm.fleet import Fleet
from rather.rollout.vllm.handover import Adapters, Handover, WholeModels
from rather.rollout.vllm.server import Server
from rather.rollout.vllm.wire import draw


class VllmSampler:
    """Samples a policy on servers; see `rather.rollout.rollout.Sampler`."""

    def __init__(
        self, section: Rollouts, base: str, folder: Path, say: Callable[[str], None]
    ) -> None:
        """`base` is what adapters say they sit on; weights are put below `folder`."""
        self._section = section
        folder = Path(section.folder) if section.folder else folder
        self._fleet = Fleet(section.servers, section.requests_a_server, section.patience_s, say)
        self._adapters = Adapters(folder, base)
        self._whole_models = WholeModels(folder, section.servers)

    def __call__(
        self,
        policy: Policy,
        requests: Sequence[Request],
        settings: Settings,
        advance: Callable[[int], None],
    ) -> list[list[Sampled]]:
        """Completions of each request, in order, of the policy as it is now."""
        way: Handover = self._whole_models if policy.adapter is None else self._adapters
        folder = way.publish(policy)
        model, probe = way.model(folder), requests[0].prompt_ids
        expected = _logprobs(policy, probe)

        def prepare(server: Server) -> None:
            way.give(server, folder)
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
        made = self._fleet.complete(
            bodies, prepare, lambda server, body: way.ask(server, folder, body), advance
        )
        found = iter(made)
        with self._fleet.open() as servers:
            way.retire(servers, folder)
        return [[next(found) for _ in request.seeds] for request in requests]

    def _compare(self, server: Server, told: Sequence[float], expected: Sequence[float]) -> None:
        # of the mean: a rare token's log-probability moves by half a nat in bfloat16 alone
        gap = fmean(abs(a - b) for a, b in zip(told, expected, strict=True))
        if not gap <= self._section.max_logprob_gap:
            raise EnvironmentFault(
                f"{server.url} gives a prompt's tokens log-probabilities that are {gap:.2f} nats "
                "a token from the trainer's; see that it serves this workspace's model (or raise "
                "rollout.max_logprob_gap)."
            )


@torch.no_grad()
def _logprobs(policy: Policy, ids: Sequence[int]) -> list[float]:
    """log π of each token after the first, at temperature 1."""
    batch = pack([Row(tuple(ids[:1]), (tuple(ids[1:]),))]).to(policy.backbone.device)
    told: list[float] = policy.logprobs(batch)[0].tolist()
    return told
