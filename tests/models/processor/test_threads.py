"""One thread for small steps, all for large ones, and the count from before at the end."""

from collections.abc import Iterator

import pytest
import torch

from rather.models.processor.threads import ALONE, fit, size_of_product


@pytest.fixture
def four() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def count() -> int:
    return torch.get_num_threads()


@pytest.mark.usefixtures("four")
def test_small_steps_take_one_thread_and_large_ones_all() -> None:
    with fit(ALONE // 3):
        assert count() == 1
        with fit(ALONE):
            assert count() == 4
            with fit(1):
                assert count() == 1
            assert count() == 4
        assert count() == 1
    assert count() == 4
    with fit(ALONE // 3 + 1):  # of three more threads each saves as much as of one
        assert count() == 4


@pytest.mark.usefixtures("four")
def test_an_error_inside_leaves_the_count_as_it_was() -> None:
    with pytest.raises(ZeroDivisionError), fit(1), fit(ALONE):
        _ = 1 / 0
    assert count() == 4
    with fit(ALONE):
        assert count() == 4


def test_on_one_thread_nothing_is_split() -> None:
    before = count()
    torch.set_num_threads(1)
    try:
        with fit(1 << 60):
            assert count() == 1
    finally:
        torch.set_num_threads(before)


def test_a_product_counts_its_weights_and_its_rows() -> None:
    assert [size_of_product(100, rows) for rows in (1, 15, 16, 32)] == [100, 100, 200, 300]
