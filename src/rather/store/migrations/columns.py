"""Types of columns that are the same on every database."""

import sqlalchemy as sa

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text in the order of its bytes, which SQLite has by itself: the same rows come in the same order,
whatever language the server speaks."""
