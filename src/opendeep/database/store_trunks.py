"""Trunks and caller IDs, and what is on the lines: for the claim of a line, its pace and its breaker.

The rows of `trunks` are the lock under which lines are given out: whoever holds them counts exactly, as every other
node waits. The order of locks is call, task, trunk. A claim holds the trunks first and then only tasks that nobody else
holds: it waits for no task, and the node whose turn comes next sees all that this one has left.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, select

from opendeep.common.data_models import CampaignStatus, Task, TaskStatus
from opendeep.common.trunk_values import Breaker, BreakerState, Bucket, CallerIdUse, TrunkState
from opendeep.database.due_tasks import in_status
from opendeep.database.models import CallRow, CampaignRow, TaskRow, UserRow
from opendeep.database.models_trunks import CallerIdRow, TrunkRow
from opendeep.database.rows import task_value
from opendeep.database.scope import across_tenants, for_user
from opendeep.database.store import Store, insert_unless_there, locked
from opendeep.database.store_calls import is_live

MAX_TOLD_CAMPAIGNS = 200  # that hear of an opened or closed breaker
OPEN_STATUSES = (TaskStatus.SCHEDULED, TaskStatus.QUEUED_FOR_CALL, TaskStatus.PENDING_ANALYSIS)


@dataclass(frozen=True, slots=True)
class LiveLines:
    """Live calls of all nodes, by tenant; and their lines by trunk (None: our own extensions), second lines too."""

    by_trunk: Mapping[str | None, int] = field(default_factory=dict)
    by_user: Mapping[UUID, int] = field(default_factory=dict)


class TrunksStore(Store):
    async def hold(self, names: Collection[str]) -> dict[str, TrunkState]:
        """Lock the rows of all trunks until the transaction ends; `names` that have none get one. By name."""
        rows = await self._session.scalars(locked(_all_trunks()))
        states = {row.name: _state(row) for row in rows.all()}
        if missing := sorted(set(names) - set(states)):
            for name in missing:
                await self._insert_new(name)
            return await self.hold(())
        return states

    async def hold_one(self, name: str) -> TrunkState:
        """Lock one trunk's row until the transaction ends."""
        return (await self.hold([name]))[name]

    async def states(self) -> dict[str, TrunkState]:
        """As they are now, without a lock, by name."""
        rows = (await self._session.scalars(_all_trunks())).all()
        return {row.name: _state(row) for row in rows}

    async def state_of(self, name: str) -> TrunkState:
        row = await self._session.get(TrunkRow, name, populate_existing=True)
        return _state(row) if row is not None else TrunkState(name)

    async def save(self, state: TrunkState) -> None:
        """Write back a state whose row this transaction holds."""
        row = await self._session.get_one(TrunkRow, state.name)
        row.tokens, row.tokens_at = state.bucket.tokens, state.bucket.at
        row.breaker, row.recent = state.breaker.state, state.breaker.recent
        row.openings, row.reason, row.until = state.breaker.openings, state.breaker.reason, state.breaker.until
        row.paused = state.paused
        await self._session.flush()

    # -- caller IDs

    async def caller_ids(self, trunks: Collection[str]) -> dict[str, dict[str, CallerIdUse]]:
        """The uses of these trunks' numbers, by trunk and number; what was never used is missing."""
        statement = across_tenants(select(CallerIdRow).where(CallerIdRow.trunk.in_(trunks)), "an operator's rows")
        uses: dict[str, dict[str, CallerIdUse]] = {name: {} for name in trunks}
        for row in (await self._session.scalars(statement)).all():
            uses[row.trunk][row.number] = CallerIdUse(row.trunk, row.number, row.uses, row.last_used_at)
        return uses

    async def save_caller_id(self, use: CallerIdUse) -> None:
        """Write one number's uses; the caller holds its trunk's row."""
        row = await self._session.get(CallerIdRow, (use.trunk, use.number))
        if row is None:
            row = CallerIdRow(trunk=use.trunk, number=use.number)
            self._session.add(row)
        row.uses, row.last_used_at = use.uses, use.last_used_at
        await self._session.flush()

    # -- what is on the lines, and what waits for one

    async def live_lines(self) -> LiveLines:
        """Exact while the trunks' rows are held."""
        statement = across_tenants(
            select(CallRow.trunk, CallRow.second_trunk, CallRow.user_id, func.count())
            .where(is_live())
            .group_by(CallRow.trunk, CallRow.second_trunk, CallRow.user_id),
            "the caps of nodes and trunks count the calls of all tenants",
        )
        by_trunk: dict[str | None, int] = {}
        by_user: dict[UUID, int] = {}
        for trunk, second, user_id, count in (await self._session.execute(statement)).all():
            by_trunk[trunk] = by_trunk.get(trunk, 0) + count
            if second is not None:
                by_trunk[second] = by_trunk.get(second, 0) + count
            by_user[user_id] = by_user.get(user_id, 0) + count
        return LiveLines(by_trunk, by_user)

    async def queued(self, limit: int, fresh_s: float) -> list[Task]:
        """Lock up to `limit` tasks that came into the queue within `fresh_s` seconds, longest waiting first.

        Only of active campaigns: one may have been paused since. Of those that came together the more urgent first. No
        lease: what is not dialled in this transaction stays in the queue as it was.
        """
        statement = across_tenants(
            select(TaskRow)
            .where(self._is_queued(fresh_s))
            .order_by(TaskRow.updated_at, TaskRow.priority.desc(), TaskRow.id)
            .limit(limit),
            "a voice node serves all tenants",
        )
        rows = (await self._session.scalars(locked(statement, skip=True))).all()
        self._work.held.update((row.id, row) for row in rows)
        return [task_value(row) for row in rows]

    async def count_queued(self, fresh_s: float) -> int:
        statement = across_tenants(
            select(func.count()).select_from(TaskRow).where(self._is_queued(fresh_s)), "a voice node serves all tenants"
        )
        return await self._session.scalar(statement) or 0

    async def tenant_names(self, user_ids: Collection[UUID]) -> dict[UUID, str]:
        """Names by id, for trunks that only some tenants may use."""
        statement = across_tenants(
            select(UserRow.id, UserRow.name).where(UserRow.id.in_(user_ids)), "a voice node serves all tenants"
        )
        return {user_id: name for user_id, name in (await self._session.execute(statement)).all()}

    # -- for people

    async def own_answers(self, user_id: UUID, since: datetime) -> dict[str, tuple[int, int]]:
        """A tenant's calls that have ended since, by trunk: how many, and how many of them were answered."""
        statement = for_user(
            select(CallRow.trunk, func.count(), func.count(CallRow.answered_at))
            .where(CallRow.created_at >= since, CallRow.ended_at.is_not(None), CallRow.trunk.is_not(None))
            .group_by(CallRow.trunk),
            CallRow,
            user_id,
        )
        return {
            str(trunk): (calls, answered) for trunk, calls, answered in (await self._session.execute(statement)).all()
        }

    async def campaigns_waiting_for(self, trunk: str) -> list[tuple[UUID, UUID]]:
        """Active campaigns with open tasks that have called through this trunk: tenant and campaign."""
        used = exists().where(CallRow.campaign_id == CampaignRow.id, CallRow.trunk == trunk)
        waits = exists().where(TaskRow.campaign_id == CampaignRow.id, TaskRow.status.in_(OPEN_STATUSES))
        statement = across_tenants(
            select(CampaignRow.user_id, CampaignRow.id)
            .where(CampaignRow.status == CampaignStatus.ACTIVE, waits, used)
            .order_by(CampaignRow.id.desc())
            .limit(MAX_TOLD_CAMPAIGNS),
            "each tenant is told about its own campaigns",
        )
        return [(user_id, campaign_id) for user_id, campaign_id in (await self._session.execute(statement)).all()]

    # -- private

    async def _insert_new(self, name: str) -> None:
        values = {"name": name, "breaker": BreakerState.CLOSED, "recent": "", "openings": 0}
        await self._session.execute(insert_unless_there(self._session, TrunkRow, values))

    def _is_queued(self, fresh_s: float) -> ColumnElement[bool]:
        since = self._work.now - timedelta(seconds=fresh_s)
        active = exists().where(CampaignRow.id == TaskRow.campaign_id, CampaignRow.status == CampaignStatus.ACTIVE)
        return in_status(TaskStatus.QUEUED_FOR_CALL) & (TaskRow.updated_at >= since) & active


def _all_trunks() -> Select[TrunkRow]:
    """In one order for all who lock them."""
    ordered = select(TrunkRow).order_by(TrunkRow.name).execution_options(populate_existing=True)
    return across_tenants(ordered, "an operator's rows")


def _state(row: TrunkRow) -> TrunkState:
    return TrunkState(
        row.name,
        Bucket(row.tokens, row.tokens_at),
        Breaker(BreakerState(row.breaker), row.recent, row.openings, row.reason, row.until),
        row.paused,
    )
