"""Keys are known once; what is kept opens nothing."""

import pytest
from sqlalchemy import select

from rather.errors import DataError, UsageError
from rather.store.database import Database
from rather.store.schema import API_KEYS
from rather.store.serving import api_keys


def test_a_key_is_found_by_its_hash_and_not_kept(any_db: Database) -> None:
    key = api_keys.create(any_db, " Bob ", "client")
    assert key.startswith("rather-") and len(key) > 40
    (kept,) = api_keys.all(any_db)
    assert (kept.name, kept.role, kept.hash) == ("Bob", "client", api_keys.hash_of(key))
    assert kept.hash.startswith(kept.id)
    with any_db.read() as connection:
        row = connection.execute(select(API_KEYS)).mappings().one()
    assert key not in str(dict(row))


def test_a_closed_key_opens_nothing_and_its_name_is_free(any_db: Database) -> None:
    first = api_keys.create(any_db, "bob", "client")
    with pytest.raises(UsageError, match="There is a key named bob"):
        api_keys.create(any_db, "bob", "admin")
    api_keys.revoke(any_db, "bob")
    assert api_keys.all(any_db) == []
    with pytest.raises(DataError, match="no key named bob"):
        api_keys.revoke(any_db, "bob")
    second = api_keys.create(any_db, "bob", "admin")
    assert first != second
    assert [one.role for one in api_keys.all(any_db)] == ["admin"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 81])
def test_a_key_has_somebodys_name(any_db: Database, name: str) -> None:
    with pytest.raises(UsageError, match="1 to 80 characters"):
        api_keys.create(any_db, name, "client")


def test_odd_bytes_of_a_header_match_nothing(any_db: Database) -> None:
    assert api_keys.hash_of("\ud800") == api_keys.hash_of("?")
