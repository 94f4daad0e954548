"""Which tables hold what people change? Times are milliseconds since the epoch, UTC."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _part_of(name: str, whole: str) -> Column[int]:
    """A column that names the row that this one belongs to, and with which it goes."""
    return Column(name, Integer, ForeignKey(whole, ondelete="CASCADE"), nullable=False, index=True)


USERS = Table(
    "users",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("email", String(320), nullable=False),
    Column("role", String(20), nullable=False),
    Column("password_hash", String(300), nullable=False),
    Column("must_change_password", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("hash", String(64), primary_key=True),
    _part_of("user_id", "users.id"),
    Column("csrf", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("ip", String(64), nullable=False),
    Column("agent", String(300), nullable=False),
)

TOKENS = Table(
    "tokens",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("prefix", String(80), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", String(200), nullable=False),
    Column("origins", Text, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
)

SETTINGS = Table(
    "settings",
    METADATA,
    Column("key", String(200), primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("updated_by", String(200), nullable=False),
)

PUSH_GROUPS = Table(
    "push_groups",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("key", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("who", String(200), nullable=False),
    Column("what", String(100), nullable=False),
    Column("target", String(300), nullable=False),
    Column("detail", Text, nullable=False),
    Column("ip", String(64), nullable=False),
    Index("ix_audit_at", "at"),
)


SHARED = "shared"
"""Says of a shelf, in its `info`, that several write to it."""


def _shelf(name: str, *, is_shared: bool = False) -> Table:
    """A table of things that only their owner understands; see `state.shelf`."""
    return Table(
        name,
        METADATA,
        Column("hash", String(64), primary_key=True),
        Column("content", LargeBinary, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        info={SHARED: is_shared},
    )


ALERTS = _shelf("alerts")
SILENCES = _shelf("silences")
NOTIFICATION_LOG = _shelf("notification_log")
ACKNOWLEDGEMENTS = _shelf("acknowledgements")
MAINTENANCE = _shelf("maintenance")
CHANNEL_MESSAGES = _shelf("channel_messages")
CHANNEL_STATES = _shelf("channel_states", is_shared=True)

NOTIFICATIONS = Table(
    "notifications",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("receiver", String(200), nullable=False, index=True),
    Column("integration", String(100), nullable=False),
    Column("state", String(20), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

NOTIFICATION_ALERTS = Table(
    "notification_alerts",
    METADATA,
    Column(
        "notification_id",
        Integer,
        ForeignKey("notifications.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("fingerprint", String(32), primary_key=True, index=True),
)

RECEIPTS = Table(
    "receipts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("fingerprint", String(32), nullable=False, index=True),
    Column("content", LargeBinary, nullable=False),
)

INCIDENTS = Table(
    "incidents",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("number", String(40), nullable=False, unique=True),
    Column("version", Integer, nullable=False),
    Column("status", String(20), nullable=False, index=True),
    Column("severity", String(40), nullable=False),
    Column("join_key", String(200), unique=True),
    Column("opened_at", BigInteger, nullable=False, index=True),
    Column("resolved_at", BigInteger, nullable=False),
    Column("words", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

INCIDENT_ENTRIES = Table(
    "incident_entries",
    METADATA,
    Column("id", Integer, primary_key=True),
    _part_of("incident_id", "incidents.id"),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

ATTACHMENTS = Table(
    "attachments",
    METADATA,
    Column("id", Integer, primary_key=True),
    _part_of("incident_id", "incidents.id"),
    Column("kind", String(40), nullable=False),
    Column("name", String(200), nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("size", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

POSTMORTEMS = Table(
    "postmortems",
    METADATA,
    Column(
        "incident_id", Integer, ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("version", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("words", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

ACTION_ITEMS = Table(
    "action_items",
    METADATA,
    Column("id", Integer, primary_key=True),
    _part_of("incident_id", "incidents.id"),
    Column("version", Integer, nullable=False),
    Column("owner", String(200), nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("due_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

ERRANDS = Table(
    "errands",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("key", String(300), nullable=False, unique=True),
    Column("subject", String(200), nullable=False, index=True),
    Column("due_at", BigInteger, nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claimed_by", String(100), nullable=False),
    Column("claimed_until", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("ix_errands_due", "state", "due_at"),
)

ONCALL_NOTES = _shelf("oncall_notes", is_shared=True)
STATUS_NOTES = _shelf("status_notes", is_shared=True)

STATUS_DAYS = Table(
    "status_days",
    METADATA,
    Column("component", String(200), primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("updated_at", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

STATUS_SUBSCRIBERS = Table(
    "status_subscribers",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("address_hash", String(64), nullable=False, unique=True),
    Column("state", String(20), nullable=False, index=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

PROJECTS = Table(
    "projects",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("content", LargeBinary, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

ERROR_ISSUES = Table(
    "error_issues",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("project", String(200), nullable=False),
    Column("state", String(20), nullable=False),
    Column("assignee", String(200), nullable=False),
    Column("level", Integer, nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger, nullable=False),
    Column("words", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("ix_error_issues_last_seen", "state", "last_seen_at"),
    Index("ix_error_issues_project", "project", "last_seen_at"),
)

ERROR_PRINTS = Table(
    "error_prints",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("project", String(200), nullable=False),
    _part_of("issue_id", "error_issues.id"),
    Column("created_at", BigInteger, nullable=False),
)

ERROR_ACTS = Table(
    "error_acts",
    METADATA,
    Column("id", Integer, primary_key=True),
    _part_of("issue_id", "error_issues.id"),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("author", String(200), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

DASHBOARDS = Table(
    "dashboards",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("uid", String(80), nullable=False, unique=True),
    Column("version", Integer, nullable=False),
    Column("title", String(200), nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("updated_by", String(200), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

DASHBOARD_VERSIONS = Table(
    "dashboard_versions",
    METADATA,
    Column(
        "dashboard_id",
        Integer,
        ForeignKey("dashboards.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("version", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("author", String(200), nullable=False),
    Column("note", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
