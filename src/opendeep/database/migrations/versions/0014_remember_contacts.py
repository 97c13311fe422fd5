"""Remember contacts, what calls taught of them, older profiles, and numbers that left a do-not-call list"""

import sqlalchemy as sa
from alembic import op

from opendeep.database.models import JsonColumn, UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def _belongs(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    op.create_index("ix_tasks_user_id_phone_number", "tasks", ["user_id", "phone_number"], unique=False)
    op.create_table(
        "contacts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("phone_number", sa.String(20), nullable=False),
        sa.Column("timezone", sa.String(64), nullable=True),
        sa.Column("language", sa.String(20), nullable=True),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sa.CheckConstraint("kind IN ('person', 'business')", name=op.f("ck_contacts_kind")),
        sa.UniqueConstraint("user_id", "phone_number", name=op.f("uq_contacts_user_id_phone_number")),
        _belongs("contacts", "user_id", "users"),
    )
    op.create_index("ix_contacts_user_id_name", "contacts", ["user_id", "name"], unique=False)
    _facts()
    _history()


def _facts() -> None:
    op.create_table(
        "contact_facts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(40), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("source", sa.String(8), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=True),
        sa.Column("turns", JsonColumn, nullable=False),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_facts")),
        sa.CheckConstraint("source IN ('user', 'call')", name=op.f("ck_contact_facts_source")),
        _belongs("contact_facts", "user_id", "users"),
        _belongs("contact_facts", "contact_id", "contacts"),
        _belongs("contact_facts", "call_id", "calls"),
    )
    op.create_index("ix_contact_facts_contact_id", "contact_facts", ["contact_id"], unique=False)


def _history() -> None:
    op.create_table(
        "profile_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("profile", JsonColumn, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profile_versions")),
        sa.UniqueConstraint("user_id", "version", name=op.f("uq_profile_versions_user_id_version")),
        _belongs("profile_versions", "user_id", "users"),
    )
    op.create_table(
        "dnd_removals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("phone_number", sa.String(20), nullable=False),
        sa.Column("scope", sa.String(12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("removed_because", sa.Text(), nullable=False),
        sa.Column("listed_at", UtcDateTime(), nullable=False),
        sa.Column("removed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dnd_removals")),
        _belongs("dnd_removals", "user_id", "users"),
        _belongs("dnd_removals", "campaign_id", "campaigns"),
    )
    op.create_index("ix_dnd_removals_user_id_removed_at", "dnd_removals", ["user_id", "removed_at"], unique=False)


def downgrade() -> None:
    for table in ("dnd_removals", "profile_versions", "contact_facts", "contacts"):
        op.drop_table(table)
    op.drop_index("ix_tasks_user_id_phone_number", table_name="tasks")
