"""Index what workers look for every few seconds, so that the backlog does not slow them"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_tasks_waiting": ("next_attempt_at", "status = 'SCHEDULED'"),
    "ix_tasks_queued": ("updated_at", "status = 'QUEUED_FOR_CALL'"),
    "ix_tasks_open": ("campaign_id", "status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')"),
}


def upgrade() -> None:
    for name, (column, where) in INDEXES.items():
        op.create_index(
            name, "tasks", [column], unique=False, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, table_name="tasks")
