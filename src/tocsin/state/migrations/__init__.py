"""The SQL database's steps from nothing to now, run by Alembic at the start."""
