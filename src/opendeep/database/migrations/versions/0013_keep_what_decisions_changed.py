"""Keep what decisions changed: facts, who decided, undo, later results; when a model last looked"""

import sqlalchemy as sa
from alembic import op

from opendeep.database.models import JsonColumn, UtcDateTime

revision = "0013"
down_revision = "0010"
branch_labels = None
depends_on = None

ADDED = ("facts", "decided_by", "state", "undo", "settled_at", "undone_at")
UNSETTLED = sa.text("result IS NULL AND state = 'DONE'")
DONE_BUT_DUE = sa.text("status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND next_attempt_at IS NOT NULL")


def upgrade() -> None:
    table = "lifecycle_decisions"
    op.add_column(table, sa.Column("facts", JsonColumn, server_default=sa.text("'{}'"), nullable=False))
    op.add_column(table, sa.Column("decided_by", sa.String(8), server_default=sa.text("'rule'"), nullable=False))
    op.add_column(table, sa.Column("state", sa.String(12), server_default=sa.text("'DONE'"), nullable=False))
    op.add_column(table, sa.Column("undo", JsonColumn, nullable=True))
    op.add_column(table, sa.Column("settled_at", UtcDateTime(), nullable=True))
    op.add_column(table, sa.Column("undone_at", UtcDateTime(), nullable=True))
    op.create_index(
        "ix_lifecycle_decisions_unsettled",
        table,
        ["user_id", "created_at"],
        sqlite_where=UNSETTLED,
        postgresql_where=UNSETTLED,
    )
    op.create_index(
        "ix_tasks_done_but_due", "tasks", ["user_id"], sqlite_where=DONE_BUT_DUE, postgresql_where=DONE_BUT_DUE
    )
    op.create_table(
        "lifecycle_looks",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("looked_at", UtcDateTime(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("dropped", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_lifecycle_looks")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_lifecycle_looks_user_id")),
    )


def downgrade() -> None:
    op.drop_table("lifecycle_looks")
    op.drop_index("ix_tasks_done_but_due", "tasks")
    op.drop_index("ix_lifecycle_decisions_unsettled", "lifecycle_decisions")
    for name in reversed(ADDED):
        op.drop_column("lifecycle_decisions", name)
