"""A user's own do-not-call list as the user keeps it: pages, entries in bulk, removals with their reason.

What forbids a call is asked in `store_consent.DndStore`. The global list is nobody's own and is not shown here.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, delete, func, or_, select

from opendeep.common.data_models import DNDEntryBase, DndScope
from opendeep.common.dnd_values import ListedNumber, RemovedNumber
from opendeep.common.errors import NotFound
from opendeep.common.ids import new_id
from opendeep.database.models import CallEventRow, CampaignRow, DndRow, TaskRow
from opendeep.database.models_memory import DndRemovalRow
from opendeep.database.scope import across_tenants, for_user
from opendeep.database.store import BATCH, Store, insert_unless_there
from opendeep.database.store_contacts import like

REFUSED: Final = "call.refused"
DO_NOT_CALL: Final = "do_not_call"  # `compliance_gate.Reason`; a test compares
MAX_REMOVALS: Final = 200


class DndBookStore(Store):
    async def page(self, user_id: UUID, search: str, limit: int, offset: int) -> tuple[list[ListedNumber], int]:
        """Newest first, and how many there are; `search` is part of a number, reason or source."""
        found = self._mine(user_id, search)
        total = await self._session.scalar(found.with_only_columns(func.count()))
        newest = found.order_by(DndRow.created_at.desc(), DndRow.id.desc()).limit(limit).offset(offset)
        rows = (await self._session.execute(newest)).all()
        refused = await self._refused(user_id, [row for row, _ in rows])
        return [_listed(row, title, refused.get(row.id, 0)) for row, title in rows], total or 0

    async def all(self, user_id: UUID) -> AsyncIterator[Sequence[ListedNumber]]:
        """The whole list in its order of time, part by part; refused dials are not counted."""
        statement = self._mine(user_id, "").order_by(DndRow.created_at, DndRow.id)
        async for part in (await self._session.stream(statement)).partitions(BATCH):
            yield [_listed(row, title, 0) for row, title in part]

    async def get(self, user_id: UUID, entry_id: UUID) -> ListedNumber:
        """Raises `NotFound`."""
        row = await self._row(user_id, entry_id)
        title = None
        if row.campaign_id is not None:
            named = select(CampaignRow.title).where(CampaignRow.id == row.campaign_id)
            title = await self._session.scalar(for_user(named, CampaignRow, user_id))
        return _listed(row, title, (await self._refused(user_id, [row])).get(row.id, 0))

    async def find(self, user_id: UUID, phone_number: str, campaign_id: UUID | None) -> ListedNumber:
        """The entry of the user's list, or of the campaign's. Raises `NotFound`."""
        same = DndRow.campaign_id.is_(None) if campaign_id is None else DndRow.campaign_id == campaign_id
        statement = for_user(select(DndRow.id).where(DndRow.phone_number == phone_number, same), DndRow, user_id)
        found = await self._session.scalar(statement)
        if found is None:
            raise NotFound("This number is not on your list.")
        return await self.get(user_id, found)

    async def add_many(self, entries: Sequence[DNDEntryBase]) -> int:
        """Keep those whose numbers are not on their lists; returns how many were not. At most `BATCH` at a time."""
        if not entries:
            return 0
        rows = [
            {
                "id": new_id(),
                "user_id": entry.user_id,
                "campaign_id": entry.campaign_id,
                "phone_number": entry.phone_number,
                "scope": entry.scope,
                "reason": entry.reason,
                "source": entry.source,
                "call_id": entry.call_id,
                "created_at": self._work.now,
            }
            for entry in entries
        ]
        added = 0
        for row in rows:
            result = await self._session.execute(insert_unless_there(self._session, DndRow, row))
            added += int(getattr(result, "rowcount", 0))
        return added

    async def over_threshold(self, numbers: Sequence[str], threshold: int) -> list[str]:
        """Those of the numbers that so many users have on their lists."""
        statement = across_tenants(
            select(DndRow.phone_number)
            .where(DndRow.phone_number.in_(numbers), DndRow.scope == DndScope.USER)
            .group_by(DndRow.phone_number)
            .having(func.count(func.distinct(DndRow.user_id)) >= threshold),
            "the global list follows from all tenants' entries",
        )
        return list((await self._session.scalars(statement)).all())

    async def remove(self, user_id: UUID, entry_id: UUID, because: str) -> None:
        """Take the entry off its list and keep what it said. Raises `NotFound`."""
        row = await self._row(user_id, entry_id)
        self._session.add(
            DndRemovalRow(
                id=new_id(),
                user_id=user_id,
                campaign_id=row.campaign_id,
                phone_number=row.phone_number,
                scope=row.scope,
                reason=row.reason,
                source=row.source,
                removed_because=because,
                listed_at=row.created_at,
                removed_at=self._work.now,
            )
        )
        await self._session.execute(for_user(delete(DndRow).where(DndRow.id == entry_id), DndRow, user_id))

    async def removals(self, user_id: UUID) -> list[RemovedNumber]:
        """The latest, newest first."""
        statement = for_user(
            select(DndRemovalRow).order_by(DndRemovalRow.removed_at.desc()).limit(MAX_REMOVALS), DndRemovalRow, user_id
        )
        return [
            RemovedNumber(
                phone_number=row.phone_number,
                scope=DndScope(row.scope),
                reason=row.reason,
                source=row.source,
                removed_because=row.removed_because,
                listed_at=row.listed_at,
                removed_at=row.removed_at,
            )
            for row in (await self._session.scalars(statement)).all()
        ]

    def _mine(self, user_id: UUID, search: str) -> Select[Any]:
        both: tuple[Any, ...] = (DndRow, CampaignRow.title)
        statement: Select[Any] = select(*both).outerjoin(CampaignRow, CampaignRow.id == DndRow.campaign_id)
        if search:
            pattern = like(search.casefold())
            columns = (DndRow.phone_number, DndRow.reason, DndRow.source)
            statement = statement.where(or_(*(func.lower(column).like(pattern, escape="/") for column in columns)))
        return for_user(statement, DndRow, user_id)

    async def _row(self, user_id: UUID, entry_id: UUID) -> DndRow:
        statement = for_user(select(DndRow).where(DndRow.id == entry_id), DndRow, user_id)
        row = (await self._session.scalars(statement)).one_or_none()
        if row is None:
            raise NotFound("There is no such entry on your list. It may have been removed.")
        return row

    async def _refused(self, user_id: UUID, rows: Sequence[DndRow]) -> dict[UUID, int]:
        """How many refusals of the user's tasks fall to each entry."""
        if not rows:
            return {}
        statement = for_user(
            select(TaskRow.phone_number, CallEventRow.created_at, CallEventRow.campaign_id)
            .join(TaskRow, TaskRow.id == CallEventRow.task_id)
            .where(
                TaskRow.user_id == user_id,
                TaskRow.phone_number.in_({row.phone_number for row in rows}),
                CallEventRow.kind == REFUSED,
                CallEventRow.data["reason"].as_string() == DO_NOT_CALL,
            ),
            CallEventRow,
            user_id,
        )
        counts: dict[UUID, int] = {}
        for number, at, campaign_id in (await self._session.execute(statement)).all():
            for row in rows:
                here = row.campaign_id is None or row.campaign_id == campaign_id
                if row.phone_number == number and at >= row.created_at and here:
                    counts[row.id] = counts.get(row.id, 0) + 1
        return counts


def _listed(row: DndRow, campaign_title: str | None, refused: int) -> ListedNumber:
    return ListedNumber(
        id=row.id,
        phone_number=row.phone_number,
        scope=DndScope(row.scope),
        reason=row.reason,
        source=row.source,
        campaign_id=row.campaign_id,
        campaign_title=campaign_title,
        call_id=row.call_id,
        created_at=row.created_at,
        refused_dials=refused,
    )
