"""Rows packed end to end: every index finds what it names."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rather.data.batch import Batch, Row, by_length, pack, padded, split_by_tokens

ROWS = [Row((10, 11), ((20,), (21, 22, 23))), Row((12,), ((24, 25),))]
IDS = st.lists(st.integers(1, 99), min_size=1, max_size=5).map(tuple)
SOME_ROWS = st.lists(
    st.builds(Row, IDS, st.lists(IDS, min_size=1, max_size=3).map(tuple)), min_size=1, max_size=4
)


def test_a_pack_by_hand() -> None:
    batch = pack(ROWS)
    #                                 0   1   2   3   4   5   6   7   8
    assert batch.input_ids.tolist() == [10, 11, 20, 21, 22, 23, 12, 24, 25]
    assert batch.position_ids.tolist() == [0, 1, 2, 2, 3, 4, 0, 1, 2]
    assert batch.prompt_index.tolist() == [[0, 1], [6, 9]]  # 9 = S: nothing there
    assert batch.completion_index.tolist() == [
        [[2, 9, 9], [3, 4, 5]],
        [[7, 8, 9], [9, 9, 9]],
    ]
    assert batch.completion_ids.tolist() == [[20, 0, 0], [21, 22, 23], [24, 25, 0]]
    assert batch.completion_mask.int().tolist() == [[1, 0, 0], [1, 1, 1], [1, 1, 0]]
    assert batch.token_index.tolist() == [[2, 0, 0], [3, 4, 5], [7, 8, 0]]
    # the first token of a completion is predicted by the last one of its prompt
    assert batch.predictor_index.tolist() == [[1, 0, 0], [1, 3, 4], [6, 7, 0]]
    assert batch.predictors.tolist() == [1, 3, 4, 6, 7]
    assert batch.ends.tolist() == [2, 5, 8]
    assert batch.row_of.tolist() == [0, 0, 1]
    assert (batch.num_tokens, batch.num_completions) == (9, 3)


@settings(deadline=None, max_examples=40)
@given(rows=SOME_ROWS)
def test_every_token_is_found_again(rows: list[Row]) -> None:
    batch = pack(rows)
    assert batch.num_tokens == sum(row.num_tokens for row in rows)
    found = [
        (
            tuple(batch.input_ids[i[i < batch.num_tokens]].tolist()),
            [tuple(batch.input_ids[c[c < batch.num_tokens]].tolist()) for c in cs],
        )
        for i, cs in zip(batch.prompt_index, batch.completion_index, strict=True)
    ]
    for (prompt, completions), row in zip(found, rows, strict=True):
        assert prompt == row.prompt_ids
        assert tuple(c for c in completions if c) == row.completions


@settings(deadline=None, max_examples=40)
@given(rows=SOME_ROWS)
def test_a_predictor_stands_one_position_before_its_token(rows: list[Row]) -> None:
    batch = pack(rows)
    mask = batch.completion_mask
    token, predictor = batch.token_index[mask], batch.predictor_index[mask]
    assert (batch.position_ids[token] - batch.position_ids[predictor] == 1).all()


def test_prompts_without_completions_can_be_packed() -> None:
    batch = pack([Row((1, 2, 3), ()), Row((4,), ())])
    assert batch.completion_index.shape == (2, 0, 0)
    assert (batch.num_tokens, batch.num_completions) == (4, 0)


@pytest.mark.parametrize(
    ("prompt", "completions"), [((), ((1,),)), ((1,), ((),)), ((1,), ((2,), ()))]
)
def test_what_cannot_be_predicted_is_our_own_mistake(
    prompt: tuple[int, ...], completions: tuple[tuple[int, ...], ...]
) -> None:
    with pytest.raises(AssertionError):
        Row(prompt, completions)


def of_length(*lengths: int) -> list[Row]:
    """Rows of so many tokens in all: one of them is the prompt."""
    return [Row((1,), ((2,) * (length - 1),)) for length in lengths]


@pytest.mark.parametrize(
    ("lengths", "budget", "groups"),
    [
        ((4, 4, 4), 8, [[0, 1], [2]]),
        ((4, 5, 4), 8, [[0], [1], [2]]),
        ((9, 2, 2), 8, [[0], [1, 2]]),  # the first is larger than the budget: it stands alone
        ((2, 9, 2), 8, [[0], [1], [2]]),
        ((2, 3, 3, 2), 100, [[0, 1, 2, 3]]),
        ((), 8, []),
    ],
)
def test_microbatches_by_hand(
    lengths: tuple[int, ...], budget: int, groups: list[list[int]]
) -> None:
    assert split_by_tokens(of_length(*lengths), budget) == groups


def test_by_length_takes_the_longest_first_and_equals_in_order() -> None:
    assert by_length(of_length(2, 6, 4, 6), 10) == [[1], [3], [2, 0]]


def test_microbatches_are_as_even_as_so_many_can_be() -> None:
    rows = of_length(5, 5, 4, 4, 3, 3)  # 24 tokens: 20 at once would leave 4 for the second
    assert by_length(rows, 20) == [[0, 1, 2], [3, 4, 5]]
    assert by_length(rows, 24) == [[0, 1, 2, 3, 4, 5]]


@given(
    lengths=st.lists(st.integers(2, 12), max_size=12),
    budget=st.integers(1, 30),
)
def test_no_row_is_lost_and_no_budget_is_passed(lengths: list[int], budget: int) -> None:
    rows = of_length(*lengths)
    for groups in (split_by_tokens(rows, budget), by_length(rows, budget)):
        assert sorted(index for group in groups for index in group) == list(range(len(rows)))
        for group in groups:
            assert len(group) == 1 or sum(lengths[index] for index in group) <= budget
    longest_first = sorted(rows, key=lambda row: -row.num_tokens)
    assert len(by_length(rows, budget)) == len(split_by_tokens(longest_first, budget))


def test_ragged_numbers_are_filled_up() -> None:
    assert padded([[1], [2, 3]], fill=7).tolist() == [[1, 7], [2, 3]]


def test_a_batch_moves_whole() -> None:
    moved = pack(ROWS).to("meta")
    assert isinstance(moved, Batch)
    tensors = [value for value in vars(moved).values() if isinstance(value, torch.Tensor)]
    assert len(tensors) == 11
    assert {tensor.device.type for tensor in tensors} == {"meta"}
