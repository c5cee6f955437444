"""Facts about the workspace by name."""

from rather.store import meta
from rather.store.database import Database


def test_the_last_value_counts(db: Database) -> None:
    assert meta.get(db, "round") is None
    meta.put(db, "round", "1")
    meta.put(db, "round", "2")
    assert meta.get(db, "round") == "2"
