"""List a campaign's tasks by the contact's name, a page at a time"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_tasks_campaign_id_contact_name", "tasks", ["campaign_id", "contact_name", "position"])


def downgrade() -> None:
    op.drop_index("ix_tasks_campaign_id_contact_name", table_name="tasks")
