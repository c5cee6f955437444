"""Named weights with their AdamW and learning-rate schedule, and what a bad gradient does."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from rather.config.optimization import Optimization
from rather.models.processor import threads
from rather.models.storage.shards import held, is_spread, own_part, whole
from rather.training.accumulation import ALL_ALONE, Group, Metrics
from rather.training.optimizers import BLOCKS, MOMENTS, make_optimizer, put_state, state_of

__all__ = ["Learner", "Metrics", "NotFinite"]

SKIPPED_IN_A_ROW = 3
SKIPPED_OF_RECENT = 2
"""More skipped updates than this among the recent ones (1 %) are too many."""
RECENT = 200


class NotFinite(Exception):
    """Too many updates had to be skipped; the loop rolls back once, then stops the run."""


class Learner:
    """Weights that learn; everything it knows is in `tensors()` and `numbers()`."""

    def __init__(
        self,
        parameters: dict[str, nn.Parameter],
        section: Optimization,
        num_updates: int,
        rates: Mapping[str, float | None] | None = None,
        group: Group = ALL_ALONE,
    ) -> None:
        """`rates`: peak learning rates of single weights, where they are not the section's.
        `group`: with whom it learns."""
        self.group = group
        self.parameters = parameters
        self.section = section
        self.num_updates = num_updates
        self.updates = 0
        self.skipped: list[int] = []
        """Numbers of the recent updates that were skipped."""
        self.rate_scale = 1.0
        """Halved by a roll-back."""
        peaks: dict[tuple[float, bool], list[nn.Parameter]] = {}
        for name, parameter in parameters.items():
            peak = (rates or {}).get(name) or section.learning_rate
            # what is spread over ranks and what is not cannot be computed together
            peaks.setdefault((peak, is_spread(parameter)), []).append(parameter)
        self.optimizer = make_optimizer(
            section,
            [{"params": some, "lr": peak, "peak": peak} for (peak, _), some in peaks.items()],
        )

    def update(self) -> Metrics:
        """One optimizer update from the gradients at hand, which are then cleared.

        An update whose gradient is not finite is skipped and counted; too many raise NotFinite.
        """
        parameters = list(self.parameters.values())
        self.group.ranks.sum_gradients(parameters)
        norm = clip_norm(parameters, self.section.max_grad_norm)
        factor = self.rate_scale * self.rate_factor(self.updates)
        for group in self.optimizer.param_groups:
            group["lr"] = factor * group["peak"]
        finite = bool(torch.isfinite(norm))
        if finite:
            with threads.fit(max(weight.numel() for weight in parameters)):
                self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.updates += 1
        if not finite:
            self._skip(self.updates - 1)
        return {
            "lr": factor * self.section.learning_rate,
            "grad_norm": float(norm) if finite else 0.0,
            "skipped": float(not finite),
        }

    def leave_out(self) -> Metrics:
        """Forget the gradients at hand; the numbers of an update that is not made."""
        self.optimizer.zero_grad(set_to_none=True)
        return {"lr": 0.0, "grad_norm": 0.0, "skipped": 0.0}

    def _skip(self, update: int) -> None:
        self.skipped = [one for one in self.skipped if one > update - RECENT] + [update]
        in_a_row = self.skipped[-SKIPPED_IN_A_ROW:] == list(
            range(update - SKIPPED_IN_A_ROW + 1, update + 1)
        )
        if in_a_row or len(self.skipped) > max(SKIPPED_OF_RECENT, SKIPPED_IN_A_ROW - 1):
            raise NotFinite(
                f"the gradient was not finite in {len(self.skipped)} of the last "
                f"{min(RECENT, update + 1)} updates"
            )

    def rate_factor(self, update: int) -> float:
        """Share of the peak learning rate at an update: warm-up, then the schedule's fall to 0."""
        share = self.section.warmup_fraction * self.num_updates
        warmup = math.ceil(share - 1e-9)  # 0.07 · 100 is a hair above 7
        if update < warmup:
            return (update + 1) / warmup
        if self.section.schedule == "constant":
            return 1.0
        left = 1 - (update - warmup) / max(1, self.num_updates - warmup)
        return left if self.section.schedule == "linear" else 0.5 * (1 - math.cos(math.pi * left))

    def tensors(self) -> dict[str, Tensor]:
        """Weights and optimizer moments, by name: what this rank is to keep of them."""
        return {
            name: held(tensor).cpu().contiguous()
            for name, tensor in self._all_tensors().items()
            if is_spread(tensor) or self.group.ranks.is_first
        }

    def _all_tensors(self) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name, parameter in self.parameters.items():
            found[f"weight/{name}"] = parameter.detach()
            for key, value in state_of(self.optimizer, parameter).items():
                found[f"optimizer/{key}/{name}"] = value
        return found

    def numbers(self) -> dict[str, object]:
        """Counts, JSON-able."""
        return {"updates": self.updates, "skipped": self.skipped, "rate_scale": self.rate_scale}

    def restore(self, tensors: Mapping[str, Tensor], numbers: dict[str, object]) -> None:
        """Put back what `tensors` and `numbers` gave."""
        self.load_weights(tensors)
        self.optimizer.state.clear()
        for name, parameter in self.parameters.items():
            state = {
                key: tensors[f"optimizer/{key}/{name}"]
                for key in ("step", *MOMENTS, *BLOCKS)
                if f"optimizer/{key}/{name}" in tensors
            }
            if state:
                put_state(self.optimizer, parameter, state)
        for key, value in numbers.items():
            setattr(self, key, value)

    @torch.no_grad()
    def load_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back the weights alone."""
        for name, parameter in self.parameters.items():
            parameter.copy_(own_part(tensors[f"weight/{name}"], parameter))


@torch.no_grad()
def clip_norm(parameters: Sequence[nn.Parameter], max_norm: float) -> Tensor:
    """Scale gradients down to a norm over all of them, on all ranks; returns what it was."""
    if not any(map(is_spread, parameters)):
        return nn.utils.clip_grad_norm_(parameters, max_norm)
    gradients = [one.grad for one in parameters if one.grad is not None]
    norms = [torch.linalg.vector_norm(gradient) for gradient in gradients]
    norm = torch.stack([whole(one) for one in norms]).norm()
    for gradient in gradients:
        held(gradient).mul_((max_norm / (norm + 1e-6)).clamp(max=1.0))
    return norm
