"""The rows of the lifecycle manager: its decisions, and when a model last looked at a tenant."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from opendeep.database.models import Base, JsonColumn, partial

UNSETTLED = "result IS NULL AND state = 'DONE'"


class LifecycleDecisionRow(Base):
    """What the lifecycle manager saw, did and why; `result` is filled in when its effect can be seen."""

    __tablename__ = "lifecycle_decisions"
    __table_args__ = (
        Index("ix_lifecycle_decisions_user_id_created_at", "user_id", "created_at"),
        Index("ix_lifecycle_decisions_task_id", "task_id"),
        partial("ix_lifecycle_decisions_unsettled", UNSETTLED, "user_id", "created_at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    campaign_id: Mapped[UUID | None] = mapped_column(ForeignKey("campaigns.id"))
    task_id: Mapped[UUID | None] = mapped_column(ForeignKey("tasks.id"))
    rule: Mapped[str] = mapped_column(String(40))
    observation: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(Text)
    expected: Mapped[str] = mapped_column(Text)
    result: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    facts: Mapped[dict[str, Any]] = mapped_column(JsonColumn, server_default=text("'{}'"))
    decided_by: Mapped[str] = mapped_column(String(8), server_default=text("'rule'"))
    state: Mapped[str] = mapped_column(String(12), server_default=text("'DONE'"))
    undo: Mapped[dict[str, Any] | None] = mapped_column(JsonColumn)
    settled_at: Mapped[datetime | None]
    undone_at: Mapped[datetime | None]


class LifecycleLookRow(Base):
    """One tenant's last look by a model: whoever changes `looked_at` asks, so that of several nodes one does."""

    __tablename__ = "lifecycle_looks"
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    looked_at: Mapped[datetime]
    fingerprint: Mapped[str] = mapped_column(String(64))
    taken: Mapped[int]  # decisions of the model that were acted on, ever
    dropped: Mapped[int]  # those that code refused
