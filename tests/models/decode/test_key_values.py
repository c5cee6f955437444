"""The cache: rows join, leave and move, and nothing of anybody else's is read."""

import pytest
import torch
from torch import Tensor

from rather.models.decode.key_values import ROOM, KeyValues


def numbered(*lengths: int, first: int = 1) -> Tensor:
    """Keys [R, 1, P, 1] whose value is the prompt's number everywhere, also behind its end."""
    values = torch.arange(first, first + len(lengths), dtype=torch.float32)
    return values[:, None, None, None].expand(-1, 1, max(lengths), 1)


def join(cache: KeyValues, lengths: list[int], copies: list[int], first: int = 1) -> None:
    cache.expect(lengths, copies)
    keys = numbered(*lengths, first=first)
    for layer in range(2):
        cache.add_prompt(layer, keys + 100 * layer, -keys - 100 * layer)


def rows_of(cache: KeyValues, layer: int = 0) -> list[float]:
    """The first key of each row's own columns."""
    return cache.own[layer][0][: len(cache.seats), 0, 0, 0].tolist()


def test_a_prompt_begins_its_rows_or_is_kept_once() -> None:
    own, shared = KeyValues(shares_prompts=False), KeyValues(shares_prompts=True)
    for cache in (own, shared):
        join(cache, [3, 5], [1, 2])
    assert rows_of(own) == [1, 2, 2]
    assert [(seat.before, seat.filled) for seat in own.seats] == [(0, 3), (0, 5), (0, 5)]
    assert own.own[1][1][2, 0, :5, 0].tolist() == [-102] * 5
    assert [k.shape[0] for k, _ in shared.prompts] == [2, 2]
    assert shared.prompts[1][0][:, 0, 0, 0].tolist() == [101, 102]
    assert [(seat.before, seat.filled, seat.prompt) for seat in shared.seats] == [
        (3, 0, 0),
        (5, 0, 1),
        (5, 0, 1),
    ]


def test_room_grows_with_an_eighth_to_spare_and_is_zero() -> None:
    cache = KeyValues(shares_prompts=False)
    join(cache, [27], [1])
    assert cache.own[0][0].shape == (1, 1, ROOM, 1)  # 28 and 3 are 31
    cache.seats[0].filled = 31
    cache.make_room()
    assert cache.own[0][0].shape[2] == ROOM  # one more token fits
    cache.seats[0].filled = 32
    cache.make_room()
    assert cache.own[0][0].shape[2] == 2 * ROOM  # 33 and 4 are 37
    assert cache.own[0][0][0, 0, :, 0].tolist() == [1] * 27 + [0] * 37


def test_room_is_made_at_once_for_all_that_join_in_several_passes() -> None:
    cache = KeyValues(shares_prompts=False)
    cache.reserve(3, 30)
    join(cache, [27], [1])
    keys = cache.own[0][0]
    assert keys.shape == (3, 1, 2 * ROOM, 1)  # 30 and 3 are 33; this row: 31
    join(cache, [28, 2], [1, 1], first=2)
    assert cache.own[0][0] is keys
    assert rows_of(cache) == [1, 2, 3]
    cache.remove({0, 1, 2})
    join(cache, [2], [1])
    assert cache.own[0][0].shape == (1, 1, ROOM, 1)  # the next ones have their own room


def test_rows_of_shared_prompts_begin_with_no_columns_but_for_their_next_token() -> None:
    cache = KeyValues(shares_prompts=True)
    join(cache, [40, 30], [2, 2])
    assert cache.own[0][0].shape == (4, 1, ROOM, 1)


@pytest.mark.parametrize(
    ("ended", "order"),
    [
        ({1}, [0, 4, 2, 3]),  # the last fills the gap
        ({4}, [0, 1, 2, 3]),
        ({0, 3}, [4, 1, 2]),
        ({0, 1, 2}, [3, 4]),
        ({0, 1, 2, 3, 4}, []),
    ],
)
def test_the_last_rows_fill_the_gaps(ended: set[int], order: list[int]) -> None:
    cache = KeyValues(shares_prompts=False)
    join(cache, [1, 2, 3, 4, 5], [1] * 5)
    assert cache.remove(ended) == order
    assert [seat.filled for seat in cache.seats] == [row + 1 for row in order]
    if order:
        assert rows_of(cache) == [row + 1 for row in order]
        assert rows_of(cache, layer=1) == [row + 101 for row in order]
    else:
        assert cache.own == []


def test_who_joins_later_takes_the_place_of_who_left() -> None:
    cache = KeyValues(shares_prompts=False)
    join(cache, [2, 2, 2], [1, 1, 1])
    memory = cache.own[0][0].data_ptr()
    cache.remove({0})
    join(cache, [4], [1], first=9)
    assert rows_of(cache) == [3, 2, 9]
    assert cache.own[0][0].data_ptr() == memory  # nothing was copied
    join(cache, [1], [1], first=7)
    assert rows_of(cache) == [3, 2, 9, 7]


def test_shared_prompts_are_forgotten_once_a_quarter_has_no_rows() -> None:
    cache = KeyValues(shares_prompts=True)
    join(cache, [2, 9, 3, 4, 5], [1, 2, 1, 1, 1])
    cache.remove({1})  # the second prompt has another row
    assert [seat.prompt for seat in cache.seats] == [0, 4, 1, 2, 3]
    cache.remove({0})
    assert [seat.prompt for seat in cache.seats] == [3, 4, 1, 2]
    assert cache.prompt_lengths == [2, 9, 3, 4, 5]  # one of five is less than a quarter
    cache.remove({1})
    assert cache.prompt_lengths == [9, 3, 4]
    assert [seat.prompt for seat in cache.seats] == [2, 1, 0]
    assert cache.prompts[0][0][:, 0, 0, 0].tolist() == [2, 3, 4]
    cache.remove({2})
    assert cache.prompt_lengths == [3, 4]
    assert cache.prompts[1][0].shape == (2, 1, 4, 1)  # the longest has gone
