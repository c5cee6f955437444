"""Which questions are worth asking: an ensemble's disagreement, and choosing some of many.

p_m = σ(r_m(a) − r_m(b)) is member m's probability that a is the better one of a pair.
"""

import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def win_probabilities(first: Tensor, second: Tensor) -> Tensor:
    """Each member's probability that the first is better: σ(r_m(a) − r_m(b)).

    Bradley & Terry 1952, as `preferences.bradley_terry`. [k, N], [k, N] -> [k, N], in float64.
    """
    return torch.sigmoid(first.double() - second.double())


def disagreement(probabilities: Tensor) -> Tensor:
    """What an answer would tell about which member is right, in nats: H(mean p) − mean H(p).

    Houlsby et al. 2011, Eq. 2, https://arxiv.org/abs/1112.5745 (BALD): the mutual information of
    answer and model. 0 where all members agree, or where all are equally undecided; at most log 2.
    [k, N] -> [N].
    """
    together = _entropy(probabilities.mean(dim=0))
    return (together - _entropy(probabilities).mean(dim=0)).clamp(min=0.0)


def closeness(probabilities: Tensor) -> Tensor:
    """How undecided the members are together: H(mean p) / log 2, from 0 (sure) to 1 (one half).

    Uncertainty sampling, Lewis & Gale 1994, https://arxiv.org/abs/cmp-lg/9407020. [k, N] -> [N].
    """
    return _entropy(probabilities.mean(dim=0)) / math.log(2)


def percentile(values: Tensor) -> Tensor:
    """The share of the values below each, those equal to it counting half: [N] -> [N], in (0, 1).

    Puts numbers of different units on one scale; where all are equal each gets ½, and says nothing.
    """
    ordered = values.double().sort().values
    below = torch.searchsorted(ordered, values.double(), right=False)
    upto = torch.searchsorted(ordered, values.double(), right=True)
    return (below + upto).double() / (2 * len(values))


def pick(
    values: Sequence[float],
    groups: Sequence[str],
    number: int,
    *,
    coverage: float,
    seen: Mapping[str, int],
) -> list[int]:
    """The places of `number` of N questions, the best first, each choice making its group's others
    worth less: value + coverage / (1 + n), n being how often the group was asked about by then.

    1/(1 + n) is the gain of a harmonic sum, which is submodular, so that choosing greedily is near
    the best choice (Nemhauser, Wolsey & Fisher 1978, https://doi.org/10.1007/BF01588971; for active
    learning Wei, Iyer & Bilmes 2015). Of equals the earlier one. `seen`: n before.
    """
    asked = Counter(seen)

    def worth(place: int) -> float:
        return values[place] + coverage / (1 + asked[groups[place]])

    heap = [(-worth(place), place) for place in range(len(values))]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < number:
        said, place = heapq.heappop(heap)
        if -worth(place) > said:  # its group was asked about since; it can only have lost
            heapq.heappush(heap, (-worth(place), place))
            continue
        chosen.append(place)
        asked[groups[place]] += 1
    return chosen


def _entropy(probability: Tensor) -> Tensor:
    """H of a coin in nats; 0 at 0 and 1."""
    return -(torch.xlogy(probability, probability) + torch.xlogy(1 - probability, 1 - probability))
