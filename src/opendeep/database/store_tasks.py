"""Tasks. The only place where a task's status changes, by the table in `common.task_states`.

Claiming is `FOR UPDATE SKIP LOCKED` on PostgreSQL; on SQLite the transaction itself is exclusive (BEGIN IMMEDIATE).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Select, exists, insert, select, text, update

from opendeep.common import channels
from opendeep.common.data_models import (
    LIVE_CALL_STATUSES,
    Disposition,
    Task,
    TaskBase,
    TaskStatus,
)
from opendeep.common.errors import Conflict, NotFound
from opendeep.common.ids import new_id
from opendeep.common.task_states import TERMINAL, check_transition
from opendeep.common.views import task_view
from opendeep.database.due_tasks import TENANTS, Lease, in_status, lease_due, next_due_at, ready_at
from opendeep.database.models import OPEN_TASK, CallRow, TaskRow
from opendeep.database.rows import task_value
from opendeep.database.scope import across_tenants, for_user
from opendeep.database.store import Store, locked
from opendeep.database.turns import Turns

log = structlog.get_logger(__name__)

_BELLS = {
    TaskStatus.SCHEDULED: channels.TASKS_DUE,
    TaskStatus.QUEUED_FOR_CALL: channels.TASKS_QUEUED,
    TaskStatus.PENDING_ANALYSIS: channels.CALLS_ENDED,
    TaskStatus.COMPLETED: channels.TASKS_FINISHED,
    TaskStatus.FAILED: channels.TASKS_FINISHED,
    TaskStatus.CANCELLED: channels.TASKS_FINISHED,
}
BUSY = (TaskStatus.QUEUED_FOR_CALL, TaskStatus.CALL_IN_PROGRESS, TaskStatus.PENDING_ANALYSIS)  # somebody works on it
INSERT_BATCH = 100  # rows in one statement: a few ms of the event loop, which carries live calls
ANALYZE_FROM = 2_000  # so many new tasks make PostgreSQL's statistics useless until its own analysis comes round


class TasksStore(Store):
    async def add_many(self, user_id: UUID, campaign_id: UUID, tasks: Sequence[TaskBase], after: int = 0) -> None:
        """Insert tasks of a campaign, SCHEDULED, at the positions behind `after`."""
        now = self._work.now
        for first in range(0, len(tasks), INSERT_BATCH):
            batch = [
                {
                    "id": new_id(),
                    "user_id": user_id,
                    "campaign_id": campaign_id,
                    "position": after + first + offset + 1,
                    "contact_name": task.contact_name,
                    "contact_kind": task.contact_kind,
                    "phone_number": task.phone_number,
                    "timezone": task.timezone,
                    "address": task.address,
                    "objective": task.objective,
                    "brief": dict(task.brief),
                    "status": TaskStatus.SCHEDULED,
                    "status_reason": "Waiting for its turn.",
                    "priority": task.priority,
                    "attempts": 0,
                    "max_attempts": task.max_attempts,
                    "next_attempt_at": max(task.not_before or now, now),
                    "lease_owner": None,
                    "lease_expires_at": None,
                    "disposition": None,
                    "summary": None,
                    "result": {},
                    "version": 1,
                    "created_at": now,
                    "updated_at": now,
                    "finished_at": None,
                }
                for offset, task in enumerate(tasks[first : first + INSERT_BATCH])
            ]
            await self._session.execute(insert(TaskRow), batch)

    async def added(self, count: int) -> None:
        """So many rows are new: the planner must know before they are claimed."""
        if count >= ANALYZE_FROM and self._session.get_bind().dialect.name == "postgresql":
            await self._session.execute(text("ANALYZE tasks"))

    async def get(self, user_id: UUID, task_id: UUID) -> Task:
        statement = for_user(select(TaskRow).where(TaskRow.id == task_id), TaskRow, user_id)
        row = (await self._session.scalars(statement)).one_or_none()
        if row is None:
            raise NotFound("There is no such task.")
        return task_value(row)

    async def of_campaign(
        self, user_id: UUID, campaign_id: UUID, limit: int = 1000, offset: int = 0, *, hold: bool = False
    ) -> list[Task]:
        """A page in the plan's order. Positions are 1, 2, 3, … without gaps: no page costs more than the first.

        `hold`: lock them, in that order, for this transaction.
        """
        statement = for_user(
            select(TaskRow)
            .where(TaskRow.campaign_id == campaign_id, TaskRow.position > offset)
            .order_by(TaskRow.position)
            .limit(limit),
            TaskRow,
            user_id,
        )
        rows = (await self._session.scalars(locked(statement) if hold else statement)).all()
        return [task_value(row) for row in rows]

    async def of_user(self, user_id: UUID, statuses: Sequence[TaskStatus], limit: int = 500) -> list[Task]:
        """A tenant's tasks in these open states, longest unchanged first."""
        statement = for_user(
            select(TaskRow)
            .where(text(OPEN_TASK), TaskRow.status.in_(statuses))
            .order_by(TaskRow.updated_at)
            .limit(limit),
            TaskRow,
            user_id,
        )
        return [task_value(row) for row in (await self._session.scalars(statement)).all()]

    async def tenants(self) -> list[UUID]:
        """All that have open tasks."""
        return list((await self._session.scalars(TENANTS)).all())

    async def held_ids(self, user_id: UUID, task_ids: Sequence[UUID]) -> set[UUID]:
        """Those of the tasks that somebody works on now: under a lease, or with a live call."""
        live = exists().where(CallRow.task_id == TaskRow.id, CallRow.status.in_(LIVE_CALL_STATUSES))
        statement = for_user(
            select(TaskRow.id).where(TaskRow.id.in_(task_ids), live | (TaskRow.lease_expires_at >= self._work.now)),
            TaskRow,
            user_id,
        )
        return set((await self._session.scalars(statement)).all())

    async def claim_due(
        self, owner: str, limit: int, lease_s: float, *, cap: int | None = None, turns: Turns | None = None
    ) -> list[Task]:
        """Lease up to `limit` due tasks of active campaigns: tenants take turns, priorities count inside a tenant.

        `cap`: tasks of one tenant on the lines at the same time. `turns`: whose turn it is, kept from claim to claim.
        They stay SCHEDULED under the lease: the caller decides within it and then makes the transition.
        """
        lease = Lease(owner, lease_s)
        rows = await lease_due(self._session, self._work.now, limit, lease, turns or Turns(), cap)
        self._work.held.update((row.id, row) for row in rows)
        return [task_value(row) for row in rows]

    async def claim(
        self, status: TaskStatus, owner: str, limit: int, lease_s: float, fresh_s: float | None = None
    ) -> list[Task]:
        """Lease up to `limit` tasks in `status` whose lease is free and whose time has come, longest ready first.

        `fresh_s`: only those that came into this status within so many seconds.
        """
        statement = across_tenants(
            select(TaskRow).where(in_status(status), ready_at <= self._work.now).order_by(ready_at),
            "the stages' workers serve all tenants",
        )
        if fresh_s is not None:
            statement = statement.where(TaskRow.updated_at >= self._work.now - timedelta(seconds=fresh_s))
        return await self._lease(statement, owner, limit, lease_s)

    async def hold(self, task: Task, owner: str) -> None:
        """Lock a claimed task for this transaction: what follows is written by its owner, and only once.

        Raises `Conflict` when it has moved on, or its lease has ended and somebody else holds it.
        """
        row = await self._locked(task.id)
        if row.status != task.status or row.lease_owner != owner:
            raise Conflict("Somebody else works on this task by now.")

    async def guard(self, user_id: UUID, task_id: UUID) -> Task:
        """The task as it is now, locked for this transaction: compare its `version` with the one that was looked at."""
        row = await self._guarded(user_id, task_id)
        return task_value(row)

    async def hold_free(self, user_id: UUID, task_id: UUID) -> Task:
        """Lock a tenant's task that nobody works on, for this transaction.

        Raises `Conflict` while a worker has leased it, or it is on its way to a line, in a call or being analysed.
        """
        row = await self._guarded(user_id, task_id)
        leased = row.lease_expires_at is not None and row.lease_expires_at >= self._work.now
        if leased or TaskStatus(row.status) in BUSY:
            raise Conflict("The task is in somebody's hands right now: it is being called or read. Try again later.")
        return task_value(row)

    async def _guarded(self, user_id: UUID, task_id: UUID) -> TaskRow:
        statement = for_user(locked(select(TaskRow).where(TaskRow.id == task_id)), TaskRow, user_id)
        row = (await self._session.scalars(statement)).one_or_none()
        if row is None:
            raise NotFound("There is no such task.")
        self._work.held[task_id] = row
        return row

    async def note_reading(
        self,
        task_id: UUID,
        *,
        result: Mapping[str, Any],
        disposition: Disposition | None = None,
        summary: str | None = None,
        promised_at: datetime | None = None,
    ) -> Task:
        """Keep what a later reading of its call has found; the status stays.

        `promised_at`: the callee turns out to have named this time for the next attempt.
        """
        row = await self._locked(task_id)
        row.result = dict(result)
        row.disposition = disposition or row.disposition
        row.summary = summary if summary is not None else row.summary
        if promised_at is not None:
            row.next_attempt_at = row.promised_at = promised_at
            row.status_reason = "The callee asked to be called at this time."
        return self._changed(row, TaskStatus(row.status))

    async def release_claims(self, status: TaskStatus, owner: str) -> None:
        """End the leases of a worker that holds none any more: its process was killed, or a round of it broke."""
        statement = across_tenants(
            update(TaskRow)
            .where(in_status(status), TaskRow.lease_owner == owner)
            .values(lease_owner=None, lease_expires_at=None),
            "the stages' workers serve all tenants",
        )
        await self._session.execute(statement)

    async def next_due_at(self) -> datetime | None:
        """When the first waiting task of an active campaign may be taken."""
        return await next_due_at(self._session)

    async def transition(
        self,
        task_id: UUID,
        new: TaskStatus,
        reason: str,
        *,
        expected: TaskStatus | None = None,
        next_attempt_at: datetime | None = None,
        disposition: Disposition | None = None,
        summary: str | None = None,
        result: Mapping[str, Any] | None = None,
        counts_attempt: bool = False,
        promised_at: datetime | None = None,
    ) -> Task:
        """Change a task's status by the table; the lease ends. The only way a status changes.

        `promised_at`: what the callee of the analysed call was promised; the promise before it is kept or void then.
        Raises `InvalidTransition` for a step that the table does not have, `Conflict` when `expected` does not hold.
        """
        row = await self._locked(task_id)
        old = TaskStatus(row.status)
        if expected is not None and old != expected:
            raise Conflict(f"The task is {old} by now, not {expected}.")
        check_transition(old, new)
        row.status = new
        row.status_reason = reason
        row.next_attempt_at = next_attempt_at
        if new == TaskStatus.SCHEDULED and next_attempt_at is None:
            row.next_attempt_at = self._work.now
        row.lease_owner = None
        row.lease_expires_at = None
        row.attempts += int(counts_attempt)
        row.disposition = disposition or row.disposition
        row.summary = summary if summary is not None else row.summary
        if result is not None:
            row.result = dict(result)
        row.finished_at = self._work.now if new in TERMINAL else None
        if old == TaskStatus.PENDING_ANALYSIS:
            row.promised_at = promised_at
        if new != TaskStatus.SCHEDULED:
            row.refused_for = None  # the gate's next refusal is news
        return self._changed(row, old)

    async def postpone(self, task_id: UUID, until: datetime, reason: str, refused_for: str | None = None) -> Task:
        """Keep the status, look again at `until`; the lease ends. For backoff and closed calling windows.

        `refused_for`: the gate's reason, kept so that the timeline is told of it once.
        """
        row = await self._locked(task_id)
        row.refused_for = refused_for
        row.next_attempt_at = until
        row.status_reason = reason
        row.lease_owner = None
        row.lease_expires_at = None
        return self._changed(row, TaskStatus(row.status))

    async def change(self, user_id: UUID, task_id: UUID, expected_version: int, **fields: Any) -> Task:
        """Guarded change of some fields; raises `Conflict` if the task has moved on."""
        allowed = {"priority", "brief", "next_attempt_at", "max_attempts", "timezone"}
        if not set(fields) <= allowed:
            raise ValueError(f"only {sorted(allowed)} may be changed, not {sorted(set(fields) - allowed)}")
        statement = for_user(locked(select(TaskRow).where(TaskRow.id == task_id)), TaskRow, user_id)
        row = (await self._session.scalars(statement)).one_or_none()
        if row is None:
            raise NotFound("There is no such task.")
        if row.version != expected_version:
            raise Conflict("The task has changed in the meantime.")
        for name, value in fields.items():
            setattr(row, name, value)
        return self._changed(row, TaskStatus(row.status))

    async def release_stale(self, queued_s: float) -> list[Task]:
        """Tasks that no line took within `queued_s` seconds go back to SCHEDULED.

        What allowed the call (hours, do-not-call lists, the campaign itself) may have changed since, so it is looked
        at again; `claim` with the same `fresh_s` leaves such tasks alone.
        """
        before = self._work.now - timedelta(seconds=queued_s)
        statement = across_tenants(
            locked(
                select(TaskRow).where(in_status(TaskStatus.QUEUED_FOR_CALL), TaskRow.updated_at < before), skip=True
            ),
            "the queue of all tenants is kept fresh",
        )
        rows = (await self._session.scalars(statement)).all()
        return [
            await self.transition(row.id, TaskStatus.SCHEDULED, "No line was free in time; it is looked at again.")
            for row in rows
        ]

    # -- private

    async def _lease(self, statement: Select[Any], owner: str, limit: int, lease_s: float) -> list[Task]:
        rows = (await self._session.scalars(locked(statement.limit(limit), skip=True))).all()
        for row in rows:
            row.lease_owner = owner
            row.lease_expires_at = self._work.now + timedelta(seconds=lease_s)
        await self._session.flush()
        return [task_value(row) for row in rows]

    async def _locked(self, task_id: UUID) -> TaskRow:
        if isinstance(row := self._work.held.get(task_id), TaskRow):
            return row
        statement = across_tenants(
            locked(select(TaskRow).where(TaskRow.id == task_id)), "by the id of a task the caller holds"
        )
        row = (await self._session.scalars(statement)).one_or_none()
        if row is None:
            raise NotFound("There is no such task.")
        self._work.held[task_id] = row
        return row

    def _changed(self, row: TaskRow, old: TaskStatus) -> Task:
        row.version += 1
        row.updated_at = self._work.now
        task = task_value(row)
        if old != task.status:
            log.info(
                "task.status",
                user_id=str(row.user_id),
                campaign_id=str(row.campaign_id),
                task_id=str(row.id),
                old=old.value,
                new=task.status.value,
                reason=task.status_reason,
            )
            if bell := _BELLS.get(task.status):
                self._work.ring(bell)
        self._work.tell_user(row.user_id, "task", task=task_view(task))
        return task
