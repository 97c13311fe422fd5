"""`DndService`: the user's own do-not-call list as the user keeps it. What the callee asked for is added elsewhere.

Whatever is added holds for the next call at once. A removal needs a reason, which is kept with what the entry said.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final
from uuid import UUID

from opendeep.common.csv_text import csv_line
from opendeep.common.data_models import DNDEntryBase, DndScope
from opendeep.common.dnd_values import ListedNumber, RemovedNumber
from opendeep.common.errors import Conflict, UserMistake
from opendeep.common.phone import parse_number
from opendeep.common.plain_text import plain
from opendeep.database.db_manager import DatabaseManager, Transaction
from opendeep.task_manager.dnd_csv import LineError, ReadNumbers, read_numbers

BATCH: Final = 200  # entries in one transaction: other writers get their turn between
NO_REASON: Final = "You put this number on the list."
BY_HAND: Final = "by hand"
BY_IMPORT: Final = "import"
HEADING: Final = ("phone_number", "scope", "campaign", "reason", "source", "listed_at")


@dataclass(frozen=True, slots=True)
class Imported:
    """`known`: were on the list already; `errors`: the first of `error_count` lines that could not be taken."""

    added: int
    known: int
    repeated: int
    errors: Sequence[LineError]
    error_count: int


class DndService:
    """`threshold`: so many users' entries make a number global. Every method is scoped by `user_id`."""

    def __init__(self, db: DatabaseManager, region: str, extensions: Collection[str], threshold: int) -> None:
        self._db = db
        self._region = region
        self._extensions = tuple(extensions)
        self._threshold = threshold

    async def page(
        self, user_id: UUID, search: str = "", limit: int = 50, offset: int = 0
    ) -> tuple[list[ListedNumber], int]:
        async with self._db.read() as work:
            return await work.dnd_book.page(user_id, plain(search).strip(), limit, offset)

    async def removals(self, user_id: UUID) -> list[RemovedNumber]:
        async with self._db.read() as work:
            return await work.dnd_book.removals(user_id)

    async def add(self, user_id: UUID, number: str, reason: str, campaign_id: UUID | None = None) -> ListedNumber:
        """Forbid a number for the user, or for one campaign of theirs. Raises `InvalidPhoneNumber`, `NotFound` for
        another's campaign, and `Conflict` when it is on that list."""
        phone = parse_number(number, self._region, self._extensions).e164
        scope = DndScope.USER if campaign_id is None else DndScope.CAMPAIGN
        entry = DNDEntryBase(phone, scope, reason.strip() or NO_REASON, BY_HAND, user_id, campaign_id)
        async with self._db.transaction() as work:
            if campaign_id is not None:
                await work.campaigns.get(user_id, campaign_id)
            if not await work.dnd.refuse_calls(entry, self._threshold):
                raise Conflict(f"{phone} is on this list already.")
            return await work.dnd_book.find(user_id, phone, campaign_id)

    async def remove(self, user_id: UUID, entry_id: UUID, because: str) -> None:
        """Allow calls again, as far as this entry goes. Raises `UserMistake` without a reason, `NotFound`."""
        if not because.strip():
            raise UserMistake("Please say why calls are allowed again; the reason is kept.")
        async with self._db.transaction() as work:
            await work.dnd_book.remove(user_id, entry_id, because.strip())

    async def import_csv(self, user_id: UUID, text: str, first_line: int = 1) -> Imported:
        """Add every number that can be read; lines that cannot are named. To import again changes nothing."""
        read: ReadNumbers = await asyncio.to_thread(read_numbers, text, self._region, self._extensions, first_line)
        added = 0
        items = iter(read.numbers.items())
        while part := list(islice(items, BATCH)):
            entries = [
                DNDEntryBase(number, DndScope.USER, reason or NO_REASON, BY_IMPORT, user_id) for number, reason in part
            ]
            async with self._db.transaction() as work:
                added += await work.dnd_book.add_many(entries)
                await self._promote(work, [number for number, _ in part])
        return Imported(added, len(read.numbers) - added, read.repeated, read.errors, read.error_count)

    async def _promote(self, work: Transaction, numbers: Sequence[str]) -> None:
        for number in await work.dnd_book.over_threshold(numbers, self._threshold):
            await work.dnd.promote_to_global(number, self._threshold)

    async def export_csv(self, user_id: UUID) -> AsyncIterator[str]:
        """The whole list in parts, a heading first."""
        yield csv_line(HEADING)
        async with self._db.read() as work:
            async for part in work.dnd_book.all(user_id):
                yield "".join(
                    csv_line(
                        (
                            entry.phone_number,
                            entry.scope.value,
                            entry.campaign_title or "",
                            entry.reason,
                            entry.source,
                            entry.created_at.isoformat(timespec="seconds"),
                        )
                    )
                    for entry in part
                )
