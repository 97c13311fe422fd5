"""Do-not-disturb entries, questions to the user, and the lifecycle manager's decisions."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from opendeep.common import channels
from opendeep.common.data_models import (
    DNDEntryBase,
    DndScope,
    FeedbackKind,
    FeedbackRequest,
    FeedbackStatus,
)
from opendeep.common.errors import Conflict, NotFound
from opendeep.common.ids import new_id
from opendeep.common.views import feedback_view
from opendeep.database.models import DndRow, FeedbackRow, LifecycleDecisionRow
from opendeep.database.rows import feedback_value
from opendeep.database.scope import across_tenants, for_user
from opendeep.database.store import Store, batches, locked


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


class FeedbackStore(Store):
    async def ask(
        self,
        user_id: UUID,
        campaign_id: UUID,
        task_id: UUID,
        question: str,
        *,
        kind: FeedbackKind,
        call_id: UUID | None = None,
        tool_call_id: str | None = None,
        options: Sequence[str] = (),
        timeout_s: float | None = None,
        sets: str | None = None,
    ) -> FeedbackRequest:
        """Put a question to the user. Asking again with the same `tool_call_id` returns the first one.

        Raises `Conflict` when the call has another open question.
        """
        if tool_call_id is not None:
            known = for_user(
                select(FeedbackRow).where(FeedbackRow.call_id == call_id, FeedbackRow.tool_call_id == tool_call_id),
                FeedbackRow,
                user_id,
            )
            row = (await self._session.scalars(known)).one_or_none()
            if row is not None:
                return feedback_value(row)
        row = FeedbackRow(
            id=new_id(),
            user_id=user_id,
            campaign_id=campaign_id,
            task_id=task_id,
            call_id=call_id,
            tool_call_id=tool_call_id,
            kind=kind,
            question=question,
            options=list(options),
            sets=sets,
            status=FeedbackStatus.PENDING,
            answer=None,
            asked_at=self._work.now,
            expires_at=self._work.now + timedelta(seconds=timeout_s) if timeout_s is not None else None,
            answered_at=None,
        )
        try:
            async with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError as error:
            raise Conflict("This call already has an open question.") from error
        return self._told(row)

    async def get(self, user_id: UUID, feedback_id: UUID) -> FeedbackRequest:
        return feedback_value(await self._row(user_id, feedback_id))

    async def count_of_call(self, user_id: UUID, call_id: UUID) -> int:
        statement = for_user(
            select(func.count()).select_from(FeedbackRow).where(FeedbackRow.call_id == call_id), FeedbackRow, user_id
        )
        return await self._session.scalar(statement) or 0

    async def answer(self, user_id: UUID, feedback_id: UUID, answer: str) -> FeedbackRequest:
        """Answer an open question. Raises `Conflict` when it was answered, expired or cancelled before."""
        row = await self._row(user_id, feedback_id, lock=True)
        overdue = row.expires_at is not None and row.expires_at <= self._work.now
        if row.status != FeedbackStatus.PENDING or overdue:
            state = FeedbackStatus.EXPIRED if overdue and row.status == FeedbackStatus.PENDING else row.status
            raise Conflict(f"This question is closed ({state.lower()}).")
        row.status = FeedbackStatus.ANSWERED
        row.answer = answer
        row.answered_at = self._work.now
        if row.call_id is not None:
            self._work.ring(
                channels.call_commands(row.call_id), {"type": "feedback_answered", "feedback_id": str(row.id)}
            )
        return self._told(row)

    async def close(self, feedback_id: UUID, status: FeedbackStatus) -> FeedbackRequest:
        """Expire or cancel a question unless it is closed already; returns it as it is now."""
        statement = across_tenants(
            locked(select(FeedbackRow).where(FeedbackRow.id == feedback_id)),
            "by the id of a question that a call holds",
        )
        row = (await self._session.scalars(statement)).one_or_none()
        if row is None:
            raise NotFound("There is no such question.")
        if row.status != FeedbackStatus.PENDING:
            return feedback_value(row)
        row.status = status
        return self._told(row)

    async def overdue(self) -> list[FeedbackRequest]:
        """Open questions past their deadline (their call may have crashed)."""
        statement = across_tenants(
            select(FeedbackRow).where(
                FeedbackRow.status == FeedbackStatus.PENDING, FeedbackRow.expires_at <= self._work.now
            ),
            "one worker expires the questions of all tenants",
        )
        return [feedback_value(row) for row in (await self._session.scalars(statement)).all()]

    async def pending(self, user_id: UUID) -> list[FeedbackRequest]:
        statement = for_user(
            select(FeedbackRow).where(FeedbackRow.status == FeedbackStatus.PENDING).order_by(FeedbackRow.asked_at),
            FeedbackRow,
            user_id,
        )
        return [feedback_value(row) for row in (await self._session.scalars(statement)).all()]

    async def of_task(self, user_id: UUID, task_id: UUID) -> list[FeedbackRequest]:
        statement = for_user(
            select(FeedbackRow).where(FeedbackRow.task_id == task_id).order_by(FeedbackRow.asked_at),
            FeedbackRow,
            user_id,
        )
        return [feedback_value(row) for row in (await self._session.scalars(statement)).all()]

    def _told(self, row: FeedbackRow) -> FeedbackRequest:
        value = feedback_value(row)
        self._work.tell_user(row.user_id, "feedback", feedback=feedback_view(value))
        return value

    async def _row(self, user_id: UUID, feedback_id: UUID, *, lock: bool = False) -> FeedbackRow:
        statement = for_user(select(FeedbackRow).where(FeedbackRow.id == feedback_id), FeedbackRow, user_id)
        row = (await self._session.scalars(locked(statement) if lock else statement)).one_or_none()
        if row is None:
            raise NotFound("There is no such question.")
        return row


class LifecycleStore(Store):
    async def add(
        self,
        user_id: UUID,
        *,
        rule: str,
        observation: str,
        action: str,
        reason: str,
        expected: str,
        campaign_id: UUID | None = None,
        task_id: UUID | None = None,
    ) -> UUID:
        """Write one decision, in the same transaction as what it changes."""
        row = LifecycleDecisionRow(
            id=new_id(),
            user_id=user_id,
            campaign_id=campaign_id,
            task_id=task_id,
            rule=rule,
            observation=observation,
            action=action,
            reason=reason,
            expected=expected,
            result=None,
            created_at=self._work.now,
        )
        self._session.add(row)
        await self._session.flush()
        return row.id

    async def count_since(self, user_id: UUID, task_id: UUID, since: datetime, rule: str | None = None) -> int:
        """Decisions on one task since then: bounds the manager's loops."""
        statement = for_user(
            select(func.count())
            .select_from(LifecycleDecisionRow)
            .where(LifecycleDecisionRow.task_id == task_id, LifecycleDecisionRow.created_at >= since),
            LifecycleDecisionRow,
            user_id,
        )
        if rule is not None:
            statement = statement.where(LifecycleDecisionRow.rule == rule)
        return await self._session.scalar(statement) or 0

    async def recent(self, user_id: UUID, limit: int = 100) -> list[dict[str, object]]:
        """Newest first, as JSON views."""
        statement = for_user(
            select(LifecycleDecisionRow).order_by(LifecycleDecisionRow.created_at.desc()).limit(limit),
            LifecycleDecisionRow,
            user_id,
        )
        return [
            {
                "id": str(row.id),
                "campaign_id": str(row.campaign_id) if row.campaign_id else None,
                "task_id": str(row.task_id) if row.task_id else None,
                "rule": row.rule,
                "observation": row.observation,
                "action": row.action,
                "reason": row.reason,
                "expected": row.expected,
                "result": row.result,
                "created_at": row.created_at.isoformat(),
            }
            for row in (await self._session.scalars(statement)).all()
        ]
