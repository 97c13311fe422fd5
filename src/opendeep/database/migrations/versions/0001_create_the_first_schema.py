"""Create the first schema"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON_COLUMN = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("profile", JSON_COLUMN, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
    )
    op.create_table(
        "chats",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_chats_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chats")),
    )
    op.create_index(op.f("ix_chats_user_id"), "chats", ["user_id"], unique=False)

    op.create_table(
        "campaign_plans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("chat_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("plan", JSON_COLUMN, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('DRAFT', 'CONFIRMED')", name=op.f("ck_campaign_plans_status")),
        sa.ForeignKeyConstraint(["chat_id"], ["chats.id"], name=op.f("fk_campaign_plans_chat_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_campaign_plans_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_plans")),
    )
    op.create_index(op.f("ix_campaign_plans_chat_id"), "campaign_plans", ["chat_id"], unique=False)
    op.create_index(op.f("ix_campaign_plans_user_id"), "campaign_plans", ["user_id"], unique=False)

    op.create_table(
        "chat_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("chat_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("payload", JSON_COLUMN, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chats.id"], name=op.f("fk_chat_messages_chat_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_chat_messages_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_messages")),
        sa.UniqueConstraint("chat_id", "position", name=op.f("uq_chat_messages_chat_id_position")),
    )
    op.create_table(
        "campaigns",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("objective", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("report", JSON_COLUMN, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('ACTIVE', 'PAUSED', 'COMPLETED', 'CANCELLED')", name=op.f("ck_campaigns_status")
        ),
        sa.ForeignKeyConstraint(["plan_id"], ["campaign_plans.id"], name=op.f("fk_campaigns_plan_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_campaigns_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("plan_id", name=op.f("uq_campaigns_plan_id")),
    )
    op.create_index("ix_campaigns_user_id_created_at", "campaigns", ["user_id", "created_at"], unique=False)

    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("contact_name", sa.String(length=200), nullable=False),
        sa.Column("contact_kind", sa.String(length=12), nullable=False),
        sa.Column("phone_number", sa.String(length=20), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=True),
        sa.Column("objective", sa.Text(), nullable=False),
        sa.Column("brief", JSON_COLUMN, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_owner", sa.String(length=120), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disposition", sa.String(length=24), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("result", JSON_COLUMN, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "disposition IN ('ACHIEVED', 'DECLINED', 'CALLBACK_REQUESTED', 'OPTED_OUT', "
            "'WRONG_NUMBER', 'VOICEMAIL_LEFT', 'VOICEMAIL', 'INCONCLUSIVE', 'NO_ANSWER', 'BUSY', "
            "'REJECTED', 'UNREACHABLE', 'FAILED')",
            name=op.f("ck_tasks_disposition"),
        ),
        sa.CheckConstraint(
            "status IN ('SCHEDULED', 'QUEUED_FOR_CALL', 'CALL_IN_PROGRESS', 'PENDING_ANALYSIS', "
            "'NEEDS_USER', 'ON_HOLD', 'COMPLETED', 'FAILED', 'CANCELLED')",
            name=op.f("ck_tasks_status"),
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_tasks_campaign_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tasks_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint("campaign_id", "position", name=op.f("uq_tasks_campaign_id_position")),
    )
    op.create_index(
        "ix_tasks_due",
        "tasks",
        [sa.text("priority DESC"), "next_attempt_at"],
        unique=False,
        sqlite_where=sa.text("status = 'SCHEDULED'"),
        postgresql_where=sa.text("status = 'SCHEDULED'"),
    )
    op.create_index(
        "ix_tasks_leased",
        "tasks",
        ["status", "lease_expires_at"],
        unique=False,
        sqlite_where=sa.text("status IN ('QUEUED_FOR_CALL', 'CALL_IN_PROGRESS', 'PENDING_ANALYSIS')"),
        postgresql_where=sa.text("status IN ('QUEUED_FOR_CALL', 'CALL_IN_PROGRESS', 'PENDING_ANALYSIS')"),
    )
    op.create_index("ix_tasks_user_id_status", "tasks", ["user_id", "status"], unique=False)

    op.create_table(
        "calls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("phone_number", sa.String(length=20), nullable=False),
        sa.Column("caller_id", sa.String(length=20), nullable=True),
        sa.Column("node_id", sa.String(length=100), nullable=False),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disposition", sa.String(length=24), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("hangup_cause", sa.Integer(), nullable=True),
        sa.Column("sip_code", sa.Integer(), nullable=True),
        sa.Column("analysis", JSON_COLUMN, nullable=True),
        sa.Column("usage", JSON_COLUMN, nullable=False),
        sa.Column("recording_path", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ringing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('INITIATED', 'DIALING', 'RINGING', 'IN_PROGRESS', 'COMPLETED', 'BUSY', "
            "'NO_ANSWER', 'REJECTED', 'UNALLOCATED', 'CONGESTION', 'FAILED', 'CANCELLED', 'LOST')",
            name=op.f("ck_calls_status"),
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_calls_campaign_id")),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_calls_task_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_calls_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
        sa.UniqueConstraint("task_id", "attempt_number", name=op.f("uq_calls_task_id_attempt_number")),
    )
    op.create_index("ix_calls_campaign_id", "calls", ["campaign_id"], unique=False)
    op.create_index("ix_calls_user_id_created_at", "calls", ["user_id", "created_at"], unique=False)
    op.create_index(
        "uq_calls_live_task",
        "calls",
        ["task_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('INITIATED', 'DIALING', 'RINGING', 'IN_PROGRESS')"),
        postgresql_where=sa.text("status IN ('INITIATED', 'DIALING', 'RINGING', 'IN_PROGRESS')"),
    )

    op.create_table(
        "lifecycle_decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("observation", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_lifecycle_decisions_campaign_id")),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_lifecycle_decisions_task_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_lifecycle_decisions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifecycle_decisions")),
    )
    op.create_index("ix_lifecycle_decisions_task_id", "lifecycle_decisions", ["task_id"], unique=False)
    op.create_index(
        "ix_lifecycle_decisions_user_id_created_at", "lifecycle_decisions", ["user_id", "created_at"], unique=False
    )

    op.create_table(
        "call_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("call_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("data", JSON_COLUMN, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_call_events_call_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_call_events_campaign_id")),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_call_events_task_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_call_events_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_events")),
    )
    op.create_index("ix_call_events_call_id", "call_events", ["call_id"], unique=False)
    op.create_index("ix_call_events_task_id", "call_events", ["task_id"], unique=False)

    op.create_table(
        "call_transcripts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("speaker", sa.String(length=8), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("started_ms", sa.Integer(), nullable=False),
        sa.Column("ended_ms", sa.Integer(), nullable=False),
        sa.Column("interrupted", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("speaker IN ('ai', 'callee')", name=op.f("ck_call_transcripts_speaker")),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_call_transcripts_call_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_call_transcripts_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_transcripts")),
        sa.UniqueConstraint("call_id", "turn", name=op.f("uq_call_transcripts_call_id_turn")),
    )
    op.create_table(
        "dnd_list",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("phone_number", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(scope = 'CAMPAIGN') = (campaign_id IS NOT NULL)", name=op.f("ck_dnd_list_campaign")),
        sa.CheckConstraint("(scope = 'GLOBAL') = (user_id IS NULL)", name=op.f("ck_dnd_list_owner")),
        sa.CheckConstraint("scope IN ('USER', 'CAMPAIGN', 'GLOBAL')", name=op.f("ck_dnd_list_scope")),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_dnd_list_call_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_dnd_list_campaign_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_dnd_list_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dnd_list")),
    )
    op.create_index("ix_dnd_list_phone_number", "dnd_list", ["phone_number"], unique=False)
    op.create_index(
        "uq_dnd_list_campaign",
        "dnd_list",
        ["campaign_id", "phone_number"],
        unique=True,
        sqlite_where=sa.text("scope = 'CAMPAIGN'"),
        postgresql_where=sa.text("scope = 'CAMPAIGN'"),
    )
    op.create_index(
        "uq_dnd_list_global",
        "dnd_list",
        ["phone_number"],
        unique=True,
        sqlite_where=sa.text("scope = 'GLOBAL'"),
        postgresql_where=sa.text("scope = 'GLOBAL'"),
    )
    op.create_index(
        "uq_dnd_list_user",
        "dnd_list",
        ["user_id", "phone_number"],
        unique=True,
        sqlite_where=sa.text("scope = 'USER'"),
        postgresql_where=sa.text("scope = 'USER'"),
    )

    op.create_table(
        "feedback_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("call_id", sa.Uuid(), nullable=True),
        sa.Column("tool_call_id", sa.String(length=80), nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("options", JSON_COLUMN, nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('LIVE', 'DECISION')", name=op.f("ck_feedback_requests_kind")),
        sa.CheckConstraint(
            "status IN ('PENDING', 'ANSWERED', 'EXPIRED', 'CANCELLED')", name=op.f("ck_feedback_requests_status")
        ),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_feedback_requests_call_id")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_feedback_requests_campaign_id")),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_feedback_requests_task_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_feedback_requests_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback_requests")),
        sa.UniqueConstraint("call_id", "tool_call_id", name=op.f("uq_feedback_requests_call_id_tool_call_id")),
    )
    op.create_index("ix_feedback_requests_task_id", "feedback_requests", ["task_id"], unique=False)
    op.create_index("ix_feedback_requests_user_id_status", "feedback_requests", ["user_id", "status"], unique=False)
    op.create_index(
        "uq_feedback_requests_open_call",
        "feedback_requests",
        ["call_id"],
        unique=True,
        sqlite_where=sa.text("status = 'PENDING' AND kind = 'LIVE'"),
        postgresql_where=sa.text("status = 'PENDING' AND kind = 'LIVE'"),
    )


def downgrade() -> None:
    op.drop_index("uq_feedback_requests_open_call", table_name="feedback_requests")
    op.drop_index("ix_feedback_requests_user_id_status", table_name="feedback_requests")
    op.drop_index("ix_feedback_requests_task_id", table_name="feedback_requests")

    op.drop_table("feedback_requests")
    op.drop_index("uq_dnd_list_user", table_name="dnd_list")
    op.drop_index("uq_dnd_list_global", table_name="dnd_list")
    op.drop_index("uq_dnd_list_campaign", table_name="dnd_list")
    op.drop_index("ix_dnd_list_phone_number", table_name="dnd_list")

    op.drop_table("dnd_list")
    op.drop_table("call_transcripts")
    op.drop_index("ix_call_events_task_id", table_name="call_events")
    op.drop_index("ix_call_events_call_id", table_name="call_events")

    op.drop_table("call_events")
    op.drop_index("ix_lifecycle_decisions_user_id_created_at", table_name="lifecycle_decisions")
    op.drop_index("ix_lifecycle_decisions_task_id", table_name="lifecycle_decisions")

    op.drop_table("lifecycle_decisions")
    op.drop_index("uq_calls_live_task", table_name="calls")
    op.drop_index("ix_calls_user_id_created_at", table_name="calls")
    op.drop_index("ix_calls_campaign_id", table_name="calls")

    op.drop_table("calls")
    op.drop_index("ix_tasks_user_id_status", table_name="tasks")
    op.drop_index("ix_tasks_due", table_name="tasks")
    op.drop_index("ix_tasks_leased", table_name="tasks")

    op.drop_table("tasks")
    op.drop_index("ix_campaigns_user_id_created_at", table_name="campaigns")

    op.drop_table("campaigns")
    op.drop_table("chat_messages")
    op.drop_index("ix_campaign_plans_user_id", table_name="campaign_plans")
    op.drop_index("ix_campaign_plans_chat_id", table_name="campaign_plans")

    op.drop_table("campaign_plans")
    op.drop_index("ix_chats_user_id", table_name="chats")

    op.drop_table("chats")
    op.drop_table("users")
