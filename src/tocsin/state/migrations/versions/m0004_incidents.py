"""Incidents, what must be done about them, who is on call, and the status page."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels = None
depends_on = None

_SHELVES = ("oncall_notes", "status_notes")
_OF_INCIDENTS = ("incident_entries", "attachments", "postmortems", "action_items")


def upgrade() -> None:
    """Tables of incidents and what belongs to them, of errands, of calls, of the status page."""
    _incidents()
    _entries()
    _attachments()
    _afterwards()
    _errands()
    for name in _SHELVES:
        op.create_table(
            name,
            sa.Column("hash", sa.String(64), nullable=False),
            sa.Column("content", sa.LargeBinary, nullable=False),
            sa.Column("updated_at", sa.BigInteger, nullable=False),
            sa.PrimaryKeyConstraint("hash", name=f"pk_{name}"),
        )
    _status_page()


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("severity", sa.String(40), nullable=False),
        sa.Column("join_key", sa.String(200)),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("resolved_at", sa.BigInteger, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("number", name="uq_incidents_number"),
        sa.UniqueConstraint("join_key", name="uq_incidents_join_key"),
    )
    op.create_index("ix_incidents_status", "incidents", ["status"])
    op.create_index("ix_incidents_opened_at", "incidents", ["opened_at"])


def _of_incident(table: str, *, is_key: bool = False) -> tuple[sa.schema.SchemaItem, ...]:
    name = f"fk_{table}_incident_id"
    return (
        sa.Column("incident_id", sa.Integer, primary_key=is_key, nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=name, ondelete="CASCADE"),
    )


def _entries() -> None:
    op.create_table(
        "incident_entries",
        sa.Column("id", sa.Integer, primary_key=True),
        *_of_incident("incident_entries"),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_incident_entries_incident_id", "incident_entries", ["incident_id"])


def _attachments() -> None:
    op.create_table(
        "attachments",
        sa.Column("id", sa.Integer, primary_key=True),
        *_of_incident("attachments"),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_attachments_incident_id", "attachments", ["incident_id"])


def _afterwards() -> None:
    op.create_table(
        "postmortems",
        *_of_incident("postmortems", is_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "action_items",
        sa.Column("id", sa.Integer, primary_key=True),
        *_of_incident("action_items"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_action_items_incident_id", "action_items", ["incident_id"])
    op.create_index("ix_action_items_state", "action_items", ["state"])


def _errands() -> None:
    op.create_table(
        "errands",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("key", sa.String(300), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("claimed_by", sa.String(100), nullable=False),
        sa.Column("claimed_until", sa.BigInteger, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("key", name="uq_errands_key"),
    )
    op.create_index("ix_errands_subject", "errands", ["subject"])
    op.create_index("ix_errands_due", "errands", ["state", "due_at"])


def _status_page() -> None:
    op.create_table(
        "status_days",
        sa.Column("component", sa.String(200), nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("component", "day", name="pk_status_days"),
    )
    op.create_table(
        "status_subscribers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("address_hash", name="uq_status_subscribers_address_hash"),
        sa.UniqueConstraint("token_hash", name="uq_status_subscribers_token_hash"),
    )
    op.create_index("ix_status_subscribers_state", "status_subscribers", ["state"])


def downgrade() -> None:
    """Without them."""
    tables = (*_OF_INCIDENTS, "incidents", "errands", *_SHELVES, "status_days")
    for name in (*tables, "status_subscribers"):
        op.drop_table(name)
