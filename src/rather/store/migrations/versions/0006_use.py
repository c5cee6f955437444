"""What the API gave, and what its users said about it."""

import sqlalchemy as sa
from alembic import op

from rather.store.migrations.columns import TEXT

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "served",
        # SQLite numbers rows by itself only where the type is spelt INTEGER.
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("id", TEXT, nullable=False, unique=True),
        sa.Column("client", TEXT, nullable=False, index=True),
        sa.Column("asked", TEXT, nullable=False),
        sa.Column("model", TEXT, nullable=False),
        sa.Column("question", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False, index=True),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("sampling", sa.JSON, nullable=False),
        sa.Column("finish_reason", TEXT, nullable=False),
        sa.Column("num_tokens", sa.Integer, nullable=False),
        sa.Column("messages", sa.JSON, nullable=False),
        sa.Column("text", TEXT, nullable=True),
        sa.Column("redactions", sa.JSON, nullable=False),
    )
    op.create_table(
        "reactions",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("id", TEXT, nullable=False, unique=True),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("client", TEXT, nullable=False, index=True),
        sa.Column("asked", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False, index=True),
        sa.Column("served_ids", sa.JSON, nullable=False),
        sa.Column("models", sa.JSON, nullable=False),
        sa.Column("ranks", sa.JSON, nullable=False),
        sa.Column("has_consent", sa.Boolean, nullable=False),
        sa.Column("judgment_id", TEXT, sa.ForeignKey("judgments.id"), nullable=True),
        sa.Column("idempotency_key", TEXT, nullable=False, unique=True),
        sa.Column("request", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
    )
