"""Clients take turns, each with its own requests in order."""

from rather.serving.local.turns import Turns


def drain(turns: Turns[str]) -> list[str]:
    found = []
    while len(turns):
        assert turns.first() is not None
        first = turns.first()
        found.append(turns.pop())
        assert found[-1] == first
    return found


def test_one_with_many_delays_its_own() -> None:
    turns: Turns[str] = Turns()
    for thing in ("a1", "a2", "a3", "a4", "b1", "c1", "c2"):
        turns.add(thing[0], thing)
    assert len(turns) == 7
    assert drain(turns) == ["a1", "b1", "c1", "a2", "c2", "a3", "a4"]
    assert turns.first() is None


def test_what_is_removed_has_no_turn() -> None:
    turns: Turns[str] = Turns()
    for thing in ("a1", "a2", "b1"):
        turns.add(thing[0], thing)
    assert turns.remove("b", "b1")
    assert not turns.remove("b", "b1")
    assert not turns.remove("c", "c1")
    assert turns.remove("a", "a1")
    assert drain(turns) == ["a2"]


def test_what_is_put_back_is_first_again() -> None:
    turns: Turns[int] = Turns()
    for client, thing in (("a", 1), ("a", 2), ("b", 3)):
        turns.add(client, thing)
    assert [turns.pop(), turns.pop()] == [1, 3]
    turns.put_back("b", 3)
    turns.put_back("a", 1)
    assert [turns.pop() for _ in range(3)] == [1, 3, 2]
