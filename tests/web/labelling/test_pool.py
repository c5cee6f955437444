"""Finding an open item: few people first, any order of opening and closing."""

from hypothesis import given
from hypothesis import strategies as st

from rather.feedback.assignment import Item
from rather.web.labelling.pool import NUM_PROBES, Bucket, Pool


def pool_of(*names: str) -> Pool:
    pool = Pool()
    for name in names:
        pool.items[name] = Item(name, "pair", "p", ())
    return pool


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcdefgh"))))
def test_a_bucket_holds_what_was_put_in(steps: list[tuple[bool, str]]) -> None:
    bucket, model = Bucket(), set()
    for is_added, name in steps:
        if is_added and name not in model:
            bucket.add(name)
            model.add(name)
        elif not is_added and name in model:
            bucket.remove(name)
            model.remove(name)
    assert sorted(bucket.all("seed")) == sorted(model)
    assert sorted(bucket.probes("seed")) == sorted(model)
    assert len(bucket) == len(model)


def test_many_are_only_probed() -> None:
    bucket = Bucket()
    for number in range(1000):
        bucket.add(str(number))
    probes = list(bucket.probes("ann:1"))
    assert len(probes) == NUM_PROBES
    assert probes == list(bucket.probes("ann:1"))
    assert len({*probes} & {*bucket.probes("bob:1")}) < 10
    assert sorted(bucket.all("ann:1"), key=int) == [str(number) for number in range(1000)]


def test_those_that_fewest_people_have_come_first() -> None:
    pool = pool_of("a", "b", "c")
    pool.open("a", 2, True)
    pool.open("b", 1, False)
    pool.open("c", 0, False)
    picked = []
    while (item := pool.pick("s", lambda name: True, False)) is not None:
        picked.append(item.name)
        pool.close(item.name)
    assert picked == ["c", "b", "a"]
    assert pool.num_open == 0


def test_a_shared_one_that_was_begun_can_come_first() -> None:
    pool = pool_of("a", "b")
    pool.open("a", 1, True)
    pool.open("b", 0, False)
    first = pool.pick("s", lambda name: True, True)
    assert first is not None
    assert first.name == "a"
    other = pool.pick("s", lambda name: name != "a", True)
    assert other is not None
    assert other.name == "b"


def test_the_one_free_item_among_many_is_found() -> None:
    names = [str(number) for number in range(500)]
    pool = pool_of(*names)
    for name in names:
        pool.open(name, 0, False)
    found = pool.pick("s", lambda name: name == "377", False)
    assert found is not None
    assert found.name == "377"
    assert pool.pick("s", lambda name: False, False) is None


def test_opening_again_moves() -> None:
    pool = pool_of("a")
    for num_people in (0, 1, 1, 0):
        pool.open("a", num_people, False)
        assert pool.num_open == 1
    pool.close("a")
    pool.close("a")
    assert not pool.is_open("a")


def test_what_somebody_waits_for_comes_before_all() -> None:
    pool = pool_of("a", "b")
    pool.items["c"] = Item("c", "pair", "p", (), is_awaited=True)
    pool.open("a", 0, False)
    pool.open("b", 1, True)
    pool.open("c", 2, False)
    first = pool.pick("s", lambda name: True, True)
    assert first is not None
    assert first.name == "c"
    pool.close("c")
    then = pool.pick("s", lambda name: True, True)
    assert then is not None
    assert then.name == "b"
