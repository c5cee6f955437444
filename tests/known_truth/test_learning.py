"""What the trainers are given in the known world: every pair judged as often as expected."""

from collections import Counter

import pytest
import torch

from examples.known_truth import optima
from examples.known_truth.learning import TableScorer, judge_all_pairs, judge_samples
from examples.known_truth.world import World, random_rewards
from rather.data.batch import Row


def test_pairs_are_won_as_often_as_expected(world: World) -> None:
    preferences = optima.bradley_terry_preferences(random_rewards(world))
    judged = judge_all_pairs(world, preferences, num_repeats=10)
    # ten rows for each of three prompts, each with all 40·39/2 = 780 pairs
    assert len(judged) == 30
    assert {len(one.pairs) for one in judged} == {780}
    wins = Counter(pair for one in judged[:10] for pair in one.pairs)
    for better, worse in ((0, 1), (5, 17), (30, 39)):
        expected = 10 * preferences[0, better, worse].item()
        assert abs(wins[better, worse] - expected) < 1
        assert wins[better, worse] + wins[worse, better] == 10


def test_rows_of_one_prompt_do_not_all_say_the_same(world: World) -> None:
    preferences = torch.full((3, 40, 40), 0.5, dtype=torch.float64)
    judged = judge_all_pairs(world, preferences, num_repeats=4)
    # of 780 fair coins 390 ± 5·14 show heads
    for one in judged:
        heads = sum(better < worse for better, worse in one.pairs)
        assert 320 < heads < 460


def test_samples_are_judged_by_their_rewards(world: World) -> None:
    rewards = 10_000 * random_rewards(world)  # so far apart that the better one always wins
    judged = judge_samples(world, rewards, num_pairs=30, seed=1)
    assert [one.row.prompt_ids for one in judged[:4]] == [*world.prompts, world.prompts[0]]
    scorer = TableScorer(world, rewards)
    for one in judged:
        ((better, worse),) = one.pairs
        (scores,) = scorer([], [one.row])
        assert scores[better] > scores[worse]


def test_the_scorer_reads_the_table(world: World) -> None:
    rewards = torch.arange(120, dtype=torch.float64).view(3, 40)
    row = Row(world.prompts[2], (world.completions[3], world.completions[0]))
    assert TableScorer(world, rewards)([], [row]) == [[83.0, 80.0]]
    with pytest.raises(KeyError):
        TableScorer(world, rewards)([], [Row((1, 1, 1), ((0,),))])
