"""The least work, counted by hand on a model one can hold in the head."""

from pathlib import Path

import pytest

from rather.planning import work as floors
from rather.planning.shape import Shape
from rather.planning.work import Work

# q 4·4, k 4·2, v 4·2, o 4·4, gate 4·6, up 4·6, down 6·4: P = 120;
# W = 8 + 6 + 6 + 8 + 10 + 10 + 10 = 58
TINY = Shape(
    num_layers=2,
    width=4,
    attention_width=4,
    key_value_width=2,
    feed_forward_width=6,
    vocabulary=10,
    rank=1,
)
ROWS = [(3, (2, 1))]
"""T = 6 tokens, 3 of them predicted; N = 6 in the prompt, 2·3 + 3 and 1·3 + 1 after it: 19."""


def test_a_layer() -> None:
    assert TINY.layer_weights == 120
    assert TINY.layer_widths == 58


def test_tokens_and_pairs_of_tokens() -> None:
    assert floors.num_tokens(ROWS) == 6
    assert floors.num_predicted(ROWS) == 3
    assert floors.num_attended(ROWS) == 19


def test_a_pass() -> None:
    # 2 layers · (6 · 2·120 + 4·4·19) = 2 · (1440 + 304)
    bare = floors.trunk(TINY, ROWS, has_adapter=False, is_backward=False)
    assert bare.flops == 3488
    assert bare.num_bytes == 1392  # 2 layers · 6 tokens · 58 · 2 bytes
    # the adapter adds 2 · 6 · 2·1·58
    assert floors.trunk(TINY, ROWS, has_adapter=True, is_backward=False).flops == 3488 + 1392
    # 2 · (6 · (4·120 + 3·2·58) + 3·304) = 2 · (6·828 + 912)
    both = floors.trunk(TINY, ROWS, has_adapter=True, is_backward=True)
    assert both.flops == 11760


def test_a_head() -> None:
    assert floors.head(TINY, 3, is_backward=False).flops == 240  # 2·4·10·3
    assert floors.head(TINY, 3, is_backward=True).flops == 480


# in the last layer of a pass, only k and v of tokens that are not read: without the others,
# 104 weights with inputs and outputs of 46, 2·104 FLOPs less a token; with an adapter 2·46 more
# less; with a backward pass 2·2·104 + 3·2·46 = 692
BARE, ADAPTED, LEARNT = 208, 300, 692


def test_a_pass_of_which_two_tokens_are_read() -> None:
    some = floors.trunk(TINY, ROWS, has_adapter=False, is_backward=False, num_read=2)
    assert some.flops == 3488 - 4 * BARE
    assert some.num_bytes == 1392 - 4 * 2 * 46
    some = floors.trunk(TINY, ROWS, has_adapter=True, is_backward=False, num_read=2)
    assert some.flops == 4880 - 4 * ADAPTED
    some = floors.trunk(TINY, ROWS, has_adapter=True, is_backward=True, num_read=2)
    assert some.flops == 11760 - 4 * LEARNT
    # the prompt's last token predicts two first ones, the first of the longer completion one
    assert floors.num_predictors(ROWS) == 2


def test_an_update_of_a_reward_model_reads_its_share_of_the_layers() -> None:
    assert floors.reward(TINY, ROWS, 1.0).flops == 11760 - 4 * LEARNT
    assert floors.reward(TINY, ROWS, 0.5).flops == 5880 - 4 * LEARNT
    assert floors.reward(TINY, ROWS, 0.5, "mean").flops == 5880 - 3 * LEARNT


def test_a_live_reference_is_one_more_pass() -> None:
    known = floors.dpo(TINY, ROWS, is_live=False)
    assert known.flops == 11760 - 4 * LEARNT + 480
    assert floors.dpo(TINY, ROWS, is_live=True).flops == known.flops + 3488 - 4 * BARE + 240


def test_generation() -> None:
    # run are 3 + 1 + 0 tokens: 4 · 2·120 and N = 6 + (3 + 1) = 10: 2 · (960 + 160) = 2240
    bare = floors.generation(TINY, ROWS, adapted_layers=0)
    assert bare.flops == 2240 - 2 * BARE + 240  # logits of all 3; two of the prompt are not read
    assert bare.num_bytes == 1120  # two tokens after another, each all 280 weights of 2 bytes
    # 4 tokens · 2·1·58 in each of two layers, 2·1·46 less for those two in the last
    adapted = floors.generation(TINY, ROWS, adapted_layers=2)
    assert adapted.flops == bare.flops + 928 - 2 * 92
    assert adapted.num_bytes == 1120


def test_ppo() -> None:
    learn, look, reference = 11760 - 4 * LEARNT, 4880 - 4 * ADAPTED, 3488 - 4 * BARE
    generation = 2240 - 2 * BARE + 240 + 928 - 2 * 92
    whole = floors.ppo(TINY, ROWS, epochs=4, top_layers=2, has_critic=True)
    # the reward model's look, the reference's; the others' are the first epoch's
    assert whole.flops == generation + look + reference + 240 + 4 * (learn + 480 + learn)
    shared = floors.ppo(TINY, ROWS, epochs=4, top_layers=2, has_critic=False)
    assert whole.flops - shared.flops == 4 * learn


def test_layers_below_the_lowest_trained_one_are_passed_once() -> None:
    learn, look, reference = 5880 - 4 * LEARNT, 2440 - 4 * ADAPTED, 1744 - 4 * BARE  # one layer
    generation = 2240 - 2 * BARE + 240 + 464 - 2 * 92
    half = floors.ppo(TINY, ROWS, epochs=1, top_layers=1, has_critic=False)
    assert half.flops == generation + 1744 + look + reference + 240 + learn + 480


def test_work_adds_up() -> None:
    assert Work(1, 2) + Work(3, 4) * 2 == Work(7, 10)


@pytest.mark.usefixtures("tiny_model")
def test_the_shape_of_a_folder(tiny_model: Path) -> None:
    shape = Shape.of(tiny_model)
    assert (shape.num_layers, shape.width) == (2, 32)
