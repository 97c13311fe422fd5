"""What the stores of one transaction share: the session, the time, and the rings to be rung after the commit."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from opendeep.common.channels import user_events
from opendeep.database.outages import translated

Rows = TypeVar("Rows", bound=Select[Any])
BATCH = 500  # values in one statement


def batches(values: Iterable[str]) -> Iterator[list[str]]:
    """The values without repetitions, as many at a time as a statement takes."""
    unique = list(dict.fromkeys(values))
    return (unique[first : first + BATCH] for first in range(0, len(unique), BATCH))


def insert_unless_there(
    session: AsyncSession, row: type[Any], values: Mapping[str, Any]
) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that does nothing, and returns nothing, where a unique index says that there is such a row."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(row).values(values).on_conflict_do_nothing()
    return sqlite.insert(row).values(values).on_conflict_do_nothing()


def locked(statement: Rows, *, skip: bool = False) -> Rows:
    """Hold the rows until the transaction ends; `skip` leaves out those that somebody else holds.

    FOR NO KEY UPDATE: a plain FOR UPDATE fights with the foreign-key checks of rows that refer to the held one, so that
    two writers which add a line about a call and then change that call would dead-lock (PostgreSQL, “Row-Level Locks”).
    A row that this transaction has read before is read anew: somebody may have changed it until the lock was ours.
    """
    fresh = statement.execution_options(populate_existing=True)
    return fresh.with_for_update(key_share=True, skip_locked=skip)


class UnitOfWork:
    """One transaction as the stores see it. `now` is read once, so that all rows of it agree."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self.session = session
        self.now = now
        self.rings: list[tuple[str, dict[str, Any]]] = []
        self.held: dict[UUID, Any] = {}  # rows by id that are locked until the end: they are read once

    @contextlib.asynccontextmanager
    async def part(self) -> AsyncIterator[None]:
        """A part that may fail alone: its rows and rings are undone, the rest of the transaction stands.

        Raises `DatabaseUnavailable` when the connection is lost: then nothing of the transaction can be saved.
        """
        kept = len(self.rings)
        try:
            with translated():
                async with self.session.begin_nested():
                    yield
        except BaseException:
            del self.rings[kept:]
            self.held.clear()  # PostgreSQL gives back what was locked in the part
            raise

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
