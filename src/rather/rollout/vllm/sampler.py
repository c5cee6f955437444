"""A policy that learns, sampled by vLLM servers: each step's adapter by a name of its own.

The name ends in a hash of the weights, so that a server which has an adapter of that name has these
weights, and one that was started anew says that it has not. Before a server is used the log-
probabilities of one prompt are compared with the trainer's.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import fmean

import torch

from rather.config.rollouts import Rollouts
from rather.data.batch import Row, pack
from rather.durable import remove, staged_directory, verify
from rather.errors import EnvironmentFault, UsageError
from rather.models.adapter_files import save_adapter
from rather.models.library import weights_digest
from rather.models.roles import Policy
from rather.rollout.requests import Request, Sampled, Settings
from rather.rollout.vllm.fleet import Fleet
from rather.rollout.vllm.server import Server
from rather.rollout.vllm.wire import draw


class VllmSampler:
    """Samples a policy on servers; see `rather.rollout.rollout.Sampler`."""

    def __init__(
        self, section: Rollouts, base: str, folder: Path, say: Callable[[str], None]
    ) -> None:
        """`base` is what adapters say they sit on; they are put below `folder`."""
        self._section, self._base = section, base
        self._folder = Path(section.folder) if section.folder else folder
        self._fleet = Fleet(section.servers, section.requests_a_server, section.patience_s, say)
        self._newest: Path | None = None

    def __call__(
        self,
        policy: Policy,
        requests: Sequence[Request],
        settings: Settings,
        advance: Callable[[int], None],
    ) -> list[list[Sampled]]:
        """Completions of each request, in order, of the policy as it is now."""
        folder = self._published(policy)
        probe = requests[0].prompt_ids
        expected = _logprobs(policy, probe)

        def prepare(server: Server) -> None:
            if folder.name not in server.models():
                server.load(folder.name, folder.resolve())
            self._compare(server, server.logprobs(folder.name, probe), expected)

        bodies = [
            draw(
                folder.name,
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
        found = iter(self._fleet.complete(bodies, prepare, advance))
        self._retire(folder)
        return [[next(found) for _ in request.seeds] for request in requests]

    def _published(self, policy: Policy) -> Path:
        """The folder of the policy's adapter as it is now."""
        if policy.adapter is None:
            raise UsageError(
                "vLLM servers are handed adapters, not whole models: set adapter.tuning to lora or "
                "top_layers, or rollout.engine to local."
            )
        backbone, name = policy.backbone, policy.adapter
        weights = {key: p.detach() for key, p in backbone.adapter_parameters(name).items()}
        folder = self._folder / f"step-{weights_digest(weights)}"
        if not folder.exists() or verify(folder):
            with staged_directory(folder) as staging:
                shape, layers = backbone.shapes[name], backbone.linear_layers
                save_adapter(staging, shape, weights, layers, self._base)
        return folder

    def _compare(self, server: Server, told: Sequence[float], expected: Sequence[float]) -> None:
        # of the mean: a rare token's log-probability moves by half a nat in bfloat16 alone
        gap = fmean(abs(a - b) for a, b in zip(told, expected, strict=True))
        if not gap <= self._section.max_logprob_gap:
            raise EnvironmentFault(
                f"{server.url} gives a prompt's tokens log-probabilities that are {gap:.2f} nats "
                "a token from the trainer's; see that it serves this workspace's model (or raise "
                "rollout.max_logprob_gap)."
            )

    def _retire(self, folder: Path) -> None:
        """Let the step before go: on the servers that answer, and on disk."""
        before, self._newest = self._newest, folder
        if before is None or before == folder:
            return
        self._fleet.forget(before.name)
        with suppress(FileNotFoundError):  # another rank has removed it
            remove(before)


@torch.no_grad()
def _logprobs(policy: Policy, ids: Sequence[int]) -> list[float]:
    """log π of each token after the first, at temperature 1."""
    batch = pack([Row(tuple(ids[:1]), (tuple(ids[1:]),))]).to(policy.backbone.device)
    told: list[float] = policy.logprobs(batch)[0].tolist()
    return told
