"""Remember what the gate before dialling asks: addresses, promises, reasons told, calls by number"""

import sqlalchemy as sa
from alembic import op

from opendeep.database.models import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tasks", sa.Column("address", sa.Text(), nullable=True))
    op.add_column("tasks", sa.Column("promised_at", UtcDateTime(), nullable=True))
    op.add_column("tasks", sa.Column("refused_for", sa.String(32), nullable=True))
    op.add_column("feedback_requests", sa.Column("sets", sa.String(20), nullable=True))
    op.create_index("ix_calls_phone_number_created_at", "calls", ["phone_number", "created_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_calls_phone_number_created_at", table_name="calls")
    op.drop_column("feedback_requests", "sets")
    op.drop_column("tasks", "refused_for")
    op.drop_column("tasks", "promised_at")
    op.drop_column("tasks", "address")
