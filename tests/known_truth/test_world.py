"""The known world: everything that can be said is listed, and its chances add up."""

import pytest
import torch

from examples.known_truth.world import World, all_completions, new_world
from rather.rollout.local import Request, Settings, sample


def test_all_completions_are_listed() -> None:
    assert all_completions((1, 2), 2) == (
        (0,), (1, 0), (2, 0),
        (1, 1), (1, 2), (2, 1), (2, 2),
    )  # fmt: skip
    # stopped after 0, 1, 2 words, or cut after 3: 1 + 3 + 9 + 27
    assert len(set(all_completions((1, 2, 3), 3))) == 40


@pytest.mark.parametrize("temperature", [1.0, 0.6, 2.0])
def test_the_chances_add_up(world: World, temperature: float) -> None:
    probabilities = world.logprobs(world.reference, temperature).exp()
    assert probabilities.shape == (3, 40)
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(3).double(), atol=1e-5)


def test_the_same_arguments_give_the_same_world(world: World) -> None:
    again = new_world()
    assert torch.equal(again.logprobs(again.reference), world.logprobs(world.reference))
    other = new_world(seed=1)
    assert not torch.allclose(other.logprobs(other.reference), world.logprobs(world.reference))


def test_the_reference_is_neither_even_nor_certain(world: World) -> None:
    probabilities = world.logprobs(world.reference).exp()
    assert (probabilities.amax(dim=1) < 0.6).all()
    assert (probabilities.amax(dim=1) > 0.05).all()


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_the_sampler_draws_from_the_table(world: World, temperature: float) -> None:
    many = 20_000
    settings = Settings(temperature, world.max_new_tokens, (0,))
    request = Request(world.prompts[1], tuple(range(many)))
    (sampled,) = sample(world.reference.backbone, None, [request], settings)
    expected = world.logprobs(world.reference, temperature)[1].exp() * many
    places = {completion: place for place, completion in enumerate(world.completions)}
    counts = torch.zeros(len(places), dtype=torch.float64)
    for one in sampled:
        counts[places[one.ids]] += 1
    # χ² of 39 degrees of freedom exceeds 72.1 once in a thousand draws
    common = expected >= 5
    rest = torch.stack([counts[~common].sum(), expected[~common].sum()])
    chi_square = ((counts - expected) ** 2 / expected)[common].sum()
    chi_square += (rest[0] - rest[1]) ** 2 / rest[1].clamp(min=1.0)
    assert chi_square < 72.1
