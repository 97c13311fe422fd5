"""The rows of trunks and of their caller IDs: what must hold over restarts and for all nodes together.

Operators' rows, not tenants': no row here belongs to a user or tells of one.
"""

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from opendeep.common.trunk_values import BreakerState
from opendeep.database.models import Base, one_of


class TrunkRow(Base):
    """Locked by every claim of a line, so that caps and pace hold for all nodes together."""

    __tablename__ = "trunks"
    __table_args__ = (one_of("breaker", BreakerState),)
    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    tokens: Mapped[float | None]
    tokens_at: Mapped[datetime | None]
    breaker: Mapped[str] = mapped_column(String(12))
    recent: Mapped[str] = mapped_column(String(40))
    openings: Mapped[int]
    reason: Mapped[str | None] = mapped_column(Text)
    until: Mapped[datetime | None]
    paused: Mapped[str | None] = mapped_column(Text)


class CallerIdRow(Base):
    __tablename__ = "caller_ids"
    trunk: Mapped[str] = mapped_column(String(60), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    uses: Mapped[int]
    last_used_at: Mapped[datetime | None]
