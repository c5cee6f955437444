"""The best of n samples, by the sampler, against its closed form; and its KL against the bound."""

import pytest
import torch

from examples.known_truth import optima
from examples.known_truth.learning import TableScorer
from examples.known_truth.world import STOP, World, random_rewards
from rather.data.batch import Row
from rather.equations.kl import best_of_n_kl
from rather.rollout.local import Request, Settings, sample

NUM_GROUPS = 4_000


@pytest.mark.slow
@pytest.mark.parametrize("n", [4, 8])
@pytest.mark.parametrize("with_ties", [False, True])
def test_the_best_of_n_is_distributed_as_computed(world: World, n: int, with_ties: bool) -> None:
    rewards = random_rewards(world)
    if with_ties:
        rewards = rewards.round()  # some −2, −1, 0, 1, 2: most rewards are shared
    prompt = 1
    request = Request(world.prompts[prompt], tuple(range(NUM_GROUPS * n)))
    settings = Settings(1.0, world.max_new_tokens, (STOP,))
    (sampled,) = sample(world.reference.backbone, None, [request], settings)
    row = Row(request.prompt_ids, tuple(one.ids for one in sampled))
    (scores,) = TableScorer(world, rewards)([], [row])
    best = torch.tensor(scores).view(NUM_GROUPS, n).argmax(dim=1)
    places = {completion: place for place, completion in enumerate(world.completions)}
    counts = torch.zeros(len(places), dtype=torch.float64)
    for group, winner in enumerate(best.tolist()):
        counts[places[row.completions[group * n + winner]]] += 1
    reference = world.logprobs(world.reference)
    expected = optima.best_of_n_policy(reference, rewards, n)[prompt].exp()
    # the total variation of 4,000 draws of 40 kinds is ½·Σ√(2p(1−p)/(π·4000)) ≤ 0.04 on average
    distance = 0.5 * (counts / NUM_GROUPS - expected).abs().sum()
    assert distance < 0.05
    # one sample is not enough to be confused with the best of n
    assert 0.5 * (reference[prompt].exp() - expected).abs().sum() > 0.3


@pytest.mark.parametrize("n", [1, 2, 4, 16, 256])
def test_the_divergence_stays_below_the_bound(world: World, n: int) -> None:
    reference = world.logprobs(world.reference)
    found = optima.kl(optima.best_of_n_policy(reference, random_rewards(world), n), reference)
    assert (found <= best_of_n_kl(n) + 1e-6).all()


def test_the_bound_is_reached_where_no_completion_is_likely() -> None:
    """Ten thousand completions, each as good as no probability: log 4 − 3/4 = 0.636294."""
    many = 10_000
    reference = torch.full((1, many), 1 / many, dtype=torch.float64).log()
    rewards = torch.arange(many, dtype=torch.float64)
    # F(i) is i/many without ties: P(best is i) = ((i + 1)⁴ − i⁴)/many⁴
    ranks = rewards[None] / many
    best = ((ranks + 1 / many) ** 4 - ranks**4).log()
    assert optima.kl(best, reference).item() == pytest.approx(0.636294, abs=1e-3)
    assert best_of_n_kl(4) == pytest.approx(0.636294, abs=1e-6)
