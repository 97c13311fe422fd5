"""What the stores of one transaction share: the session, the time, and the rings to be rung after the commit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opendeep.common.channels import user_events


class UnitOfWork:
    """One transaction as the stores see it. `now` is read once, so that all rows of it agree."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self.session = session
        self.now = now
        self.rings: list[tuple[str, dict[str, Any]]] = []

    def ring(self, channel: str, data: Mapping[str, Any] | None = None) -> None:
        """Ring after the commit; the same bell without data only once."""
        entry = (channel, dict(data or {}))
        if data or entry not in self.rings:
            self.rings.append(entry)

    def tell_user(self, user_id: UUID, kind: str, **data: Any) -> None:
        """Publish an event to the pages of a user after the commit."""
        self.ring(user_events(user_id), {"type": kind, "at": self.now.isoformat(), **data})


class Store:
    """Base of the stores: one per table family, alive for one transaction."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self._session = work.session
