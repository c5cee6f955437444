"""The tables of a workspace's database.

Every table that is read in order has `seq`, so reading back is deterministic whatever the clock
did. The history of this schema is `migrations/versions`; a test holds the two together.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    Table,
    UniqueConstraint,
    true,
)

from rather.store.engines.columns import METADATA, Document, Words
from rather.store.engines.columns import seq as _seq
from rather.store.engines.columns import words as _words
from rather.store.use.tables import REACTIONS, SERVED

HEAD = "0007"
"""The newest migration, which is the schema version this code reads and writes."""
# Those of use stand in a room of their own; who has METADATA from here has them too.
__all__ = ["METADATA", "REACTIONS", "SERVED"]

PROMPTS = Table(
    "prompts",
    METADATA,
    _seq(),
    _words("id", unique=True),
    Column("messages", Document, nullable=False),
    _words("split"),
    Column("is_text", Boolean, nullable=False),
    _words("source"),
    Column("tags", Document, nullable=False),
)

COMPLETIONS = Table(
    "completions",
    METADATA,
    _seq(),
    _words("id", unique=True),
    Column("prompt_id", Words, ForeignKey("prompts.id"), nullable=False, index=True),
    _words("text"),
    _words("model"),
    Column("sampling", Document, nullable=False),
    Column("seed", BigInteger, nullable=False),
    _words("finish_reason"),
    Column("num_tokens", Integer, nullable=False),
)

LABELLERS = Table(
    "labellers",
    METADATA,
    _seq(),
    _words("id", unique=True),
    _words("name"),
    Column("is_simulated", Boolean, nullable=False),
    _words("role"),
    Column("settings", Document, nullable=False),
    # Why this person is asked nothing for now; empty while they are.
    Column("paused", Words, nullable=False, server_default=""),
)

JUDGMENTS = Table(
    "judgments",
    METADATA,
    _seq(),
    _words("id", unique=True),
    _words("kind"),
    Column("prompt_id", Words, ForeignKey("prompts.id"), nullable=False, index=True),
    Column("labeller_id", Words, ForeignKey("labellers.id"), nullable=False, index=True),
    Column("answer", Document, nullable=False),
    _words("created_at"),
    _words("idempotency_key", unique=True),
    Column("is_simulated", Boolean, nullable=False),
    _words("source"),
    _words("guidelines_hash"),
    Column("ms_to_decision", BigInteger),
    # Unique, so that two edits of one event cannot both count.
    Column("supersedes", Words, ForeignKey("judgments.id"), unique=True),
    Column("is_retraction", Boolean, nullable=False),
    Column("comment", Words, nullable=False, server_default=""),
    # Nothing learns from a judgment without it.
    Column("has_consent", Boolean, nullable=False, server_default=true()),
)

ASSIGNMENTS = Table(
    "assignments",
    METADATA,
    _seq(),
    Column("item", Words, nullable=False, index=True),
    Column("labeller_id", Words, ForeignKey("labellers.id"), nullable=False),
    _words("purpose"),
    _words("kind"),
    Column("prompt_id", Words, ForeignKey("prompts.id"), nullable=False),
    # As shown: left before right, top before bottom.
    Column("completion_ids", Document, nullable=False),
    _words("created_at"),
    _words("expires_at"),
    UniqueConstraint("labeller_id", "item", "purpose"),
)

REMARKS = Table(
    "remarks",
    METADATA,
    _seq(),
    _words("id", unique=True),
    _words("what"),
    Column("item", Words, nullable=False, index=True),
    Column("labeller_id", Words, ForeignKey("labellers.id"), nullable=False),
    _words("reason"),
    _words("comment"),
    _words("created_at"),
    _words("idempotency_key", unique=True),
    Column("supersedes", Words, ForeignKey("remarks.id"), unique=True),
)

DRAFTS = Table(
    "drafts",
    METADATA,
    Column("labeller_id", Words, ForeignKey("labellers.id"), primary_key=True),
    Column("item", Words, primary_key=True),
    Column("content", Document, nullable=False),
    _words("updated_at"),
)

GUIDELINES = Table(
    "guidelines",
    METADATA,
    Column("hash", Words, primary_key=True),
    _words("text"),
    _words("created_at"),
)

VERSIONS = Table(
    "versions",
    METADATA,
    _seq(),
    _words("name", unique=True),
    _words("stage"),
    _words("base"),
    Column("parents", Document, nullable=False),
    _words("run_id"),
    _words("path"),
    _words("created_at"),
    Column("metrics", Document, nullable=False),
    Column("provenance", Document, nullable=False),
)

RUNS = Table(
    "runs",
    METADATA,
    _seq(),
    _words("id", unique=True),
    _words("stage"),
    Column("config", Document, nullable=False),
    _words("data_digest"),
    _words("status"),
    _words("started_at"),
    _words("finished_at", nullable=True),
    _words("message"),
)

METRICS = Table(
    "metrics",
    METADATA,
    Column("run_id", Words, ForeignKey("runs.id"), primary_key=True),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Words, primary_key=True),
    # NULL is not-a-number, which SQLite cannot keep.
    Column("value", Float, nullable=True),
)

ALARMS = Table(
    "alarms",
    METADATA,
    Column("run_id", Words, ForeignKey("runs.id"), primary_key=True),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("rule", Words, primary_key=True),
    _words("severity"),
    _words("sentence"),
)

GLIMPSES = Table(
    "glimpses",
    METADATA,
    Column("run_id", Words, ForeignKey("runs.id"), primary_key=True),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("prompt_id", Words, ForeignKey("prompts.id"), primary_key=True),
    _words("text"),
    Column("num_tokens", Integer, nullable=False),
    _words("finish_reason"),
    Column("score", Float, nullable=True),
    Column("kl", Float, nullable=True),
)

QUESTIONS = Table(
    "questions",
    METADATA,
    _seq(),
    _words("item", unique=True),
    _words("kind"),
    Column("prompt_id", Words, ForeignKey("prompts.id"), nullable=False),
    Column("is_random", Boolean, nullable=False),
    Column("reasons", Document, nullable=False),
    _words("chosen_at"),
)

ROUNDS = Table(
    "rounds",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    _words("status"),
    _words("start"),
    # Sequence numbers of judgments: the last one before the round, and the last it learns from.
    Column("judgments_before", BigInteger, nullable=False),
    Column("judgments_until", BigInteger),
    Column("done", Document, nullable=False),
    _words("policy", nullable=True),
    _words("why"),
    _words("started_at"),
    _words("finished_at", nullable=True),
)

ALIAS_SWITCHES = Table(
    "alias_switches",
    METADATA,
    _seq(),
    Column("alias", Words, nullable=False, index=True),
    # What it meant from then on; the newest row of an alias is in force.
    _words("version"),
    # The switch that a rollback returns to; NULL where there is none.
    Column("before", BigInteger),
    Column("is_rollback", Boolean, nullable=False),
    _words("switched_at"),
    _words("switched_by"),
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    _seq(),
    _words("hash", unique=True),
    _words("name"),
    _words("role"),
    _words("created_at"),
    _words("revoked_at", nullable=True),
)

META = Table(
    "meta",
    METADATA,
    Column("name", Words, primary_key=True),
    _words("value"),
)

LOGIN_TOKENS = Table(
    "login_tokens",
    METADATA,
    Column("hash", Words, primary_key=True),
    Column("labeller_id", Words, ForeignKey("labellers.id"), nullable=False),
    _words("expires_at"),
    _words("used_at", nullable=True),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("hash", Words, primary_key=True),
    Column("labeller_id", Words, ForeignKey("labellers.id"), nullable=False),
    _words("created_at"),
    _words("revoked_at", nullable=True),
)
