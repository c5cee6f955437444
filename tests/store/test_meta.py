"""Facts about the workspace by name."""

from rather.store import meta
from rather.store.database import Database


def test_the_last_value_counts(db: Database) -> None:
    assert meta.get(db, "round") is None
    meta.put(db, "round", "1")
    meta.put(db, "round", "2")
    assert meta.get(db, "round") == "2"


def test_names_that_begin_alike(db: Database) -> None:
    for name in ("after: ann", "after: b%b", "aftr: x", "before: ann"):
        meta.put(db, name, f"of {name}")
    with db.read() as connection:
        found = meta.beginning(connection, "after: ")
    assert found == {"ann": "of after: ann", "b%b": "of after: b%b"}
