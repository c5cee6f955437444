"""Drawing tokens from logits."""

import torch
from torch import Tensor

BLOCK = 256


def sample_inverse_cdf(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Exact categorical draws by inverting the cumulative distribution, in two levels.

        token = min { v : Σ_{w ≤ v} softmax(logits)_w > u }

    logits [A, V], uniforms [A] in [0, 1) -> [A]. The first level sums blocks of the vocabulary,
    the second looks inside one block, so the full cumulative sum is never made.
    """
    rows, vocabulary = logits.shape
    weights = (logits - logits.amax(dim=-1, keepdim=True)).exp()
    weights = torch.nn.functional.pad(weights, (0, -vocabulary % BLOCK)).view(rows, -1, BLOCK)
    blocks = weights.sum(dim=-1, dtype=torch.float64).cumsum(dim=-1)
    target = uniforms.double() * blocks[:, -1]
    block = torch.searchsorted(blocks, target[:, None], right=True).clamp(max=blocks.shape[1] - 1)
    before = torch.where(block > 0, blocks.gather(1, (block - 1).clamp(min=0)), 0.0)
    inside = weights.gather(1, block[..., None].expand(-1, 1, BLOCK))[:, 0]
    inside = inside.cumsum(dim=-1, dtype=torch.float64)
    # rounding may leave the target a hair above the block's sum: stay on the last real weight
    reach = (target[:, None] - before).clamp(max=inside[:, -1:] * (1 - 1e-12))
    within = torch.searchsorted(inside, reach, right=True).clamp(max=BLOCK - 1)
    return (block * BLOCK + within)[:, 0]


def filter_top_p(logits: Tensor, top_p: float) -> Tensor:
    """Keep the smallest set of tokens whose probability reaches `top_p`; others become −inf.

    Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", Eq. 2,
    https://arxiv.org/abs/1904.09751. logits [A, V] -> [A, V].
    """
    if top_p >= 1:
        return logits
    ordered, order = logits.sort(dim=-1, descending=True)
    probabilities = ordered.softmax(dim=-1)
    reached_before = probabilities.cumsum(dim=-1) - probabilities >= top_p
    return logits.scatter(1, order, ordered.masked_fill(reached_before, float("-inf")))
