"""The statements behind a fair claim. Each touches what is due now and nothing of the backlog.

Active campaigns are the lanes: there are few of them, and a paused one drops out with all its tasks. Within a campaign
`ix_tasks_waiting` answers “is anything due” and `ix_tasks_due` “which priorities are there” with one look each, so the
work grows with the active campaigns that are asked and with the free lines, never with the tasks that wait.
The two indexes say the same moment in other words, so that no planner can take the one for the other: with the
wrong one a lane of one task is looked for among all due tasks of its campaign.

`(SELECT … LIMIT 1) IS NOT NULL` instead of EXISTS keeps PostgreSQL from turning the look into a join over all tasks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    Uuid,
    bindparam,
    literal_column,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from opendeep.common.data_models import TaskStatus
from opendeep.database.models import ON_LINE, OPEN_TASK, READY, READY_AT_ALL, TaskRow, UtcDateTime
from opendeep.database.scope import across_tenants
from opendeep.database.store import locked
from opendeep.database.turns import Lane, Load, Turns, first_served, share


@dataclass(frozen=True, slots=True)
class Lease:
    owner: str
    seconds: float


NOW = bindparam("now", type_=UtcDateTime())
FIRST_ID, LAST_ID = UUID(int=0), UUID(int=(1 << 128) - 1)
ready_at: ColumnElement[datetime] = literal_column(READY, UtcDateTime())

_ANY_DUE = f"""(SELECT 1 FROM tasks WHERE campaign_id = c.id AND status = 'SCHEDULED' AND {READY_AT_ALL} <= :now
    ORDER BY {READY_AT_ALL} LIMIT 1) IS NOT NULL"""  # noqa: S608

ON_THE_LINES = text(
    f"SELECT user_id, campaign_id, count(*) FROM tasks WHERE {ON_LINE} GROUP BY user_id, campaign_id"  # noqa: S608
).columns(user_id=Uuid(), campaign_id=Uuid(), count=Integer())

_WALK = """
    SELECT (SELECT user_id FROM campaigns WHERE status = 'ACTIVE' AND user_id > :{start} AND user_id <= :{end}
            ORDER BY user_id LIMIT 1)
    UNION ALL
    SELECT (SELECT c.user_id FROM campaigns c WHERE c.status = 'ACTIVE' AND c.user_id > {walk}.tenant
            AND c.user_id <= :{end} ORDER BY c.user_id LIMIT 1)
    FROM {walk} WHERE {walk}.tenant IS NOT NULL"""
_DUE_IN = f"""tenant IS NOT NULL AND (
    SELECT 1 FROM campaigns c WHERE c.user_id = tenant AND c.status = 'ACTIVE' AND {_ANY_DUE} LIMIT 1) IS NOT NULL"""  # noqa: S608

_RING = text(f"""
WITH RECURSIVE behind(tenant) AS ({_WALK.format(walk="behind", start="last", end="end")}),
before(tenant) AS ({_WALK.format(walk="before", start="start", end="last")})
SELECT tenant FROM behind WHERE {_DUE_IN}
UNION ALL SELECT tenant FROM before WHERE {_DUE_IN}
LIMIT :limit""")  # noqa: S608
DUE_TENANTS = _RING.bindparams(
    NOW, bindparam("start", FIRST_ID, Uuid()), bindparam("end", LAST_ID, Uuid()), bindparam("last", type_=Uuid())
).columns(tenant=Uuid())

_LANES = text(f"""
WITH RECURSIVE lane(user_id, campaign_id, priority) AS (
    SELECT c.user_id, c.id, (SELECT priority FROM tasks
            WHERE campaign_id = c.id AND status = 'SCHEDULED' ORDER BY priority DESC LIMIT 1)
    FROM campaigns c WHERE c.status = 'ACTIVE' AND c.user_id IN :tenants AND {_ANY_DUE}
    UNION ALL
    SELECT lane.user_id, lane.campaign_id, (SELECT t.priority FROM tasks t
            WHERE t.campaign_id = lane.campaign_id AND t.status = 'SCHEDULED' AND t.priority < lane.priority
            ORDER BY t.priority DESC LIMIT 1)
    FROM lane WHERE lane.priority IS NOT NULL)
SELECT user_id, campaign_id, priority, (SELECT count(*) FROM (SELECT 1 FROM tasks t
        WHERE t.campaign_id = lane.campaign_id AND t.status = 'SCHEDULED' AND t.priority = lane.priority
        AND {READY} <= :now ORDER BY {READY} LIMIT :lines) AS few) AS due
FROM lane WHERE priority IS NOT NULL""")  # noqa: S608
LANES = _LANES.bindparams(NOW, bindparam("tenants", type_=Uuid(), expanding=True)).columns(
    user_id=Uuid(), campaign_id=Uuid(), priority=Integer(), due=Integer()
)

NEXT_DUE = text(f"""
SELECT min(due) AS due FROM (SELECT (SELECT {READY_AT_ALL} FROM tasks
    WHERE campaign_id = c.id AND status = 'SCHEDULED' ORDER BY {READY_AT_ALL} LIMIT 1) AS due
    FROM campaigns c WHERE c.status = 'ACTIVE') AS firsts""").columns(due=UtcDateTime())  # noqa: S608

_NEXT = f"""(SELECT t.user_id FROM tasks t WHERE t.{OPEN_TASK} AND t.user_id > {{behind}}
    ORDER BY t.user_id LIMIT 1)"""  # noqa: S608
TENANTS = (
    text(f"""
WITH RECURSIVE walk(tenant) AS (SELECT {_NEXT.format(behind=":start")}
UNION ALL SELECT {_NEXT.format(behind="walk.tenant")} FROM walk WHERE tenant IS NOT NULL)
SELECT tenant FROM walk WHERE tenant IS NOT NULL""")  # noqa: S608
    .bindparams(bindparam("start", FIRST_ID, Uuid()))
    .columns(tenant=Uuid())
)


def in_status(status: TaskStatus) -> ColumnElement[bool]:
    """The status written into the SQL: a partial index is only used when the planner can see that it fits."""
    return TaskRow.status == bindparam(None, status.value, String, literal_execute=True)


async def lease_due(
    session: AsyncSession, now: datetime, lines: int, lease: Lease, turns: Turns, cap: int | None
) -> list[TaskRow]:
    """Lease up to `lines` due tasks of active campaigns by the rules of `turns`, in the order of the turns.

    What another scheduler holds at this moment is left out, and its lines go to the next lane. Fewer than `lines` come
    back when nothing more is due, tenants are at their `cap`, or all of it is held.
    """
    on_the_lines = await load(session)
    not_first = len({*on_the_lines.tenants, *turns.refused.tenants})
    due = await due_tenants(session, now, turns.tenants.last, lines + not_first)
    first = first_served(due, on_the_lines, turns, cap, lines)
    open_lanes = await lanes(session, now, first, lines) if first else []
    leased: list[TaskRow] = []
    while lines > len(leased) and (takes := share(lines - len(leased), open_lanes, on_the_lines, turns, cap)):
        by_lane = await _lease(session, now, takes, lease)
        leased += [row for rows in by_lane.values() for row in rows]
        counts = {lane: len(rows) for lane, rows in by_lane.items()}
        got_all = (lane for lane in open_lanes if counts.get(lane, 0) == takes.get(lane, 0))
        open_lanes = [replace(lane, due=lane.due - counts.get(lane, 0)) for lane in got_all]
        on_the_lines = on_the_lines.plus(counts)
    return leased


async def load(session: AsyncSession) -> Load:
    """What is on the lines of all nodes now."""
    tenants: dict[UUID, int] = {}
    campaigns: dict[UUID, int] = {}
    for user_id, campaign_id, count in (await session.execute(ON_THE_LINES)).all():
        tenants[user_id] = tenants.get(user_id, 0) + count
        campaigns[campaign_id] = count
    return Load(tenants, campaigns)


async def due_tenants(session: AsyncSession, now: datetime, last: UUID | None, limit: int) -> list[UUID]:
    """Up to `limit` tenants with something due, in the ring that begins behind `last`."""
    ring = {"now": now, "last": last or FIRST_ID, "limit": limit}
    return list((await session.scalars(DUE_TENANTS, ring)).all())


async def lanes(session: AsyncSession, now: datetime, tenants: Sequence[UUID], lines: int) -> list[Lane]:
    """The lanes of these tenants in which something is due."""
    rows = await session.execute(LANES, {"now": now, "tenants": tenants, "lines": lines})
    return [Lane(*row) for row in rows.all() if row.due]


async def _lease(
    session: AsyncSession, now: datetime, takes: Mapping[Lane, int], lease: Lease
) -> dict[Lane, list[TaskRow]]:
    """Lease so many tasks of each lane, longest due first, leaving out what somebody else holds."""
    held = union_all(*(select(_of_lane(lane, take, now).subquery().c.id) for lane, take in takes.items())).cte("held")
    statement = across_tenants(
        update(TaskRow)
        .where(TaskRow.id.in_(select(held.c.id)))
        .values(lease_owner=lease.owner, lease_expires_at=now + timedelta(seconds=lease.seconds))
        .returning(TaskRow)
        .execution_options(synchronize_session=False, populate_existing=True),
        "one scheduler serves all tenants",
    )
    rows: dict[tuple[UUID, int], list[TaskRow]] = {}
    for row in await session.scalars(statement):
        rows.setdefault((row.campaign_id, row.priority), []).append(row)
    return {lane: _longest_due_first(rows.get((lane.campaign_id, lane.priority), [])) for lane in takes}


def _longest_due_first(rows: list[TaskRow]) -> list[TaskRow]:
    return sorted(rows, key=lambda row: (row.next_attempt_at or row.updated_at, row.id))


def _of_lane(lane: Lane, limit: int, now: datetime) -> Select[UUID]:
    of_lane = (TaskRow.campaign_id == lane.campaign_id, TaskRow.priority == lane.priority)
    statement = across_tenants(
        select(TaskRow.id)
        .where(*of_lane, in_status(TaskStatus.SCHEDULED), ready_at <= now)
        .order_by(ready_at)
        .limit(limit),
        "one scheduler serves all tenants",
    )
    return locked(statement, skip=True)


async def next_due_at(session: AsyncSession) -> datetime | None:
    """When the first waiting task of an active campaign may be taken."""
    due: datetime | None = await session.scalar(NEXT_DUE)
    return due
