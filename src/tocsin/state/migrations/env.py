"""Alembic runs this file with the connection that `state.database` opened."""

from __future__ import annotations

from alembic import context

# One transaction around all steps: an interrupted start leaves the database as it was.
context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
