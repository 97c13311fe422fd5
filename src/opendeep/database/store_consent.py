"""Do-not-disturb entries."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from opendeep.common.data_models import DNDEntryBase, DndScope
from opendeep.common.ids import new_id
from opendeep.database.models import DndRow
from opendeep.database.scope import across_tenants, for_user
from opendeep.database.store import Store, batches

log = structlog.get_logger(__name__)


def _entry(row: DndRow) -> DNDEntryBase:
    return DNDEntryBase(
        phone_number=row.phone_number,
        scope=DndScope(row.scope),
        reason=row.reason,
        source=row.source,
        user_id=row.user_id,
        campaign_id=row.campaign_id,
        call_id=row.call_id,
    )


def concerns(entry: DNDEntryBase, user_id: UUID, campaign_id: UUID | None) -> bool:
    """Whether the entry holds for this tenant's campaign."""
    if entry.scope is DndScope.GLOBAL:
        return True
    return entry.user_id == user_id and entry.campaign_id in (None, campaign_id)


class DndStore(Store):
    async def add(self, entry: DNDEntryBase) -> bool:
        """Keep the entry; False when the number is on that list already."""
        row = DndRow(
            id=new_id(),
            user_id=entry.user_id,
            campaign_id=entry.campaign_id,
            phone_number=entry.phone_number,
            scope=entry.scope,
            reason=entry.reason,
            source=entry.source,
            call_id=entry.call_id,
            created_at=self._work.now,
        )
        try:
            async with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            return False
        return True

    async def refuse_calls(self, entry: DNDEntryBase, threshold: int) -> bool:
        """A callee wants no more calls: keep the entry, and make the number global once `threshold` users have it.

        False when the number was on that list already.
        """
        added = await self.add(entry)
        if await self.promote_to_global(entry.phone_number, threshold):
            log.warning("dnd.promoted", threshold=threshold)
        return added

    async def match(self, user_id: UUID, campaign_id: UUID, phone_number: str) -> DNDEntryBase | None:
        """The entry that forbids this call, if any: of the user, of the campaign, or global."""
        entries = (await self.of_numbers([phone_number], [user_id])).get(phone_number, ())
        return next((entry for entry in entries if concerns(entry, user_id, campaign_id)), None)

    async def of_numbers(
        self, numbers: Collection[str], user_ids: Collection[UUID]
    ) -> Mapping[str, Sequence[DNDEntryBase]]:
        """All entries of these tenants, and the global ones, by number; `concerns` says which of them hold."""
        found: dict[str, list[DNDEntryBase]] = defaultdict(list)
        for part in batches(numbers):
            mine_or_global = DndRow.user_id.in_(user_ids) | (DndRow.scope == DndScope.GLOBAL)
            statement = across_tenants(
                select(DndRow).where(DndRow.phone_number.in_(part), mine_or_global).order_by(DndRow.scope),
                "global entries have no tenant; the condition names the tenants for all others",
            )
            for row in (await self._session.scalars(statement)).all():
                found[row.phone_number].append(_entry(row))
        return found

    async def promote_to_global(self, phone_number: str, threshold: int) -> bool:
        """Make the number global once `threshold` users have it on their lists; True when that happened now."""
        users = await self._session.scalar(
            across_tenants(
                select(func.count(func.distinct(DndRow.user_id))).where(
                    DndRow.phone_number == phone_number, DndRow.scope == DndScope.USER
                ),
                "the global list follows from all tenants' entries",
            )
        )
        if (users or 0) < threshold:
            return False
        return await self.add(
            DNDEntryBase(
                phone_number=phone_number,
                scope=DndScope.GLOBAL,
                reason=f"{users} users were asked not to call this number.",
                source="threshold",
            )
        )

    async def entries(self, user_id: UUID) -> list[DNDEntryBase]:
        statement = for_user(select(DndRow).order_by(DndRow.created_at), DndRow, user_id)
        return [_entry(row) for row in (await self._session.scalars(statement)).all()]

    async def remove(self, user_id: UUID, phone_number: str) -> int:
        """Take a number off the user's own list; returns how many entries went."""
        statement = for_user(delete(DndRow).where(DndRow.phone_number == phone_number), DndRow, user_id)
        result = await self._session.execute(statement)
        return int(getattr(result, "rowcount", 0))
