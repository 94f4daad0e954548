"""Acknowledgements, maintenance, decisions about alerts, and what was told to whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels = None
depends_on = None

_SHELVES = ("acknowledgements", "maintenance", "channel_messages", "channel_states")


def upgrade() -> None:
    """Four shelves, and three tables that are asked by time and by alert."""
    for name in _SHELVES:
        op.create_table(
            name,
            sa.Column("hash", sa.String(64), nullable=False),
            sa.Column("content", sa.LargeBinary, nullable=False),
            sa.Column("updated_at", sa.BigInteger, nullable=False),
            sa.PrimaryKeyConstraint("hash", name=f"pk_{name}"),
        )
    op.create_table(
        "notifications",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("receiver", sa.String(200), nullable=False),
        sa.Column("integration", sa.String(100), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_notifications_at", "notifications", ["at"])
    op.create_index("ix_notifications_receiver", "notifications", ["receiver"])
    op.create_table(
        "notification_alerts",
        sa.Column("notification_id", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("notification_id", "fingerprint", name="pk_notification_alerts"),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notifications.id"],
            name="fk_notification_alerts_notification_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_notification_alerts_fingerprint", "notification_alerts", ["fingerprint"])
    op.create_table(
        "receipts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", sa.String(32), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_receipts_at", "receipts", ["at"])
    op.create_index("ix_receipts_fingerprint", "receipts", ["fingerprint"])


def downgrade() -> None:
    """Without them."""
    for name in ("notification_alerts", "notifications", "receipts", *_SHELVES):
        op.drop_table(name)
