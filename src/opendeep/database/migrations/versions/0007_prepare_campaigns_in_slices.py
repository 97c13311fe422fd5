"""Prepare campaigns in slices: a status for those of which tasks are missing, and how far they are"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None

PREPARING = sa.text("status = 'PREPARING'")
WITHOUT, WITH = "status IN ('ACTIVE', ", "status IN ('PREPARING', 'ACTIVE', "
OTHERS = "'PAUSED', 'COMPLETED', 'CANCELLED')"
WHOLE = "(SELECT coalesce(max(position), 0) FROM tasks WHERE campaign_id = campaigns.id)"  # by their unique index


def upgrade() -> None:
    for name in ("tasks_planned", "tasks_prepared"):
        op.add_column("campaigns", sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.execute(f"UPDATE campaigns SET tasks_planned = {WHOLE}, tasks_prepared = {WHOLE}")  # noqa: S608
    _check(WITHOUT, WITH)
    op.create_index("ix_campaigns_preparing", "campaigns", ["id"], sqlite_where=PREPARING, postgresql_where=PREPARING)


def downgrade() -> None:
    op.drop_index("ix_campaigns_preparing", table_name="campaigns")
    op.execute("UPDATE campaigns SET status = 'PAUSED' WHERE status = 'PREPARING'")
    _check(WITH, WITHOUT)
    for name in ("tasks_prepared", "tasks_planned"):
        op.drop_column("campaigns", name)


def _check(old: str, new: str) -> None:
    """SQLite cannot alter a CHECK, and to copy the table breaks the references to it inside a transaction.

    So its text is rewritten: the procedure of “Making Other Kinds Of Table Schema Changes” (sqlite.org/lang_altertable)
    for changes that leave the rows as they are.
    """
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_campaigns_status"), "campaigns", type_="check")
        op.create_check_constraint(op.f("ck_campaigns_status"), "campaigns", new + OTHERS)
        return
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    change = "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'campaigns'"
    connection.exec_driver_sql(change, (old, new))
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
