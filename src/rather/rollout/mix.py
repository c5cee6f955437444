"""Several scorers as one: a weighted sum, and an ensemble of reward models with its doubt."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rather.config.ppo import Shaping
from rather.data.batch import Row
from rather.equations.scores import ENSEMBLES
from rather.records import Prompt
from rather.rollout.rollout import Scorer


@dataclass(frozen=True)
class Mix:
    """Weighted scorers as one."""

    parts: tuple[tuple[float, Scorer], ...]

    def __call__(self, prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
        """The weighted sum of what the parts say."""
        return self.with_spread(prompts, rows)[0]

    def with_spread(
        self, prompts: Sequence[Prompt], rows: Sequence[Row]
    ) -> tuple[list[list[float]], list[list[float]] | None]:
        """The same, and the standard deviation of the sum over its ensembles; None without one.

        Ensembles are trained apart, so their variances add: √Σ (w·std)².
        """
        said = torch.zeros(sum(len(row.completions) for row in rows), dtype=torch.float64)
        variance = torch.zeros_like(said)
        for weight, part in self.parts:
            if isinstance(part, Ensemble):
                scores, spread = part.with_spread(prompts, rows)
                variance += (weight * _flat(spread)) ** 2
            else:
                scores = part(prompts, rows)
            said += weight * _flat(scores)
        has_spread = any(isinstance(part, Ensemble) for _, part in self.parts)
        return by_row(said, rows), by_row(variance.sqrt(), rows) if has_spread else None


@dataclass(frozen=True)
class Ensemble:
    """Several reward models, their scores put together as `ppo.shaping.ensemble` says."""

    members: tuple[Scorer, ...]
    shaping: Shaping

    def __call__(self, prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
        """One score a completion."""
        return self.with_spread(prompts, rows)[0]

    def with_spread(
        self, prompts: Sequence[Prompt], rows: Sequence[Row]
    ) -> tuple[list[list[float]], list[list[float]]]:
        """The scores, and the standard deviation over the members beside each."""
        said = torch.stack([_flat(member(prompts, rows)) for member in self.members])
        combine, coefficient = ENSEMBLES[self.shaping.ensemble], self.shaping.std_coefficient
        scores = combine(said, std_coefficient=coefficient)
        return by_row(scores, rows), by_row(said.std(dim=0, correction=0), rows)


def _flat(by_rows: list[list[float]]) -> Tensor:
    return torch.tensor([one for row in by_rows for one in row], dtype=torch.float64)


def by_row(numbers: Tensor, rows: Sequence[Row]) -> list[list[float]]:
    """One number a completion [B] as a list a row."""
    parts = numbers.split([len(row.completions) for row in rows])
    return [part.tolist() for part in parts]
