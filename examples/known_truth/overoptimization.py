"""Over-optimisation with nothing left to chance: golds, reward models that miss them, and curves.

A gold table is what is really wanted. Reward models learn from a few judgments of what the
reference says, so they know little of what it hardly ever says. Along π_β ∝ π_ref·exp(proxy/β),
β falling, the proxy rises for ever; the gold rises, peaks, and falls (Gao et al. 2022,
https://arxiv.org/abs/2210.10760). Both are exact expectations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from examples.known_truth import optima
from examples.known_truth.learning import COMMON, judge_samples, learn_rewards
from examples.known_truth.world import STOP, WORDS, World, new_world, random_rewards
from rather.config.stages import Reward
from rather.equations.scores import ENSEMBLES

GOLD_SEEDS = (0, 1, 2, 3)
NUM_MODELS = 5
NUM_COMPARISONS = 180
"""Judgments a reward model learns from: twenty a prompt, of 780 pairs there are."""
BETAS = torch.logspace(1, -2, 31, dtype=torch.float64)
COHERENCE = 1.0
"""How much the gold dislikes what the reference finds unlikely, in standard deviations."""
SECTION = Reward(
    **COMMON,
    learning_rate=2e-3,
    batch_size=16,
    num_epochs=8,
    ties="drop",
    margin=False,
    # models that differ by their heads, as an ensemble's do
    pooling="last",
    head="random",
)


@dataclass(frozen=True)
class Curve:
    """Exact expectations along π_β of a proxy, mean over prompts; all as long as BETAS."""

    kl: Tensor
    """KL(π_β ‖ π_ref)"""
    proxy: Tensor
    gold: Tensor

    @property
    def peak(self) -> int:
        """Where the gold is highest."""
        return int(self.gold.argmax())


@dataclass(frozen=True)
class Case:
    """One gold and the reward models that learnt from judgments of it."""

    gold: Tensor
    """[P, Y]"""
    proxies: Tensor
    """[K, P, Y]"""


def new_prompts_world() -> World:
    """The known world with nine prompts, so that a mean over prompts says something."""
    return new_world(prompts=tuple((STOP, *pair) for pair in product(WORDS, repeat=2)))


def new_case(world: World, seed: int, num_models: int = NUM_MODELS) -> Case:
    """A gold by its seed, and reward models that differ in their judgments and their start."""
    gold = new_gold(world, seed)
    proxies = [
        learn_rewards(
            world, judge_samples(world, gold, NUM_COMPARISONS, seed=100 * seed + k), SECTION, k
        )
        for k in range(num_models)
    ]
    return Case(gold, torch.stack(proxies))


def new_gold(world: World, seed: int) -> Tensor:
    """What is really wanted, [P, Y]: a random taste, and coherence as the reference knows it."""
    known = world.logprobs(world.reference)
    coherence = (known - known.mean(dim=1, keepdim=True)) / known.std(dim=1, keepdim=True)
    return random_rewards(world, seed) + COHERENCE * coherence


def curve_of(world: World, proxy: Tensor, gold: Tensor) -> Curve:
    """Follow π_β of a proxy from the reference (β large) to the proxy's favourites (β small)."""
    reference = world.logprobs(world.reference)
    policies = [optima.optimal_policy(reference, proxy, beta) for beta in BETAS.tolist()]
    return Curve(
        kl=torch.stack([optima.kl(policy, reference).mean() for policy in policies]),
        proxy=torch.stack([optima.expectation(policy, proxy).mean() for policy in policies]),
        gold=torch.stack([optima.expectation(policy, gold).mean() for policy in policies]),
    )


def mean_curve(curves: Sequence[Curve]) -> Curve:
    """The mean of several curves, β by β."""
    return Curve(
        kl=torch.stack([curve.kl for curve in curves]).mean(dim=0),
        proxy=torch.stack([curve.proxy for curve in curves]).mean(dim=0),
        gold=torch.stack([curve.gold for curve in curves]).mean(dim=0),
    )


def single_curve(world: World, case: Case) -> Curve:
    """What to expect of one reward model: the mean over the case's."""
    return mean_curve([curve_of(world, proxy, case.gold) for proxy in case.proxies])


def ensemble_curve(world: World, case: Case, kind: str, std_coefficient: float = 1.0) -> Curve:
    """All the case's reward models as one, by a name of `equations/scores.py` (ENSEMBLES)."""
    return curve_of(world, ensemble(case.proxies, kind, std_coefficient), case.gold)


def ensemble(proxies: Tensor, kind: str, std_coefficient: float = 1.0) -> Tensor:
    """[K, P, Y] -> [P, Y]."""
    return ENSEMBLES[kind](proxies, std_coefficient=std_coefficient)
