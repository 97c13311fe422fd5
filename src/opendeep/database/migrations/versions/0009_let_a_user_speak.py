"""Let a user speak: turns of whoever has taken a call over"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

WITHOUT, WITH = "speaker IN ('ai', 'callee')", "speaker IN ('ai', 'callee', 'user')"


def upgrade() -> None:
    _check(WITHOUT, WITH)


def downgrade() -> None:
    op.execute("DELETE FROM call_transcripts WHERE speaker = 'user'")
    _check(WITH, WITHOUT)


def _check(old: str, new: str) -> None:
    """SQLite cannot alter a CHECK: its text is rewritten, see 0007."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_call_transcripts_speaker"), "call_transcripts", type_="check")
        op.create_check_constraint(op.f("ck_call_transcripts_speaker"), "call_transcripts", new)
        return
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    change = "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'call_transcripts'"
    connection.exec_driver_sql(change, (old, new))
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
