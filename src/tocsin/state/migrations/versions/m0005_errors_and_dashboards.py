"""Projects, the issues of their errors, and dashboards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables of projects, of issues with their fingerprints and history, of dashboards."""
    op.create_table(
        "projects",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("name", name="uq_projects_name"),
    )
    _issues()
    _of_issues()
    _dashboards()


def _issues() -> None:
    op.create_table(
        "error_issues",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("project", sa.String(200), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("assignee", sa.String(200), nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("first_seen_at", sa.BigInteger, nullable=False),
        sa.Column("last_seen_at", sa.BigInteger, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_error_issues_last_seen", "error_issues", ["state", "last_seen_at"])
    op.create_index("ix_error_issues_project", "error_issues", ["project", "last_seen_at"])


def _of_issue(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    name = f"fk_{table}_issue_id"
    return (
        sa.Column("issue_id", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["error_issues.id"], name=name, ondelete="CASCADE"),
    )


def _of_issues() -> None:
    op.create_table(
        "error_prints",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("project", sa.String(200), nullable=False),
        *_of_issue("error_prints"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_error_prints"),
    )
    op.create_index("ix_error_prints_issue_id", "error_prints", ["issue_id"])
    op.create_table(
        "error_acts",
        sa.Column("id", sa.Integer, primary_key=True),
        *_of_issue("error_acts"),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_error_acts_issue_id", "error_acts", ["issue_id"])


def _dashboards() -> None:
    op.create_table(
        "dashboards",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uid", sa.String(80), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("updated_by", sa.String(200), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("uid", name="uq_dashboards_uid"),
    )
    op.create_table(
        "dashboard_versions",
        sa.Column("dashboard_id", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("dashboard_id", "version", name="pk_dashboard_versions"),
        sa.ForeignKeyConstraint(
            ["dashboard_id"],
            ["dashboards.id"],
            name="fk_dashboard_versions_dashboard_id",
            ondelete="CASCADE",
        ),
    )
