"""The first schema."""

import sqlalchemy as sa
from alembic import op

from rather.store.migrations.columns import TEXT

revision = "0001"
down_revision = None


def _seq() -> sa.Column[int]:
    return sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)


def _text(name: str, *, nullable: bool = False, unique: bool = False) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=nullable, unique=unique)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON, nullable=False)


def _reference(name: str, target: str, *, index: bool = True) -> sa.Column[str]:
    return sa.Column(name, TEXT, sa.ForeignKey(target), nullable=False, index=index)


def upgrade() -> None:
    _create_what_is_asked()
    _create_what_is_said()
    _create_what_is_trained()
    _create_who_may_enter()


def _create_what_is_asked() -> None:
    op.create_table(
        "prompts",
        _seq(),
        _text("id", unique=True),
        _json("messages"),
        _text("split"),
        sa.Column("is_text", sa.Boolean, nullable=False),
        _text("source"),
        _json("tags"),
    )
    op.create_table(
        "completions",
        _seq(),
        _text("id", unique=True),
        _reference("prompt_id", "prompts.id"),
        _text("text"),
        _text("model"),
        _json("sampling"),
        sa.Column("seed", sa.BigInteger, nullable=False),
        _text("finish_reason"),
        sa.Column("num_tokens", sa.Integer, nullable=False),
    )


def _create_what_is_said() -> None:
    op.create_table(
        "labellers",
        _seq(),
        _text("id", unique=True),
        _text("name"),
        sa.Column("is_simulated", sa.Boolean, nullable=False),
        _text("role"),
        _json("settings"),
    )
    op.create_table(
        "judgments",
        _seq(),
        _text("id", unique=True),
        _text("kind"),
        _reference("prompt_id", "prompts.id"),
        _reference("labeller_id", "labellers.id"),
        _json("answer"),
        _text("created_at"),
        _text("idempotency_key", unique=True),
        sa.Column("is_simulated", sa.Boolean, nullable=False),
        _text("source"),
        _text("guidelines_hash"),
        sa.Column("ms_to_decision", sa.BigInteger),
        sa.Column("supersedes", TEXT, sa.ForeignKey("judgments.id"), unique=True),
        sa.Column("is_retraction", sa.Boolean, nullable=False),
    )


def _create_what_is_trained() -> None:
    op.create_table(
        "versions",
        _seq(),
        _text("name", unique=True),
        _text("stage"),
        _text("base"),
        _json("parents"),
        _text("run_id"),
        _text("path"),
        _text("created_at"),
        _json("metrics"),
        _json("provenance"),
    )
    op.create_table(
        "runs",
        _seq(),
        _text("id", unique=True),
        _text("stage"),
        _json("config"),
        _text("data_digest"),
        _text("status"),
        _text("started_at"),
        _text("finished_at", nullable=True),
        _text("message"),
    )
    op.create_table(
        "metrics",
        sa.Column("run_id", TEXT, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("value", sa.Float),
    )


def _create_who_may_enter() -> None:
    op.create_table("meta", sa.Column("name", TEXT, primary_key=True), _text("value"))
    op.create_table(
        "login_tokens",
        sa.Column("hash", TEXT, primary_key=True),
        _reference("labeller_id", "labellers.id", index=False),
        _text("expires_at"),
        _text("used_at", nullable=True),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", TEXT, primary_key=True),
        _reference("labeller_id", "labellers.id", index=False),
        _text("created_at"),
        _text("revoked_at", nullable=True),
    )
