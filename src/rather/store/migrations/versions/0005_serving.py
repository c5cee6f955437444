"""Aliases of versions, switch by switch, and the keys of the API's clients."""

import sqlalchemy as sa
from alembic import op

from rather.store.migrations.columns import TEXT

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # SQLite numbers rows by itself only where the type is spelt INTEGER.
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "alias_switches",
        sa.Column("seq", number, primary_key=True),
        sa.Column("alias", TEXT, nullable=False),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("before", sa.BigInteger, nullable=True),
        sa.Column("is_rollback", sa.Boolean, nullable=False),
        sa.Column("switched_at", TEXT, nullable=False),
        sa.Column("switched_by", TEXT, nullable=False),
    )
    op.create_index("ix_alias_switches_alias", "alias_switches", ["alias"])
    op.create_table(
        "api_keys",
        sa.Column("seq", number, primary_key=True),
        sa.Column("hash", TEXT, nullable=False, unique=True),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("revoked_at", TEXT, nullable=True),
    )
