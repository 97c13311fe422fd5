"""List what concerns a campaign as a whole: an index over the few lines of the timeline without a task"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

WITHOUT_TASK = sa.text("task_id IS NULL")


def upgrade() -> None:
    columns = ["campaign_id", "created_at"]
    op.create_index(
        "ix_call_events_campaign", "call_events", columns, sqlite_where=WITHOUT_TASK, postgresql_where=WITHOUT_TASK
    )


def downgrade() -> None:
    op.drop_index("ix_call_events_campaign", table_name="call_events")
