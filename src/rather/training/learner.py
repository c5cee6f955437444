"""Named weights with their AdamW and learning-rate schedule, and what a bad gradient does."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rather.config.optimization import Optimization
from rather.training.accumulation import Metrics
from rather.training.ranks import ALONE, Ranks

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
        ranks: Ranks = ALONE,
    ) -> None:
        """`rates`: peak learning rates of single weights, where they are not the section's.
        `ranks`: with whom it learns; all of them have the same weights after every update."""
        self.ranks = ranks
        self.parameters = parameters
        self.section = section
        self.num_updates = num_updates
        self.updates = 0
        self.skipped: list[int] = []
        """Numbers of the recent updates that were skipped."""
        self.rate_scale = 1.0
        """Halved by a roll-back."""
        peaks: dict[float, list[nn.Parameter]] = {section.learning_rate: []}
        for name, parameter in parameters.items():
            peak = (rates or {}).get(name) or section.learning_rate
            peaks.setdefault(peak, []).append(parameter)
        self.optimizer = torch.optim.AdamW(
            [{"params": group, "lr": peak, "peak": peak} for peak, group in peaks.items() if group],
            eps=section.adam_epsilon,
            weight_decay=section.weight_decay,
        )

    def update(self) -> Metrics:
        """One optimizer update from the gradients at hand, which are then cleared.

        An update whose gradient is not finite is skipped and counted; too many raise NotFinite.
        """
        parameters = list(self.parameters.values())
        self.ranks.sum_gradients(parameters)
        norm = nn.utils.clip_grad_norm_(parameters, self.section.max_grad_norm)
        factor = self.rate_scale * self.rate_factor(self.updates)
        for group in self.optimizer.param_groups:
            group["lr"] = factor * group["peak"]
        finite = bool(torch.isfinite(norm))
        if finite:
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
        """Weights and optimizer moments, by name."""
        found: dict[str, Tensor] = {}
        for name, parameter in self.parameters.items():
            found[f"weight/{name}"] = parameter.detach()
            for key, value in self.optimizer.state.get(parameter, {}).items():
                found[f"optimizer/{key}/{name}"] = value
        return {key: value.cpu().contiguous() for key, value in found.items()}

    def numbers(self) -> dict[str, object]:
        """Counts, JSON-able."""
        return {"updates": self.updates, "skipped": self.skipped, "rate_scale": self.rate_scale}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, object]) -> None:
        """Put back what `tensors` and `numbers` gave."""
        self.load_weights(tensors)
        self.optimizer.state.clear()
        for name, parameter in self.parameters.items():
            state = {
                key: tensors[f"optimizer/{key}/{name}"]
                for key in ("step", "exp_avg", "exp_avg_sq")
                if f"optimizer/{key}/{name}" in tensors
            }
            if state:
                self.optimizer.state[parameter] = {
                    key: value if key == "step" else value.to(parameter.device)
                    for key, value in state.items()
                }
        for key, value in numbers.items():
            setattr(self, key, value)

    @torch.no_grad()
    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        """Put back the weights alone."""
        for name, parameter in self.parameters.items():
            parameter.copy_(tensors[f"weight/{name}"])
