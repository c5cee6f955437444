"""Simulated labellers: their choices follow the gold, their noise follows Bradley–Terry."""

from itertools import pairwise

import pytest

from rather.feedback.gold import Gold
from rather.feedback.simulated import SimulatedLabeller, labeller
from rather.records import Completion, Message, Prompt

PROMPT = Prompt("p", (Message("user", "How long?"),), "train")
LENGTH = Gold("length", "Longer is better.", lambda prompt, text: float(len(text)), neutral=2.5)


def answer(identity: str, text: str) -> Completion:
    return Completion(identity, "p", text, "base")


A, B, C, D = (answer(*one) for one in (("a", "xxxx"), ("b", "xx"), ("c", "xxx"), ("d", "yy")))


def test_without_noise_the_better_one_wins_and_equals_tie() -> None:
    judge = SimulatedLabeller(LENGTH)
    assert judge.judge_pair(PROMPT, A, B).choice == "A"
    assert judge.judge_pair(PROMPT, B, A).choice == "B"
    assert judge.judge_pair(PROMPT, B, D).choice == "tie"
    near = SimulatedLabeller(LENGTH, tie_margin=1.0)
    assert near.judge_pair(PROMPT, A, C).choice == "tie"


def test_pair_names_what_it_judged() -> None:
    pair = SimulatedLabeller(LENGTH).judge_pair(PROMPT, B, A)
    assert (pair.left_completion_id, pair.right_completion_id) == ("b", "a")


def test_ranking_without_noise_shares_ranks_between_equals() -> None:
    ranking = SimulatedLabeller(LENGTH).judge_ranking(PROMPT, (B, A, D, C))
    assert ranking.completion_ids == ("b", "a", "d", "c")
    assert ranking.ranks == (3, 1, 3, 2)


def test_thumb_turns_at_the_neutral_score() -> None:
    judge = SimulatedLabeller(LENGTH)
    assert judge.judge_thumb(PROMPT, C).good
    assert not judge.judge_thumb(PROMPT, B).good


def test_noise_errs_as_bradley_terry_says() -> None:
    # gap 1, temperature 1: P(A) = σ(1) = .731; standard error of 2,000 draws = .0099
    judge = SimulatedLabeller(LENGTH, noise_temperature=1.0, seed=3)
    pairs = [(answer(f"l{i}", "xx"), answer(f"r{i}", "x")) for i in range(2000)]
    wins = sum(judge.judge_pair(PROMPT, *pair).choice == "A" for pair in pairs)
    assert wins / 2000 == pytest.approx(0.731, abs=0.04)


def test_noisy_ranking_keeps_the_bradley_terry_odds_of_its_pairs() -> None:
    judge = SimulatedLabeller(LENGTH, noise_temperature=1.0, seed=3)
    trios = [
        tuple(answer(f"{i}{name}", text) for name, text in (("x", "xx"), ("y", "x"), ("z", "xxx")))
        for i in range(2000)
    ]
    wins = sum(r.ranks[0] < r.ranks[1] for r in (judge.judge_ranking(PROMPT, t) for t in trios))
    assert wins / 2000 == pytest.approx(0.731, abs=0.04)


def test_same_items_same_judgment_whatever_the_side_order_or_process() -> None:
    judge = SimulatedLabeller(LENGTH, noise_temperature=5.0, seed=1)
    items = [answer(f"i{i}", "x" * (i + 1)) for i in range(40)]
    forth = [judge.judge_pair(PROMPT, *pair).choice for pair in pairwise(items)]
    mirrored = [judge.judge_pair(PROMPT, right, left).choice for left, right in pairwise(items)]
    assert mirrored == ["B" if choice == "A" else "A" for choice in forth]
    first = judge.judge_ranking(PROMPT, items)
    back = judge.judge_ranking(PROMPT, items[::-1])
    assert back.ranks == first.ranks[::-1]
    other_seed = SimulatedLabeller(LENGTH, noise_temperature=5.0, seed=2)
    assert [other_seed.judge_pair(PROMPT, *pair).choice for pair in pairwise(items)] != forth


def test_a_simulated_labeller_is_declared() -> None:
    judge = SimulatedLabeller(LENGTH, noise_temperature=0.1, tie_margin=0.05, seed=2)
    assert judge.labeller.id == "sim:length:s2:t0.1:m0.05"
    assert judge.labeller.is_simulated
    assert judge.labeller.settings == {
        "gold": "length",
        "noise_temperature": 0.1,
        "tie_margin": 0.05,
        "seed": 2,
    }
    assert labeller("concision", {"noise_temperature": 0.1}).id == "sim:concision:s0:t0.1"
