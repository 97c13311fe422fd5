"""Keep the pace of trunks and the turns of caller IDs"""

import sqlalchemy as sa
from alembic import op

from opendeep.database.models import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

LIVE = sa.text("status IN ('INITIATED', 'DIALING', 'RINGING', 'IN_PROGRESS')")


def upgrade() -> None:
    op.create_table(
        "trunks",
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("tokens", sa.Double(), nullable=True),
        sa.Column("tokens_at", UtcDateTime(), nullable=True),
        sa.Column("breaker", sa.String(12), nullable=False),
        sa.Column("recent", sa.String(40), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("paused", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_trunks")),
        sa.CheckConstraint("breaker IN ('CLOSED', 'OPEN', 'HALF_OPEN')", name=op.f("ck_trunks_breaker")),
    )
    op.create_table(
        "caller_ids",
        sa.Column("trunk", sa.String(60), nullable=False),
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("trunk", "number", name=op.f("pk_caller_ids")),
    )
    op.add_column("calls", sa.Column("trunk", sa.String(60), nullable=True))
    op.create_index("ix_calls_live_trunk", "calls", ["trunk"], unique=False, sqlite_where=LIVE, postgresql_where=LIVE)


def downgrade() -> None:
    op.drop_index("ix_calls_live_trunk", table_name="calls")
    op.drop_column("calls", "trunk")
    op.drop_table("caller_ids")
    op.drop_table("trunks")
