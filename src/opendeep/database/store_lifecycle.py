"""The lifecycle manager's decisions, their bounds and later results, and whose turn it is to ask a model."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select, text, tuple_, update

from opendeep.common.data_models import Task
from opendeep.common.errors import NotFound
from opendeep.common.ids import new_id
from opendeep.common.lifecycle_decisions import (
    Acted,
    DecidedBy,
    Decision,
    DecisionState,
    NewDecision,
    decision_view,
)
from opendeep.database.models import CampaignRow, TaskRow
from opendeep.database.models_lifecycle import UNSETTLED, LifecycleDecisionRow, LifecycleLookRow
from opendeep.database.rows import task_value
from opendeep.database.scope import for_user
from opendeep.database.store import Store, insert_unless_there, locked

DAY = timedelta(days=1)
MAX_UNSETTLED = 200  # whose results are looked for in one round


class LifecycleStore(Store):
    async def add(self, user_id: UUID, new: NewDecision) -> Decision:
        """Write one decision, in the same transaction as what it changes."""
        row = LifecycleDecisionRow(
            id=new_id(),
            user_id=user_id,
            campaign_id=new.campaign_id,
            task_id=new.task_id,
            rule=new.rule,
            observation=new.observation,
            action=new.action,
            reason=new.reason,
            expected=new.expected,
            result=new.result,
            created_at=self._work.now,
            facts=dict(new.facts),
            decided_by=new.decided_by,
            state=new.state,
            undo=dict(new.undo) if new.undo is not None else None,
            settled_at=self._work.now if new.result is not None else None,
            undone_at=None,
        )
        self._session.add(row)
        await self._session.flush()
        return self._told(row)

    async def acted(self, user_id: UUID, task_ids: Collection[UUID]) -> dict[UUID, list[Acted]]:
        """What was done with each of these tasks before, in one statement: bounds the manager's loops."""
        today = case((LifecycleDecisionRow.created_at >= self._work.now - DAY, 1), else_=0)
        statement = for_user(
            select(
                LifecycleDecisionRow.task_id,
                LifecycleDecisionRow.rule,
                LifecycleDecisionRow.action,
                func.sum(today),
                func.max(LifecycleDecisionRow.created_at),
                func.max(LifecycleDecisionRow.undone_at),
            )
            .where(LifecycleDecisionRow.task_id.in_(task_ids))
            .group_by(LifecycleDecisionRow.task_id, LifecycleDecisionRow.rule, LifecycleDecisionRow.action),
            LifecycleDecisionRow,
            user_id,
        )
        found: dict[UUID, list[Acted]] = defaultdict(list)
        for task_id, rule, action, count, last_at, undone_at in (await self._session.execute(statement)).all():
            found[task_id].append(Acted(rule, action, int(count), last_at, undone_at))
        return found

    async def campaigns_with(self, user_id: UUID, rule: str, since: datetime) -> set[UUID]:
        """Campaigns of which this rule has said something since then."""
        statement = for_user(
            select(LifecycleDecisionRow.campaign_id).where(
                LifecycleDecisionRow.rule == rule,
                LifecycleDecisionRow.created_at >= since,
                LifecycleDecisionRow.campaign_id.is_not(None),
            ),
            LifecycleDecisionRow,
            user_id,
        )
        return {found for found in (await self._session.scalars(statement)).all() if found is not None}

    async def recent(
        self,
        user_id: UUID,
        limit: int = 100,
        *,
        campaign_id: UUID | None = None,
        task_id: UUID | None = None,
        before: UUID | None = None,
    ) -> list[tuple[Decision, Task | None, str | None]]:
        """Newest first, each with its task and its campaign's title; `before` is the last one of the page before.

        Raises `NotFound` when `before` is no decision of this user.
        """
        row = LifecycleDecisionRow
        statement = (
            select(row, TaskRow, CampaignRow.title)
            .outerjoin(TaskRow, TaskRow.id == row.task_id)
            .outerjoin(CampaignRow, CampaignRow.id == row.campaign_id)
            .order_by(row.created_at.desc(), row.id.desc())
            .limit(limit)
        )
        if campaign_id is not None:
            statement = statement.where(row.campaign_id == campaign_id)
        if task_id is not None:
            statement = statement.where(row.task_id == task_id)
        if before is not None:
            last = await self.get(user_id, before)
            statement = statement.where(tuple_(row.created_at, row.id) < tuple_(last.created_at, last.id))
        rows = (await self._session.execute(for_user(statement, row, user_id))).all()
        return [(decision_value(one), task_value(task) if task else None, title) for one, task, title in rows]

    async def get(self, user_id: UUID, decision_id: UUID) -> Decision:
        """Raises `NotFound`, also for another tenant's."""
        return decision_value(await self._row(user_id, decision_id))

    async def hold(self, user_id: UUID, decision_id: UUID) -> Decision:
        """The same, locked for this transaction."""
        return decision_value(await self._row(user_id, decision_id, lock=True))

    async def unsettled(self, user_id: UUID) -> list[tuple[Decision, Task]]:
        """Decisions on tasks whose effect was not seen yet, oldest first, each with its task as it is now."""
        row = LifecycleDecisionRow
        statement = for_user(
            select(row, TaskRow)
            .join(TaskRow, TaskRow.id == row.task_id)
            .where(text(f"lifecycle_decisions.{UNSETTLED.replace(' AND ', ' AND lifecycle_decisions.')}"))
            .order_by(row.created_at)
            .limit(MAX_UNSETTLED),
            row,
            user_id,
        )
        return [(decision_value(one), task_value(task)) for one, task in (await self._session.execute(statement)).all()]

    async def settle(self, user_id: UUID, results: Mapping[UUID, str]) -> int:
        """Write what came of decisions; one that somebody has settled or taken back is left alone."""
        settled = 0
        for decision_id, result in results.items():
            statement = for_user(
                update(LifecycleDecisionRow)
                .where(LifecycleDecisionRow.id == decision_id, text(UNSETTLED))
                .values(result=result, settled_at=self._work.now)
                .returning(LifecycleDecisionRow),
                LifecycleDecisionRow,
                user_id,
            )
            fresh = {"populate_existing": True, "synchronize_session": False}
            row = (await self._session.scalars(statement, execution_options=fresh)).one_or_none()
            if row is not None:
                self._told(row)
                settled += 1
        return settled

    async def mark_undone(self, user_id: UUID, decision_id: UUID, result: str) -> Decision:
        """The user took it back. `result`: what was restored."""
        row = await self._row(user_id, decision_id, lock=True)
        row.state = DecisionState.UNDONE
        row.undone_at = row.settled_at = self._work.now
        row.result = result
        await self._session.flush()
        return self._told(row)

    # -- a model's looks

    async def claim_look(self, user_id: UUID, every_s: float, fingerprint: str) -> bool:
        """Whether this node asks the model now: nobody did for `every_s` seconds, and something has changed since."""
        now, row = self._work.now, LifecycleLookRow
        values: dict[str, Any] = {"user_id": user_id, "looked_at": now, "fingerprint": fingerprint}
        first = insert_unless_there(self._session, row, {**values, "taken": 0, "dropped": 0}).returning(row.user_id)
        if (await self._session.scalars(first)).one_or_none() is not None:
            return True
        again = for_user(
            update(row)
            .where(row.looked_at <= now - timedelta(seconds=every_s), row.fingerprint != fingerprint)
            .values(looked_at=now, fingerprint=fingerprint)
            .returning(row.user_id),
            row,
            user_id,
        )
        return (await self._session.scalars(again)).one_or_none() is not None

    async def count_look(self, user_id: UUID, taken: int, dropped: int) -> None:
        """Add what came of a look: decisions acted on, and those that code refused."""
        row = LifecycleLookRow
        statement = for_user(update(row).values(taken=row.taken + taken, dropped=row.dropped + dropped), row, user_id)
        await self._session.execute(statement)

    async def look(self, user_id: UUID) -> tuple[datetime | None, int, int]:
        """When a model last looked, and how many of its decisions were taken and dropped, ever."""
        row = LifecycleLookRow
        found = (
            await self._session.execute(for_user(select(row.looked_at, row.taken, row.dropped), row, user_id))
        ).one_or_none()
        return (found.looked_at, found.taken, found.dropped) if found else (None, 0, 0)

    # -- private

    async def _row(self, user_id: UUID, decision_id: UUID, *, lock: bool = False) -> LifecycleDecisionRow:
        statement = for_user(
            select(LifecycleDecisionRow).where(LifecycleDecisionRow.id == decision_id), LifecycleDecisionRow, user_id
        )
        statement = locked(statement) if lock else statement
        row = (await self._session.scalars(statement)).one_or_none()
        if row is None:
            raise NotFound("There is no such decision.")
        return row

    def _told(self, row: LifecycleDecisionRow) -> Decision:
        value = decision_value(row)
        self._work.tell_user(row.user_id, "lifecycle", decision=decision_view(value))
        return value


def decision_value(row: LifecycleDecisionRow) -> Decision:
    """The frozen value of a row."""
    return Decision(
        id=row.id,
        user_id=row.user_id,
        campaign_id=row.campaign_id,
        task_id=row.task_id,
        rule=row.rule,
        action=row.action,
        observation=row.observation,
        reason=row.reason,
        expected=row.expected,
        facts=row.facts,
        decided_by=DecidedBy(row.decided_by),
        state=DecisionState(row.state),
        undo=row.undo,
        result=row.result,
        created_at=row.created_at,
        settled_at=row.settled_at,
        undone_at=row.undone_at,
    )
