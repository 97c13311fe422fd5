"""What the lifecycle manager sees of one tenant: aggregates by one statement each, never a statement per task."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, case, cast, extract, func, select, text
from sqlalchemy.orm import aliased

from opendeep.common.data_models import CampaignStatus, EarlierCall, Task, TaskStatus
from opendeep.common.lifecycle_decisions import Disagreement, HourRate
from opendeep.database.models import DONE_BUT_DUE, OPEN_TASK, CallRow, CampaignRow, TaskRow
from opendeep.database.rows import task_value
from opendeep.database.scope import for_user
from opendeep.database.store import Store

MAX_FOUND: Final = 50  # contradictions of one kind in one look


class ObservationsStore(Store):
    async def queues(self, user_id: UUID) -> dict[str, int]:
        """Open tasks per status."""
        statement = for_user(
            select(TaskRow.status, func.count()).where(text(OPEN_TASK)).group_by(TaskRow.status), TaskRow, user_id
        )
        return {status: count for status, count in (await self._session.execute(statement)).all()}

    async def active_campaigns(self, user_id: UUID, campaign_ids: Collection[UUID]) -> set[UUID]:
        """Those of the campaigns that are ACTIVE."""
        statement = for_user(
            select(CampaignRow.id).where(CampaignRow.id.in_(campaign_ids), CampaignRow.status == CampaignStatus.ACTIVE),
            CampaignRow,
            user_id,
        )
        return set((await self._session.scalars(statement)).all())

    async def answers_by_hour(self, user_id: UUID, since: datetime) -> dict[int, HourRate]:
        """Ended calls and answered ones since then, by the hour of the day (UTC) in which they began."""
        hour = self._hour(CallRow.created_at)
        answered = func.sum(case((CallRow.answered_at.is_not(None), 1), else_=0))
        statement = for_user(
            select(hour, func.count(), answered)
            .where(CallRow.created_at >= since, CallRow.ended_at.is_not(None))
            .group_by(hour),
            CallRow,
            user_id,
        )
        rows = (await self._session.execute(statement)).all()
        return {int(at): HourRate(int(calls), int(reached)) for at, calls, reached in rows}

    async def done_but_due(self, user_id: UUID) -> list[Task]:
        """Finished tasks that still carry a time for another attempt."""
        statement = for_user(select(TaskRow).where(text(DONE_BUT_DUE)).limit(MAX_FOUND), TaskRow, user_id)
        return [task_value(row) for row in (await self._session.scalars(statement)).all()]

    async def disagreements(self, user_id: UUID, since: datetime, until: datetime) -> list[Disagreement]:
        """Pairs of finished tasks of one campaign and number with different results, one of them called since `since`.

        Found over the calls, whose numbers are indexed; `until` bounds how far back the other call may be.
        """
        call, other, one, two = aliased(CallRow), aliased(CallRow), aliased(TaskRow), aliased(TaskRow)
        same_line = (
            (other.phone_number == call.phone_number)
            & (other.campaign_id == call.campaign_id)
            & (other.task_id != call.task_id)
            & (other.created_at >= until)
        )
        statement = for_user(
            select(one, two)
            .select_from(call)
            .join(other, same_line)
            .join(two, two.id == call.task_id)
            .join(one, (one.id == other.task_id) & (one.phone_number == two.phone_number))
            .where(call.created_at >= since, one.status == TaskStatus.COMPLETED, two.status == TaskStatus.COMPLETED)
            .limit(MAX_FOUND),
            call,
            user_id,
        )
        pairs: dict[tuple[UUID, UUID], tuple[Task, Task]] = {}
        for a, b in (await self._session.execute(statement)).all():
            first, second = sorted((task_value(a), task_value(b)), key=lambda task: task.position)
            pairs[first.id, second.id] = (first, second)
        return [found for pair in pairs.values() if (found := _differ(*pair)) is not None]

    async def earlier_calls(
        self, user_id: UUID, task_ids: Collection[UUID], last: int
    ) -> dict[UUID, list[EarlierCall]]:
        """The `last` ended calls of each task, oldest first, with what the analyser wrote of them."""
        statement = for_user(
            select(CallRow.task_id, CallRow.attempt_number, CallRow.ended_at, CallRow.disposition, CallRow.analysis)
            .where(CallRow.task_id.in_(task_ids), CallRow.ended_at.is_not(None))
            .order_by(CallRow.task_id, CallRow.attempt_number),
            CallRow,
            user_id,
        )
        found: dict[UUID, list[EarlierCall]] = defaultdict(list)
        for task_id, number, ended_at, disposition, analysis in (await self._session.execute(statement)).all():
            summary = str((analysis or {}).get("summary") or "")
            found[task_id] = [*found[task_id], EarlierCall(number, ended_at, disposition or "", summary)][-last:]
        return found

    def _hour(self, moment: Any) -> ColumnElement[Any]:
        """The hour (UTC) of a moment, in the dialect's own words."""
        if self._session.get_bind().dialect.name == "sqlite":
            return cast(func.strftime("%H", moment), Integer)
        return cast(extract("hour", func.timezone("UTC", moment)), Integer)


def _differ(first: Task, second: Task) -> Disagreement | None:
    """The first question that both have answered, and not alike."""
    for key, answer in first.result.items():
        other = second.result.get(key)
        values = (_value(answer), _value(other))
        if other is not None and values[0] != values[1]:
            return Disagreement(first, second, key, values)
    return None


def _value(answer: Any) -> str:
    return str(answer.get("value") if isinstance(answer, dict) else answer)[:100]
