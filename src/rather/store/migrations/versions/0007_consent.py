"""Whether models may learn from a judgment."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    # not in a batch, which would drop a table that others refer to
    op.add_column(
        "judgments", sa.Column("has_consent", sa.Boolean, nullable=False, server_default=sa.true())
    )
    # Until now a judgment from use was only stored with consent, and taken back with it.
    judgments = sa.table(
        "judgments",
        sa.column("source", sa.Text),
        sa.column("is_retraction", sa.Boolean),
        sa.column("has_consent", sa.Boolean),
    )
    op.execute(
        judgments.update()
        .where(judgments.c.source == "use", judgments.c.is_retraction)
        .values(has_consent=sa.false())
    )
