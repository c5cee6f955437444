"""Rounds with where they stand, and the questions that were chosen to be asked."""

import sqlalchemy as sa
from alembic import op

from rather.store.migrations.columns import TEXT

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "questions",
        # SQLite numbers rows by itself only where the type is spelt INTEGER.
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("item", TEXT, nullable=False, unique=True),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("prompt_id", TEXT, sa.ForeignKey("prompts.id"), nullable=False),
        sa.Column("is_random", sa.Boolean, nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("chosen_at", TEXT, nullable=False),
    )
    op.create_table(
        "rounds",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("start", TEXT, nullable=False),
        sa.Column("judgments_before", sa.BigInteger, nullable=False),
        sa.Column("judgments_until", sa.BigInteger, nullable=True),
        sa.Column("done", sa.JSON, nullable=False),
        sa.Column("policy", TEXT, nullable=True),
        sa.Column("why", TEXT, nullable=False),
        sa.Column("started_at", TEXT, nullable=False),
        sa.Column("finished_at", TEXT, nullable=True),
    )
