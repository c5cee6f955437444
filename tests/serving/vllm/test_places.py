"""Clients take turns; who gives up leaves no hole."""

import asyncio
from collections.abc import Callable

import pytest

from rather.serving.backend import QueueFull
from rather.serving.vllm.places import Place, Places


def on_a_loop(what: Callable[[], None]) -> None:
    """Futures want a running loop."""

    async def whole() -> None:
        what()

    asyncio.run(whole())


def runs(place: Place) -> bool:
    return place.turn.done()


def test_a_client_with_much_waits_for_one_with_little() -> None:
    def check() -> None:
        places = Places(most_running=1, most_waiting=10)
        a1, a2, a3 = places.ask("a", 3)
        b1, b2 = places.ask("b", 2)
        assert (places.running, places.waiting) == (1, 4)
        # a1 runs at once; then a and b in turn
        for place in (a1, a2, b1, a3, b2):
            assert runs(place)
            places.give_back(place)
        assert (places.running, places.waiting) == (0, 0)

    on_a_loop(check)


def test_so_many_run_and_so_many_wait_half_of_them_one_client_s() -> None:
    def check() -> None:
        places = Places(most_running=2, most_waiting=4)
        with pytest.raises(QueueFull):
            places.ask("a", 2 + 3)
        places.ask("a", 2 + 2)
        with pytest.raises(QueueFull):
            places.ask("a", 1)
        places.ask("b", 1)
        places.ask("c", 1)
        with pytest.raises(QueueFull):
            places.ask("d", 1)
        assert (places.running, places.waiting) == (2, 4)

    on_a_loop(check)


def test_what_was_refused_takes_no_place() -> None:
    def check() -> None:
        places = Places(most_running=1, most_waiting=2)
        with pytest.raises(QueueFull):
            places.ask("a", 5)
        assert (places.running, places.waiting) == (0, 0)
        assert all(map(runs, places.ask("a", 1)))

    on_a_loop(check)


def test_a_place_that_is_given_up_goes_to_the_next() -> None:
    def check() -> None:
        places = Places(most_running=1, most_waiting=10)
        (first,), (second,), (third,) = (places.ask(name, 1) for name in "abc")
        places.give_back(second)
        places.give_back(second)
        assert (places.running, places.waiting) == (1, 1) and not runs(third)
        third.turn.cancel()  # as when the task that awaits it is cancelled
        places.give_back(first)
        assert (places.running, places.waiting) == (1, 0)
        places.give_back(third)
        assert (places.running, places.waiting) == (0, 0)

    on_a_loop(check)
