"""The tables and their history say the same."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from rather.store.database import Database
from rather.store.schema import METADATA


def test_migrations_make_exactly_these_tables(db: Database) -> None:
    with db.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, METADATA) == []
