"""The ORM rows. Owns tables, constraints and indexes; values that leave this package are `common.data_models`.

`schema.sql` is the reviewed snapshot of what the migrations build from the same definitions; tests compare all three.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from opendeep.common.data_models import (
    LIVE_CALL_STATUSES,
    CallStatus,
    CampaignStatus,
    Disposition,
    DndScope,
    FeedbackKind,
    FeedbackStatus,
    PlanStatus,
    Speaker,
    TaskStatus,
)


class UtcDateTime(TypeDecorator[datetime]):
    """Timezone-aware UTC in Python; `timestamptz` on PostgreSQL, naive UTC text on SQLite. Naive values are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone must not reach the database")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


JsonColumn = JSON().with_variant(JSONB(), "postgresql")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, UUID: Uuid(), dict[str, Any]: JsonColumn, list[Any]: JsonColumn}  # noqa: RUF012


def one_of(column: str, values: type[StrEnum] | tuple[StrEnum, ...]) -> CheckConstraint:
    """CHECK that a status column holds a member of its enum."""
    members = ", ".join(f"'{v.value}'" for v in values)
    return CheckConstraint(f"{column} IN ({members})", name=column)


def partial(name: str, where: str, *columns: Any) -> Index:
    """An index over the rows for which `where` holds; a query uses it when it says the same words."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class UserRow(Base):
    __tablename__ = "users"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    profile: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class ChatRow(Base):
    __tablename__ = "chats"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]


class ChatMessageRow(Base):
    """`payload` holds what the page needs beside the text: form, plan id, tool steps."""

    __tablename__ = "chat_messages"
    __table_args__ = (UniqueConstraint("chat_id", "position"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    chat_id: Mapped[UUID] = mapped_column(ForeignKey("chats.id"))
    position: Mapped[int]
    role: Mapped[str] = mapped_column(String(12))
    content: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class CampaignPlanRow(Base):
    __tablename__ = "campaign_plans"
    __table_args__ = (one_of("status", PlanStatus),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    chat_id: Mapped[UUID] = mapped_column(ForeignKey("chats.id"), index=True)
    status: Mapped[str] = mapped_column(String(12))
    plan: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


ACTIVE_CAMPAIGN = "status = 'ACTIVE'"
PREPARING_CAMPAIGN = "status = 'PREPARING'"


class CampaignRow(Base):
    __tablename__ = "campaigns"
    __table_args__ = (
        one_of("status", CampaignStatus),
        Index("ix_campaigns_user_id_created_at", "user_id", "created_at"),
        partial("ix_campaigns_active", ACTIVE_CAMPAIGN, "user_id", "id"),
        partial("ix_campaigns_preparing", PREPARING_CAMPAIGN, "id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    plan_id: Mapped[UUID] = mapped_column(ForeignKey("campaign_plans.id"), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    objective: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(12))
    report: Mapped[dict[str, Any] | None] = mapped_column(JsonColumn)
    tasks_planned: Mapped[int] = mapped_column(server_default=text("0"))
    tasks_prepared: Mapped[int] = mapped_column(server_default=text("0"))  # rows with the positions 1 to this
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


OPEN_TASK = "status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED')"  # `task_states.TERMINAL`; a test compares
DONE_BUT_DUE = "status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND next_attempt_at IS NOT NULL"  # there should be none
ON_LINE = "status IN ('QUEUED_FOR_CALL', 'CALL_IN_PROGRESS')"  # waits for a line or has one
_FROM = "coalesce(next_attempt_at, updated_at)"
READY = f"(CASE WHEN lease_expires_at > {_FROM} THEN lease_expires_at ELSE {_FROM} END)"  # when a worker may take it
READY_AT_ALL = (
    f"coalesce(CASE WHEN lease_expires_at > {_FROM} THEN lease_expires_at END, {_FROM})"  # the same, other words
)


class TaskRow(Base):
    __tablename__ = "tasks"
    __table_args__ = (
        one_of("status", TaskStatus),
        CheckConstraint(f"disposition IN ({', '.join(repr(d.value) for d in Disposition)})", name="disposition"),
        UniqueConstraint("campaign_id", "position"),
        partial("ix_tasks_due", "status = 'SCHEDULED'", "campaign_id", text("priority DESC"), text(READY)),
        partial("ix_tasks_waiting", "status = 'SCHEDULED'", "campaign_id", text(READY_AT_ALL)),
        partial("ix_tasks_queued", "status = 'QUEUED_FOR_CALL'", "updated_at"),
        partial("ix_tasks_on_line", ON_LINE, "user_id", "campaign_id"),
        partial("ix_tasks_analysis", "status = 'PENDING_ANALYSIS'", text(READY)),
        partial("ix_tasks_open", OPEN_TASK, "user_id", "updated_at"),
        partial("ix_tasks_unfinished", OPEN_TASK, "campaign_id", "updated_at"),
        partial("ix_tasks_done_but_due", DONE_BUT_DUE, "user_id"),
        Index("ix_tasks_campaign_id_status", "campaign_id", "status"),
        Index("ix_tasks_user_id_phone_number", "user_id", "phone_number"),
        Index("ix_tasks_campaign_id_contact_name", "campaign_id", "contact_name", "position"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"))
    position: Mapped[int]
    contact_name: Mapped[str] = mapped_column(String(200))
    contact_kind: Mapped[str] = mapped_column(String(12))
    phone_number: Mapped[str] = mapped_column(String(20))
    timezone: Mapped[str | None] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(Text)
    objective: Mapped[str] = mapped_column(Text)
    brief: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(20))
    status_reason: Mapped[str] = mapped_column(Text)
    priority: Mapped[int]
    attempts: Mapped[int]
    max_attempts: Mapped[int]
    next_attempt_at: Mapped[datetime | None]
    promised_at: Mapped[datetime | None]  # when the callee asked to be called
    refused_for: Mapped[str | None] = mapped_column(String(32))  # the gate's reason that the timeline shows already
    lease_owner: Mapped[str | None] = mapped_column(String(120))
    lease_expires_at: Mapped[datetime | None]
    disposition: Mapped[str | None] = mapped_column(String(24))
    summary: Mapped[str | None] = mapped_column(Text)
    result: Mapped[dict[str, Any]]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


_LIVE = ", ".join(f"'{s.value}'" for s in LIVE_CALL_STATUSES)


class CallRow(Base):
    """`uq_calls_live_task` is the law: never two live calls for one task."""

    __tablename__ = "calls"
    __table_args__ = (
        one_of("status", CallStatus),
        UniqueConstraint("task_id", "attempt_number"),
        Index(
            "uq_calls_live_task",
            "task_id",
            unique=True,
            sqlite_where=text(f"status IN ({_LIVE})"),
            postgresql_where=text(f"status IN ({_LIVE})"),
        ),
        Index("ix_calls_user_id_created_at", "user_id", "created_at"),
        Index("ix_calls_campaign_id", "campaign_id"),
        Index("ix_calls_phone_number_created_at", "phone_number", "created_at"),
        Index(
            "ix_calls_live_trunk",
            "trunk",
            sqlite_where=text(f"status IN ({_LIVE})"),
            postgresql_where=text(f"status IN ({_LIVE})"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"))
    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id"))
    attempt_number: Mapped[int]
    status: Mapped[str] = mapped_column(String(20))
    phone_number: Mapped[str] = mapped_column(String(20))
    caller_id: Mapped[str | None] = mapped_column(String(20))
    node_id: Mapped[str] = mapped_column(String(100))
    trunk: Mapped[str | None] = mapped_column(String(60))  # empty for our own extensions
    second_trunk: Mapped[str | None] = mapped_column(String(60))  # of the person whom the callee is put through to
    lease_expires_at: Mapped[datetime | None]
    disposition: Mapped[str | None] = mapped_column(String(24))
    end_reason: Mapped[str | None] = mapped_column(Text)
    hangup_cause: Mapped[int | None]
    sip_code: Mapped[int | None]
    analysis: Mapped[dict[str, Any] | None] = mapped_column(JsonColumn)
    usage: Mapped[dict[str, Any]]
    recording_path: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    ringing_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class TranscriptRow(Base):
    __tablename__ = "call_transcripts"
    __table_args__ = (one_of("speaker", Speaker), UniqueConstraint("call_id", "turn"))
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    call_id: Mapped[UUID] = mapped_column(ForeignKey("calls.id"))
    turn: Mapped[int]
    speaker: Mapped[str] = mapped_column(String(8))
    text: Mapped[str] = mapped_column(Text)
    started_ms: Mapped[int]
    ended_ms: Mapped[int]
    interrupted: Mapped[bool]
    created_at: Mapped[datetime]


class CallEventRow(Base):
    """The timeline and audit trail. `call_id` is empty for what happened before a call, such as a refusal to dial."""

    __tablename__ = "call_events"
    __table_args__ = (
        Index("ix_call_events_call_id", "call_id"),
        Index("ix_call_events_task_id", "task_id"),
        partial("ix_call_events_campaign", "task_id IS NULL", "campaign_id", "created_at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    campaign_id: Mapped[UUID | None] = mapped_column(ForeignKey("campaigns.id"))
    task_id: Mapped[UUID | None] = mapped_column(ForeignKey("tasks.id"))
    call_id: Mapped[UUID | None] = mapped_column(ForeignKey("calls.id"))
    kind: Mapped[str] = mapped_column(String(60))
    detail: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class DndRow(Base):
    __tablename__ = "dnd_list"
    __table_args__ = (
        one_of("scope", DndScope),
        CheckConstraint("(scope = 'GLOBAL') = (user_id IS NULL)", name="owner"),
        CheckConstraint("(scope = 'CAMPAIGN') = (campaign_id IS NOT NULL)", name="campaign"),
        Index("ix_dnd_list_phone_number", "phone_number"),
        Index(
            "uq_dnd_list_user",
            "user_id",
            "phone_number",
            unique=True,
            sqlite_where=text("scope = 'USER'"),
            postgresql_where=text("scope = 'USER'"),
        ),
        Index(
            "uq_dnd_list_global",
            "phone_number",
            unique=True,
            sqlite_where=text("scope = 'GLOBAL'"),
            postgresql_where=text("scope = 'GLOBAL'"),
        ),
        Index(
            "uq_dnd_list_campaign",
            "campaign_id",
            "phone_number",
            unique=True,
            sqlite_where=text("scope = 'CAMPAIGN'"),
            postgresql_where=text("scope = 'CAMPAIGN'"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    campaign_id: Mapped[UUID | None] = mapped_column(ForeignKey("campaigns.id"))
    phone_number: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(40))
    call_id: Mapped[UUID | None] = mapped_column(ForeignKey("calls.id"))
    created_at: Mapped[datetime]


class FeedbackRow(Base):
    """One open LIVE question per call; `tool_call_id` makes asking idempotent."""

    __tablename__ = "feedback_requests"
    __table_args__ = (
        one_of("status", FeedbackStatus),
        one_of("kind", FeedbackKind),
        UniqueConstraint("call_id", "tool_call_id"),
        Index(
            "uq_feedback_requests_open_call",
            "call_id",
            unique=True,
            sqlite_where=text("status = 'PENDING' AND kind = 'LIVE'"),
            postgresql_where=text("status = 'PENDING' AND kind = 'LIVE'"),
        ),
        Index("ix_feedback_requests_user_id_status", "user_id", "status"),
        Index("ix_feedback_requests_task_id", "task_id"),
        partial("ix_feedback_requests_overdue", "status = 'PENDING'", "expires_at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaigns.id"))
    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id"))
    call_id: Mapped[UUID | None] = mapped_column(ForeignKey("calls.id"))
    tool_call_id: Mapped[str | None] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(12))
    question: Mapped[str] = mapped_column(Text)
    options: Mapped[list[Any]]
    sets: Mapped[str | None] = mapped_column(String(20))  # what of its task the answer sets
    status: Mapped[str] = mapped_column(String(12))
    answer: Mapped[str | None] = mapped_column(Text)
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
