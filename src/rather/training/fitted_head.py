"""A scalar head fitted to comparisons on the backbone as it is, for a reward model to begin with.

First the head, then the trunk (Kumar et al. 2022, https://arxiv.org/abs/2202.10054): a random head
sends random gradients into the trunk, and a few hundred comparisons are used up before it points
anywhere. A fitted one begins where a linear probe of the backbone ends.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from rather.data.batch import microbatches
from rather.data.judged import Judged
from rather.equations.preferences import bradley_terry
from rather.models.roles import RewardModel
from rather.progress import Progress

MAX_ROWS = 512
"""Rows it is fitted to; of more, evenly spread ones are taken."""
PENALTY = 15.0
"""λ of the ridge, in comparisons: what the data has to outweigh. Chosen on two sets of 560 and of
1,265 comparisons (`docs/training.md`), where accuracy kept aside is flat within a factor of ten."""
MAX_ITERATIONS = 60


@torch.no_grad()
def fit_head(
    model: RewardModel, judged: Sequence[Judged], microbatch_tokens: int, progress: Progress
) -> None:
    """Put weights into the model's head that order the judged completions; the trunk stays.

    A model without a decided pair to learn from keeps the head it has.
    """
    some = judged[:: math.ceil(len(judged) / MAX_ROWS)]
    states = pooled_states(model, some, microbatch_tokens, progress)
    differences = [
        found[better] - found[worse]
        for found, one in zip(states, some, strict=True)
        for better, worse in one.pairs
    ]
    if not differences:
        progress.say("no comparison is decided: the head begins at random")
        return
    model.head.weight.copy_(fitted_weight(torch.stack(differences), torch.cat(states)))


def fitted_weight(differences: Tensor, states: Tensor) -> Tensor:
    """The head's w [d] for D [n, d] = better − worse, by a ridge on the scale of states [N, d].

    Each dimension is taken by its own spread: a few are a hundred times as wide as the others.
    """
    spread = states.std(dim=0, correction=0).clamp(min=1e-6) * math.sqrt(states.shape[1])
    return fit_bradley_terry(differences / spread, PENALTY / len(differences)) / spread


@torch.enable_grad()
def fit_bradley_terry(differences: Tensor, penalty: float) -> Tensor:
    """The w [d] that minimises mean −log σ(D·w) + penalty·|w|², for D [n, d] = better − worse.

    Convex, so there is one; found by L-BFGS in float64.
    """
    rows = differences.double()
    weight = torch.zeros(rows.shape[1], dtype=torch.float64, device=rows.device, requires_grad=True)
    search = torch.optim.LBFGS([weight], max_iter=MAX_ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        gaps = rows @ weight
        value = bradley_terry(gaps, torch.zeros_like(gaps)).mean() + penalty * weight.square().sum()
        value.backward()
        return value

    search.step(loss)
    return weight.detach().float()


@torch.no_grad()
def pooled_states(
    model: RewardModel, judged: Sequence[Judged], microbatch_tokens: int, progress: Progress
) -> list[Tensor]:
    """What the head reads of every row's completions: one [n, d] a row."""
    found: dict[int, Tensor] = {}
    rows, device = [one.row for one in judged], model.backbone.device
    with progress.track("head", len(rows), "rows") as task:
        for indices, batch in microbatches(rows, microbatch_tokens, device, task.advance):
            parts = model.pooled(batch).float().split(torch.bincount(batch.row_of).tolist())
            found.update(zip(indices, parts, strict=True))
    return [found[place] for place in range(len(rows))]
