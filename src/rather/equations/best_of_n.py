"""What the best of n samples scores, from more samples than n, in plain numbers."""

from collections.abc import Sequence
from itertools import groupby
from math import comb


def best_of_n(proxies: Sequence[float], targets: Sequence[float], n: int) -> float:
    """The expected target of the sample that has the highest proxy among n drawn from these N.

        Σ_{i=n..N} C(i−1, n−1) / C(N, n) · target_(i),   (i) in rising order of the proxy

    Unbiased, with all N samples used; samples of equal proxy share their places evenly. Nakano et
    al. 2021, appendix I, https://arxiv.org/abs/2112.09332; its KL is `kl.best_of_n_kl`. Pass the
    proxies as targets for the score itself. 1 ≤ n ≤ N.
    proxies [N], targets [N], each a score a sample -> in the targets' unit.
    """
    total = len(proxies)
    assert 1 <= n <= total == len(targets), "as many targets as proxies, and at least n"
    order = sorted(range(total), key=lambda place: proxies[place])
    expected, seen = 0.0, 0
    for _, tied in groupby(order, key=lambda place: proxies[place]):
        group = list(tied)
        # C(i−1, n−1) summed over the group's places telescopes
        weight = comb(seen + len(group), n) - comb(seen, n)
        expected += weight / comb(total, n) * sum(targets[one] for one in group) / len(group)
        seen += len(group)
    return expected
