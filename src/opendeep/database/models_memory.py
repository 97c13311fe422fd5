"""The rows of what is remembered: contacts, what is known of them, older profiles, and numbers that left a
do-not-call list."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from opendeep.database.models import Base


class ContactRow(Base):
    """A number of a user. What calls taught hangs on it and goes with it."""

    __tablename__ = "contacts"
    __table_args__ = (
        CheckConstraint("kind IN ('person', 'business')", name="kind"),
        UniqueConstraint("user_id", "phone_number"),
        Index("ix_contacts_user_id_name", "user_id", "name"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(12))
    phone_number: Mapped[str] = mapped_column(String(20))
    timezone: Mapped[str | None] = mapped_column(String(64))
    language: Mapped[str | None] = mapped_column(String(20))
    notes: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ContactFactRow(Base):
    """`call_id`, `turns` and `quote` are the proof of what a call taught; empty for what the user wrote."""

    __tablename__ = "contact_facts"
    __table_args__ = (
        CheckConstraint("source IN ('user', 'call')", name="source"),
        Index("ix_contact_facts_contact_id", "contact_id"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contacts.id"))
    key: Mapped[str | None] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(8))
    call_id: Mapped[UUID | None] = mapped_column(ForeignKey("calls.id"))
    turns: Mapped[list[Any]]
    quote: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class ProfileVersionRow(Base):
    """A user's profile as it was; the newest row is the one in use."""

    __tablename__ = "profile_versions"
    __table_args__ = (UniqueConstraint("user_id", "version"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    version: Mapped[int]
    profile: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class DndRemovalRow(Base):
    """A number that a user took off a list, what its entry said, and why it went."""

    __tablename__ = "dnd_removals"
    __table_args__ = (Index("ix_dnd_removals_user_id_removed_at", "user_id", "removed_at"),)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    campaign_id: Mapped[UUID | None] = mapped_column(ForeignKey("campaigns.id"))
    phone_number: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(40))
    removed_because: Mapped[str] = mapped_column(Text)
    listed_at: Mapped[datetime]
    removed_at: Mapped[datetime]
