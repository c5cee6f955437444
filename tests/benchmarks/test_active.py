"""The arms: the same beginning, no question twice, chance as it lies and choice by the product."""

import pytest
import torch

import active
from active import Pair, Pool, accuracy, answer, ensemble, next_places, run, summary
from rather.config.stages import Choosing
from rather.feedback import gold
from rather.feedback.simulated import SimulatedLabeller
from rather.records import Completion, Message, Prompt

WORDS = ("I love it.", "It is a table.", "I hate it.")


@pytest.fixture
def pool() -> Pool:
    """Nine prompts with three answers each; one dimension of the states is the gold, one noise."""
    asked = [Prompt(f"p{n}", (Message("user", f"{n}?"),), "train") for n in range(9)]
    answers = [
        Completion(f"{one.id}-{place}", one.id, words, "m")
        for one in asked
        for place, words in enumerate(WORDS)
    ]
    golds = [gold.vader(asked[0], one.text) for one in answers]
    noise = torch.randn(27, generator=torch.Generator().manual_seed(0))
    states = torch.stack([torch.tensor(golds), 0.1 * noise], dim=1)
    pairs = [Pair(n, 3 * n + a, 3 * n + b) for n in range(9) for a, b in ((0, 1), (0, 2), (1, 2))]
    return Pool(asked, answers, states, golds, pairs)


def test_a_reward_model_learns_the_gold(pool: Pool) -> None:
    labelled = [(pair, 1) for pair in pool.pairs[:18]]  # the first is the kinder one, always
    members = ensemble(pool, labelled, seed=0)
    assert members.shape == (active.NUM_MEMBERS, 2)
    assert not torch.equal(members[0], members[1])
    assert accuracy(pool, pool.pairs[18:], members) == 1.0
    assert accuracy(pool, pool.pairs[18:], torch.zeros(0)) == 0.5


def test_answers_are_the_labellers(pool: Pool) -> None:
    labeller = SimulatedLabeller(gold.resolve("vader"), 0.0, 0.05)
    assert [answer(pool, labeller, pair) for pair in pool.pairs[:3]] == [1, 1, 1]
    assert answer(pool, labeller, Pair(0, 2, 0)) == -1
    assert answer(pool, labeller, Pair(0, 1, 4)) == 0  # the same words


def test_chance_takes_what_comes_and_choice_does_not(pool: Pool) -> None:
    members = torch.eye(2)
    by_chance = next_places(pool, pool.pairs, members, None, [], 4)
    assert by_chance == [0, 1, 2, 3]
    section = Choosing(disagreement=0.0, closeness=0.0, coverage=1.0)
    chosen = next_places(pool, pool.pairs, members, section, [], 10)
    assert chosen[:3] == [0, 1, 2]  # three of ten by chance
    assert len(set(chosen)) == 10
    prompts = [pool.pairs[place].prompt for place in chosen[3:]]
    assert prompts == [1, 2, 3, 4, 5, 6, 7]  # the first prompt was asked about three times


def test_a_run_is_the_same_twice_and_ends_at_its_size(pool: Pool) -> None:
    size = active.Size(9, 3, 3, 9, 2)
    first = run(pool, size, 0, Choosing())
    assert first == run(pool, size, 0, Choosing())
    assert len(first) == 3
    curves = {"chance": [[0.5, 0.6], [0.7, 0.8]], "chosen": [[0.5, 0.8], [0.7, 0.8]]}
    found = summary(size, pool, curves)["arms"]["chosen"]
    # means of 0.5 and 0.7, 0.8 and 0.8; above chance 0 and 0, 0.2 and 0
    assert (found["accuracy"], found["above_chance"]) == ([0.6, 0.8], [0.0, 0.1])
    assert found["error"] == [0.1, 0.0]
    assert found["above_chance_error"] == [0.0, 0.1]
