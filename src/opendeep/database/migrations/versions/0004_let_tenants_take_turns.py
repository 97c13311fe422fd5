"""Let tenants take turns: indexes by which a fair claim, and what else runs every few seconds, skip the backlog"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FROM = "coalesce(next_attempt_at, updated_at)"
READY = f"(CASE WHEN lease_expires_at > {_FROM} THEN lease_expires_at ELSE {_FROM} END)"
READY_AT_ALL = f"coalesce(CASE WHEN lease_expires_at > {_FROM} THEN lease_expires_at END, {_FROM})"
ACTIVE = "status IN ('QUEUED_FOR_CALL', 'CALL_IN_PROGRESS', 'PENDING_ANALYSIS')"
OPEN = "status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')"

Indexes = dict[str, tuple[str, list[str], str | None]]  # by name: table, columns, condition

OLD: Indexes = {
    "ix_tasks_due": ("tasks", ["priority DESC", "next_attempt_at"], "status = 'SCHEDULED'"),
    "ix_tasks_waiting": ("tasks", ["next_attempt_at"], "status = 'SCHEDULED'"),
    "ix_tasks_open": ("tasks", ["campaign_id"], OPEN),
    "ix_tasks_leased": ("tasks", ["status", "lease_expires_at"], ACTIVE),
    "ix_tasks_user_id_status": ("tasks", ["user_id", "status"], None),
}
NEW: Indexes = {
    "ix_tasks_due": ("tasks", ["campaign_id", "priority DESC", READY], "status = 'SCHEDULED'"),
    "ix_tasks_waiting": ("tasks", ["campaign_id", READY_AT_ALL], "status = 'SCHEDULED'"),
    "ix_tasks_on_line": ("tasks", ["user_id", "campaign_id"], "status IN ('QUEUED_FOR_CALL', 'CALL_IN_PROGRESS')"),
    "ix_tasks_analysis": ("tasks", [READY], "status = 'PENDING_ANALYSIS'"),
    "ix_tasks_open": ("tasks", ["user_id", "updated_at"], OPEN),
    "ix_tasks_unfinished": ("tasks", ["campaign_id", "updated_at"], OPEN),
    "ix_tasks_campaign_id_status": ("tasks", ["campaign_id", "status"], None),
    "ix_campaigns_active": ("campaigns", ["user_id", "id"], "status = 'ACTIVE'"),
    "ix_feedback_requests_overdue": ("feedback_requests", ["expires_at"], "status = 'PENDING'"),
}


def upgrade() -> None:
    _exchange(OLD, NEW)


def downgrade() -> None:
    _exchange(NEW, OLD)


def _exchange(gone: Indexes, come: Indexes) -> None:
    for name, (table, _, _) in gone.items():
        op.drop_index(name, table_name=table)
    for name, (table, columns, where) in come.items():
        only = None if where is None else sa.text(where)
        parts = [column if column.isidentifier() else sa.text(column) for column in columns]
        op.create_index(name, table, parts, unique=False, sqlite_where=only, postgresql_where=only)
