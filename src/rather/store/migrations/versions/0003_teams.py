"""What a team of labellers needs: who was shown what, remarks, drafts, guidelines, answers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _add_columns()
    _make_assignments()
    _make_remarks()
    op.create_table(
        "drafts",
        sa.Column("labeller_id", sa.Text, sa.ForeignKey("labellers.id"), primary_key=True),
        sa.Column("item", sa.Text, primary_key=True),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("updated_at", sa.Text, nullable=False),
    )
    op.create_table(
        "guidelines",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
    )
    op.create_table(
        "glimpses",
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("prompt_id", sa.Text, sa.ForeignKey("prompts.id"), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("num_tokens", sa.Integer, nullable=False),
        sa.Column("finish_reason", sa.Text, nullable=False),
        sa.Column("score", sa.Float, nullable=True),
        sa.Column("kl", sa.Float, nullable=True),
    )


def _add_columns() -> None:
    with op.batch_alter_table("judgments") as table:
        table.add_column(sa.Column("comment", sa.Text, nullable=False, server_default=""))
    with op.batch_alter_table("labellers") as table:
        table.add_column(sa.Column("paused", sa.Text, nullable=False, server_default=""))


def _make_assignments() -> None:
    op.create_table(
        "assignments",
        _seq(),
        sa.Column("item", sa.Text, nullable=False, index=True),
        sa.Column("labeller_id", sa.Text, sa.ForeignKey("labellers.id"), nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("prompt_id", sa.Text, sa.ForeignKey("prompts.id"), nullable=False),
        sa.Column("completion_ids", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("expires_at", sa.Text, nullable=False),
        sa.UniqueConstraint("labeller_id", "item", "purpose"),
    )


def _make_remarks() -> None:
    op.create_table(
        "remarks",
        _seq(),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("item", sa.Text, nullable=False, index=True),
        sa.Column("labeller_id", sa.Text, sa.ForeignKey("labellers.id"), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.Text, nullable=False, unique=True),
        sa.Column("supersedes", sa.Text, sa.ForeignKey("remarks.id"), unique=True),
    )


def _seq() -> sa.Column[int]:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column("seq", number, primary_key=True)
