"""The same content has the same id, here and on every other machine."""

from hypothesis import given
from hypothesis import strategies as st

from rather.data.identity import canonical, completion_id, prompt_id, split_of
from rather.records import Message

HELLO = (Message("user", "Hello"),)


def test_ids_are_sha256_of_canonical_json() -> None:
    # printf '[["user","Hello"]]' | sha256sum | cut -c1-24
    assert prompt_id(HELLO) == "p_b0ae8b0f316e2f14cbd6b6a2"
    assert len(completion_id("p1", "base", {}, 0, "x")) == 26


def test_canonical_json_has_one_form() -> None:
    assert canonical({"b": [1, "é"], "a": 0.5}) == '{"a":0.5,"b":[1,"é"]}'


def test_every_part_makes_a_completion_another_one() -> None:
    first = completion_id("p1", "base", {"temperature": 1.0}, 0, "x")
    others = [
        completion_id("p2", "base", {"temperature": 1.0}, 0, "x"),
        completion_id("p1", "ppo-1", {"temperature": 1.0}, 0, "x"),
        completion_id("p1", "base", {"temperature": 0.5}, 0, "x"),
        completion_id("p1", "base", {"temperature": 1.0}, 1, "x"),
        completion_id("p1", "base", {"temperature": 1.0}, 0, "y"),
    ]
    assert len({first, *others}) == 6


def test_roles_count() -> None:
    assert prompt_id(HELLO) != prompt_id((Message("system", "Hello"),))


@given(st.text(), st.integers(), st.floats(0, 0.99))
def test_a_prompt_stays_on_its_side_when_less_is_held_out(id: str, seed: int, part: float) -> None:
    if split_of(id, seed, part) == "heldout":
        assert split_of(id, seed, 0.99) == "heldout"
    assert split_of(id, seed, 0.0) == "train"


def test_the_fraction_is_met_and_the_seed_counts() -> None:
    ids = [f"p{i}" for i in range(2000)]
    drawn = [split_of(id, 0, 0.2) for id in ids]
    assert 340 < drawn.count("heldout") < 460
    assert drawn != [split_of(id, 1, 0.2) for id in ids]
