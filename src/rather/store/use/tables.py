"""The tables of use: what the API gave, and what its users said about it."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, Table

from rather.store.engines.columns import METADATA, Document, Words, seq, words

SERVED = Table(
    "served",
    METADATA,
    seq(),
    words("id", unique=True),
    Column("client", Words, nullable=False, index=True),
    words("asked"),
    words("model"),
    words("question"),
    # Found by age when it is time to delete it.
    Column("created_at", Words, nullable=False, index=True),
    Column("seed", BigInteger, nullable=False),
    Column("sampling", Document, nullable=False),
    words("finish_reason"),
    Column("num_tokens", Integer, nullable=False),
    Column("messages", Document, nullable=False),
    words("text", nullable=True),
    Column("redactions", Document, nullable=False),
)

REACTIONS = Table(
    "reactions",
    METADATA,
    seq(),
    words("id", unique=True),
    words("kind"),
    Column("client", Words, nullable=False, index=True),
    words("asked"),
    # `Reaction.item`, to find what was said of it before.
    Column("item", Words, nullable=False, index=True),
    # No foreign keys: what was served is deleted before what was said about it.
    Column("served_ids", Document, nullable=False),
    Column("models", Document, nullable=False),
    Column("ranks", Document, nullable=False),
    Column("has_consent", Boolean, nullable=False),
    Column("judgment_id", Words, ForeignKey("judgments.id")),
    words("idempotency_key", unique=True),
    words("request"),
    words("created_at"),
)
