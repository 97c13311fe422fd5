"""Questions to the user: asked, answered (also late), expired, withdrawn.

Of an answer, the deadline and the end of the call exactly one finds a question open; the row says which.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, literal, select, update
from sqlalchemy.exc import IntegrityError

from opendeep.common import channels
from opendeep.common.data_models import LIVE_CALL_STATUSES, FeedbackKind, FeedbackRequest, FeedbackStatus
from opendeep.common.errors import Conflict, NotFound
from opendeep.common.ids import new_id
from opendeep.common.task_states import TERMINAL
from opendeep.common.views import feedback_view
from opendeep.database.models import CallRow, FeedbackRow, TaskRow, UtcDateTime
from opendeep.database.rows import feedback_value
from opendeep.database.scope import across_tenants, for_user
from opendeep.database.store import Store, locked

MISSED_FOR: Final = timedelta(days=1)  # how long an unanswered question of a call is shown
MAX_MISSED: Final = 5


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
        """Answer a question. One of a call may be answered late, after its deadline or the call's end: see `late`.

        Raises `Conflict` when it was answered before, or is a decision that was closed.
        """
        row = await self._row(user_id, feedback_id, lock=True)
        answered = row.status == FeedbackStatus.ANSWERED
        if answered or (row.status != FeedbackStatus.PENDING and row.kind != FeedbackKind.LIVE):
            raise Conflict(f"This question is closed ({row.status.lower()}).")
        now = self._work.now
        if row.status != FeedbackStatus.PENDING:
            now = max(now, row.expires_at or now)  # the clock of the node that closed it may be ahead of ours
        elif row.kind == FeedbackKind.LIVE and await self._call_is_over(user_id, row.call_id):
            row.expires_at = min(now, row.expires_at or now)  # its call could not withdraw it
        row.status = FeedbackStatus.ANSWERED
        row.answer = answer
        row.answered_at = now
        if row.call_id is not None:
            self._work.ring(
                channels.call_commands(row.call_id), {"type": "feedback_answered", "feedback_id": str(row.id)}
            )
        return self._told(row)

    async def close(self, feedback_id: UUID, status: FeedbackStatus) -> FeedbackRequest:
        """Expire or cancel a question unless it is closed already; returns it as it is now."""
        mine, why = FeedbackRow.id == feedback_id, "by the id of a question that a call holds"
        if closed := await self._close(mine, status, why):
            return closed[0]
        row = (await self._session.scalars(across_tenants(select(FeedbackRow).where(mine), why))).one_or_none()
        if row is None:
            raise NotFound("There is no such question.")
        return feedback_value(row)

    async def withdraw_of_call(self, call_id: UUID) -> list[FeedbackRequest]:
        """The call is over: what it has asked and nobody has answered can only be answered late."""
        mine = FeedbackRow.call_id == call_id
        return await self._close(mine, FeedbackStatus.CANCELLED, "by the id of a call that a worker holds")

    async def withdraw_decisions(self, user_id: UUID, task_id: UUID) -> list[FeedbackRequest]:
        """The task has ended: what the user was asked to decide about it is settled."""
        mine = (FeedbackRow.user_id == user_id) & (FeedbackRow.task_id == task_id)
        asked = mine & (FeedbackRow.kind == FeedbackKind.DECISION)
        return await self._close(asked, FeedbackStatus.CANCELLED, "of one tenant, by the condition above")

    async def expire_overdue(self) -> list[FeedbackRequest]:
        """Close the open questions past their deadline."""
        overdue = FeedbackRow.expires_at <= self._work.now
        return await self._close(overdue, FeedbackStatus.EXPIRED, "one worker expires the questions of all tenants")

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

    async def missed(self, user_id: UUID) -> list[FeedbackRequest]:
        """The latest questions of calls that nobody has answered and whose task goes on: a late answer helps it."""
        unanswered = (FeedbackStatus.EXPIRED, FeedbackStatus.CANCELLED)
        statement = for_user(
            select(FeedbackRow)
            .join(TaskRow, TaskRow.id == FeedbackRow.task_id)
            .where(
                FeedbackRow.status.in_(unanswered),
                FeedbackRow.kind == FeedbackKind.LIVE,
                FeedbackRow.asked_at >= self._work.now - MISSED_FOR,
                TaskRow.status.not_in(TERMINAL),
            )
            .order_by(FeedbackRow.asked_at.desc())
            .limit(MAX_MISSED),
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

    async def _close(self, which: ColumnElement[bool], status: FeedbackStatus, why: str) -> list[FeedbackRequest]:
        """Close those that are open, in one statement: of an answer and two closings exactly one finds them so.

        The deadline of one that is closed before it is now.
        """
        now = literal(self._work.now, UtcDateTime())
        statement = across_tenants(
            update(FeedbackRow)
            .where(which, FeedbackRow.status == FeedbackStatus.PENDING)
            .values(status=status, expires_at=case((FeedbackRow.expires_at <= now, FeedbackRow.expires_at), else_=now))
            .returning(FeedbackRow),
            why,
        )
        fresh = {"populate_existing": True, "synchronize_session": False}
        return [self._told(row) for row in (await self._session.scalars(statement, execution_options=fresh)).all()]

    async def _call_is_over(self, user_id: UUID, call_id: UUID | None) -> bool:
        statement = for_user(
            select(CallRow.id).where(CallRow.id == call_id, CallRow.status.in_(LIVE_CALL_STATUSES)), CallRow, user_id
        )
        return await self._session.scalar(statement) is None

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
