"""What a team of labellers needs: who was shown what, remarks, drafts, guidelines, answers."""

import sqlalchemy as sa
from alembic import op

from rather.store.migrations.columns import TEXT

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _add_columns()
    _make_assignments()
    _make_remarks()
    op.create_table(
        "drafts",
        sa.Column("labeller_id", TEXT, sa.ForeignKey("labellers.id"), primary_key=True),
        sa.Column("item", TEXT, primary_key=True),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("updated_at", TEXT, nullable=False),
    )
    op.create_table(
        "guidelines",
        sa.Column("hash", TEXT, primary_key=True),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
    )
    op.create_table(
        "glimpses",
        sa.Column("run_id", TEXT, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("prompt_id", TEXT, sa.ForeignKey("prompts.id"), primary_key=True),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("num_tokens", sa.Integer, nullable=False),
        sa.Column("finish_reason", TEXT, nullable=False),
        sa.Column("score", sa.Float, nullable=True),
        sa.Column("kl", sa.Float, nullable=True),
    )


def _add_columns() -> None:
    with op.batch_alter_table("judgments") as table:
        table.add_column(sa.Column("comment", TEXT, nullable=False, server_default=""))
    with op.batch_alter_table("labellers") as table:
        table.add_column(sa.Column("paused", TEXT, nullable=False, server_default=""))


def _make_assignments() -> None:
    op.create_table(
        "assignments",
        _seq(),
        sa.Column("item", TEXT, nullable=False, index=True),
        sa.Column("labeller_id", TEXT, sa.ForeignKey("labellers.id"), nullable=False),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("prompt_id", TEXT, sa.ForeignKey("prompts.id"), nullable=False),
        sa.Column("completion_ids", sa.JSON, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("expires_at", TEXT, nullable=False),
        sa.UniqueConstraint("labeller_id", "item", "purpose"),
    )


def _make_remarks() -> None:
    op.create_table(
        "remarks",
        _seq(),
        sa.Column("id", TEXT, nullable=False, unique=True),
        sa.Column("what", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False, index=True),
        sa.Column("labeller_id", TEXT, sa.ForeignKey("labellers.id"), nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("comment", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("idempotency_key", TEXT, nullable=False, unique=True),
        sa.Column("supersedes", TEXT, sa.ForeignKey("remarks.id"), unique=True),
    )


def _seq() -> sa.Column[int]:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column("seq", number, primary_key=True)
