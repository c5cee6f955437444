"""What stop rules said about the steps of a run."""

import sqlalchemy as sa
from alembic import op

from rather.store.migrations.columns import TEXT

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("run_id", TEXT, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("rule", TEXT, primary_key=True),
        sa.Column("severity", TEXT, nullable=False),
        sa.Column("sentence", TEXT, nullable=False),
    )
