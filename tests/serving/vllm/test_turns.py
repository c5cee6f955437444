"""Clients take turns; who gives up leaves no hole."""

import asyncio

import pytest

from rather.serving.backend import QueueFull
from rather.serving.vllm.turns import Turns


async def settle() -> None:
    """Let everything that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_client_with_much_waits_for_one_with_little() -> None:
    async def whole() -> list[str]:
        turns, order = Turns(most_running=1, most_waiting=10), list[str]()
        gate = asyncio.Event()

        async def ask(client: str, name: str) -> None:
            async with turns.turn(client):
                order.append(name)
                await gate.wait()

        tasks = []
        for client, name in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("b", "b2")):
            tasks.append(asyncio.create_task(ask(client, name)))
            await settle()
        assert (turns.running, turns.waiting) == (1, 4)
        gate.set()
        await asyncio.gather(*tasks)
        assert (turns.running, turns.waiting) == (0, 0)
        return order

    # a1 runs at once; then a and b in turn
    assert asyncio.run(whole()) == ["a1", "a2", "b1", "a3", "b2"]


def test_so_many_run_and_so_many_wait() -> None:
    turns = Turns(most_running=2, most_waiting=3)
    turns.require_room(5)
    with pytest.raises(QueueFull):
        turns.require_room(6)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_turn_that_is_given_up_goes_to_the_next(at_once: bool) -> None:
    """Given up while it waits, or (`at_once`) in the very moment in which it would begin."""

    async def whole() -> None:
        turns, began = Turns(most_running=1, most_waiting=10), list[str]()

        async def ask(name: str, gate: asyncio.Event) -> None:
            async with turns.turn(name):
                began.append(name)
                await gate.wait()

        first, open_gate = asyncio.Event(), asyncio.Event()
        open_gate.set()
        one = asyncio.create_task(ask("one", first))
        await settle()
        two = asyncio.create_task(ask("two", open_gate))
        three = asyncio.create_task(ask("three", open_gate))
        await settle()
        if at_once:
            first.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        two.cancel()
        first.set()
        await asyncio.gather(one, two, three, return_exceptions=True)
        assert began[0] == "one" and began[-1] == "three"
        assert (turns.running, turns.waiting) == (0, 0)

    asyncio.run(whole())
