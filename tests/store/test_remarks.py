"""Remarks: events with keys; what was withdrawn no longer counts."""

from dataclasses import replace

import pytest

from rather.errors import DataError
from rather.records import Remark
from rather.store import remarks
from rather.store.database import Database

SKIP = Remark("r1", "skip", "pair:a-b", "ann", "broken", "", "2026", "ann:k1")
BACK = Remark("r2", "withdrawal", "pair:a-b", "ann", "", "", "2026", "ann:k2", supersedes="r1")


def test_a_key_has_its_effect_once(ready: Database) -> None:
    assert remarks.record(ready, SKIP) == (SKIP, False)
    assert remarks.record(ready, replace(SKIP, id="r9")) == (SKIP, True)
    assert remarks.all(ready) == [SKIP]
    assert remarks.by_key(ready, "ann:k1") == SKIP
    assert remarks.by_key(ready, "bob:k1") is None


def test_what_was_withdrawn_does_not_count(ready: Database) -> None:
    flag = replace(SKIP, id="r3", what="flag", idempotency_key="ann:k3")
    for one in (SKIP, BACK, flag):
        remarks.record(ready, one)
    assert remarks.live(remarks.all(ready)) == [flag]
    with pytest.raises(DataError, match=r"The remark r1 was withdrawn already\."):
        remarks.record(ready, replace(BACK, id="r4", idempotency_key="ann:k4"))


def test_new_ones_are_those_after_a_number(ready: Database) -> None:
    remarks.record(ready, SKIP)
    remarks.record(ready, BACK)
    with ready.read() as connection:
        assert remarks.after(connection, 1) == [BACK]
