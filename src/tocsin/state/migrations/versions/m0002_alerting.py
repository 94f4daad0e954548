"""Alerts, silences and the log of notifications."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels = None
depends_on = None

_TABLES = ("alerts", "silences", "notification_log")


def upgrade() -> None:
    """Three shelves."""
    for name in _TABLES:
        op.create_table(
            name,
            sa.Column("hash", sa.String(64), nullable=False),
            sa.Column("content", sa.LargeBinary, nullable=False),
            sa.Column("updated_at", sa.BigInteger, nullable=False),
            sa.PrimaryKeyConstraint("hash", name=f"pk_{name}"),
        )


def downgrade() -> None:
    """Without them."""
    for name in _TABLES:
        op.drop_table(name)
