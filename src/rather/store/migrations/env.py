"""Alembic's entry: runs the migrations on the connection that `upgrade` hands over."""

from alembic import context

from rather.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # One transaction for everything: killed half-way, the old schema is still there.
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
