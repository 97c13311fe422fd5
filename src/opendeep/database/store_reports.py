"""What reports and exports ask of the rows: sums made by the database, and pages of columns. Changes nothing.

A campaign may have 100,000 tasks and more calls: nothing here is asked once per task, and nothing reads a whole row.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import case, func, literal, null, select

from opendeep.common.report_values import (
    SLOT_S,
    ReportCall,
    ReportHead,
    ReportTask,
    ReportTurn,
    Slot,
    Tally,
)
from opendeep.database.expressions import is_sqlite, slot_number, talk_seconds
from opendeep.database.models import CallRow, CampaignRow, TaskRow, TranscriptRow
from opendeep.database.scope import for_user
from opendeep.database.store import Store

MAX_QUESTION_SETS: Final = 200  # that the tasks of one campaign may have and still all get columns
MAX_FIELDS: Final = 300  # columns of results in an export


class ReportsStore(Store):
    async def tallies(self, user_id: UUID, campaign_id: UUID) -> list[Tally]:
        """The campaign's tasks, counted by status, disposition and attempts."""
        columns = TaskRow.status, TaskRow.disposition, TaskRow.attempts
        statement = for_user(
            select(*columns, func.count()).where(TaskRow.campaign_id == campaign_id).group_by(*columns),
            TaskRow,
            user_id,
        )
        return [Tally(*row) for row in (await self._session.execute(statement)).all()]

    async def progress_of(self, user_id: UUID, campaign_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
        """Tasks of several campaigns, counted by status."""
        columns = TaskRow.campaign_id, TaskRow.status
        statement = for_user(
            select(*columns, func.count()).where(TaskRow.campaign_id.in_(campaign_ids)).group_by(*columns),
            TaskRow,
            user_id,
        )
        counts: dict[UUID, dict[str, int]] = {campaign_id: {} for campaign_id in campaign_ids}
        for campaign_id, status, count in (await self._session.execute(statement)).all():
            counts[campaign_id][status] = count
        return counts

    async def slots(
        self, user_id: UUID, *, campaign_id: UUID | None = None, since: datetime | None = None
    ) -> list[Slot]:
        """Ended calls of a campaign, or of all since then, summed by quarter of an hour, zone and outcome."""
        talk = talk_seconds(self._session)
        usd = CallRow.usage[("cost", "usd")].as_float()
        outside = CallRow.phone_number.startswith("+")  # our own extensions cost nothing
        statement = for_user(
            select(
                slot_number(self._session, CallRow.created_at, SLOT_S).label("slot"),
                TaskRow.timezone.label("zone"),
                CallRow.disposition.label("outcome"),
                func.count(),
                func.count(CallRow.answered_at),
                func.sum(talk),
                func.sum(case((outside, talk), else_=null())),
                func.sum(usd),
                func.count(usd),
            )
            .join(TaskRow, TaskRow.id == CallRow.task_id)
            .where(CallRow.ended_at.is_not(None))
            .group_by("slot", "zone", "outcome")
            .order_by("slot"),
            CallRow,
            user_id,
        )
        if campaign_id is not None:
            statement = statement.where(CallRow.campaign_id == campaign_id)
        if since is not None:
            statement = statement.where(CallRow.created_at >= since)
        return [_slot(*row) for row in (await self._session.execute(statement)).all()]

    async def tasks(self, user_id: UUID, campaign_id: UUID, after: int, limit: int) -> list[ReportTask]:
        """A page in the plan's order, behind the position `after`."""
        statement = for_user(
            select(
                TaskRow.id,
                TaskRow.position,
                TaskRow.contact_name,
                TaskRow.phone_number,
                TaskRow.objective,
                TaskRow.status,
                TaskRow.status_reason,
                TaskRow.disposition,
                TaskRow.attempts,
                TaskRow.summary,
                TaskRow.result,
                TaskRow.finished_at,
            )
            .where(TaskRow.campaign_id == campaign_id, TaskRow.position > after)
            .order_by(TaskRow.position)
            .limit(limit),
            TaskRow,
            user_id,
        )
        rows: Sequence[Any] = (await self._session.execute(statement)).all()
        return [ReportTask(*row) for row in rows]

    async def calls(self, user_id: UUID, task_ids: Sequence[UUID]) -> list[ReportCall]:
        """The calls of some tasks, each task's in order; so many as one statement may name (a few thousand)."""
        statement = for_user(
            select(
                CallRow.id,
                CallRow.task_id,
                CallRow.attempt_number,
                CallRow.status,
                CallRow.disposition,
                func.coalesce(talk_seconds(self._session), 0.0),
                CallRow.recording_path.is_not(None),
                CallRow.analysis["evidence_turns"],
            )
            .where(CallRow.task_id.in_(task_ids))
            .order_by(CallRow.task_id, CallRow.attempt_number),
            CallRow,
            user_id,
        )
        rows: Sequence[Any] = (await self._session.execute(statement)).all()
        return [ReportCall(*row) for row in rows]

    async def attempts(self, user_id: UUID, task_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
        """By task, the attempt number of each of its calls by the call's id as text."""
        columns = CallRow.task_id, CallRow.id, CallRow.attempt_number
        statement = for_user(select(*columns).where(CallRow.task_id.in_(task_ids)), CallRow, user_id)
        numbers: dict[UUID, dict[str, int]] = {}
        for task_id, call_id, attempt in (await self._session.execute(statement)).all():
            numbers.setdefault(task_id, {})[str(call_id)] = attempt
        return numbers

    async def turns(self, user_id: UUID, call_ids: Sequence[UUID], last: int, max_chars: int) -> list[ReportTurn]:
        """What was said in some calls: all turns, the text of the `last` ones of each call, cut to `max_chars`."""
        rank = func.row_number().over(partition_by=TranscriptRow.call_id, order_by=TranscriptRow.turn.desc())
        statement = for_user(
            select(
                TranscriptRow.call_id,
                TranscriptRow.turn,
                TranscriptRow.speaker,
                case((rank <= last, func.substr(TranscriptRow.text, 1, max_chars)), else_=null()),
            )
            .where(TranscriptRow.call_id.in_(call_ids))
            .order_by(TranscriptRow.call_id, TranscriptRow.turn),
            TranscriptRow,
            user_id,
        )
        return [ReportTurn(*row) for row in (await self._session.execute(statement)).all()]

    async def questions(self, user_id: UUID, campaign_id: UUID) -> list[dict[str, Any]]:
        """What the campaign's calls ask, each key once: the plan's own questions and those of single tasks."""
        asked = TaskRow.brief["questions"]
        statement = for_user(
            select(asked).where(TaskRow.campaign_id == campaign_id).distinct().limit(MAX_QUESTION_SETS),
            TaskRow,
            user_id,
        )
        found: dict[str, dict[str, Any]] = {}
        for questions in (await self._session.scalars(statement)).all():
            for question in questions or ():
                found.setdefault(str(question["key"]), dict(question))
        return list(found.values())[:MAX_FIELDS]

    async def found_keys(self, user_id: UUID, campaign_id: UUID) -> list[str]:
        """The keys of all results that the campaign has by now."""
        mine = TaskRow.campaign_id == campaign_id
        statement: Any
        if is_sqlite(self._session):
            each = func.json_each(TaskRow.result).table_valued("key", name="entry")
            statement = select(each.c.key).select_from(TaskRow).join(each, literal(True)).where(mine)
        else:
            statement = select(func.jsonb_object_keys(TaskRow.result)).where(mine)
        scoped = for_user(statement.distinct().limit(MAX_FIELDS), TaskRow, user_id)
        return sorted((await self._session.scalars(scoped)).all())

    async def heads(self, user_id: UUID, limit: int) -> list[ReportHead]:
        """The latest campaigns with the head of their final report; the reports themselves may be long."""
        report = CampaignRow.report
        statement = for_user(
            select(
                CampaignRow.id,
                CampaignRow.title,
                CampaignRow.status,
                CampaignRow.created_at,
                CampaignRow.finished_at,
                report["headline"].as_string(),
                report["generated_at"].as_string(),
                report["figures"],
            )
            .order_by(CampaignRow.created_at.desc(), CampaignRow.id.desc())
            .limit(limit),
            CampaignRow,
            user_id,
        )
        return [ReportHead(*row) for row in (await self._session.execute(statement)).all()]


def _slot(
    number: int,
    zone: str | None,
    outcome: str | None,
    calls: int,
    answered: int,
    talk_s: float | None,
    billed_s: float | None,
    usd: float | None,
    priced: int,
) -> Slot:
    starts_at = datetime.fromtimestamp(number * SLOT_S, UTC)
    talk, billed, voice = float(talk_s or 0), float(billed_s or 0), float(usd or 0)
    return Slot(starts_at, zone, outcome, calls, answered, talk, billed, voice, priced)
