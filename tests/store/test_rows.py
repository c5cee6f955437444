"""Ids in statements of bounded size."""

from rather.store.rows import chunks, fields


def test_chunks_hold_each_value_once() -> None:
    parts = list(chunks([str(i % 1500) for i in range(4000)]))
    assert [len(part) for part in parts] == [1000, 500]
    assert list(chunks([])) == []


def test_fields_leave_the_sequence_out() -> None:
    assert fields({"seq": 3, "id": "a"}) == {"id": "a"}
