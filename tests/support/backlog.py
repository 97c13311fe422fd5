"""Backlogs of up to millions of tasks, made by the database itself; for the tests of query plans and the benchmarks.

Rows are written with bulk SQL, not through the stores: what is measured afterwards is the claim, not this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Uuid, cast, func, insert, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from opendeep.common.data_models import CampaignStatus, TaskStatus
from opendeep.common.ids import new_id
from opendeep.database.models import CampaignPlanRow, CampaignRow, ChatRow, TaskRow, UserRow

NUMBER = "+12025550101"
WITHOUT_INDEXES_FROM = 50_000  # rows: building the indexes afterwards is then quicker than keeping them


@dataclass(frozen=True, slots=True)
class Batch:
    """Campaigns with tasks that are all alike. `due_in_s` below 0: due so long ago, a millisecond later each."""

    tasks: int  # of each campaign
    campaigns: int = 1  # of each tenant
    tenants: int = 1  # new ones
    priority: int = 0
    due_in_s: float = -3_600.0
    status: TaskStatus = TaskStatus.SCHEDULED
    campaign: CampaignStatus = CampaignStatus.ACTIVE
    leased_for_s: float | None = None


async def fill(url: str, now: datetime, batches: Sequence[Batch]) -> list[UUID]:
    """Add the batches to a migrated database; returns the ids of the tenants in order."""
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            return await _fill(connection, now, batches)
    finally:
        await _analyse(engine)
        await engine.dispose()


async def _fill(connection: AsyncConnection, now: datetime, batches: Sequence[Batch]) -> list[UUID]:
    many = sum(b.tasks * b.campaigns * b.tenants for b in batches) >= WITHOUT_INDEXES_FROM
    indexes = list(TaskRow.__table__.indexes) if many else []  # type: ignore[attr-defined]
    for index in indexes:
        await connection.run_sync(index.drop)
    tenants: list[UUID] = []
    first = new_id().int
    for batch in batches:
        for _ in range(batch.tenants):
            tenants.append(await _tenant(connection, now))
            for _ in range(batch.campaigns):
                campaign_id = await _campaign(connection, now, tenants[-1], batch.campaign)
                await _tasks(connection, now, tenants[-1], campaign_id, batch, first)
                first += batch.tasks
    for index in indexes:
        await connection.run_sync(index.create)
    return tenants


async def _analyse(engine: AsyncEngine) -> None:
    if engine.dialect.name == "postgresql":
        async with engine.connect() as connection:
            plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await plain.execute(text("VACUUM ANALYZE"))


async def _tenant(connection: AsyncConnection, now: datetime) -> UUID:
    user_id = new_id()
    values = {"id": user_id, "name": f"Tenant {user_id}", "profile": {}, "created_at": now}
    await connection.execute(insert(UserRow).values(values))
    return user_id


async def _campaign(connection: AsyncConnection, now: datetime, user_id: UUID, status: CampaignStatus) -> UUID:
    chat_id, plan_id, campaign_id = new_id(), new_id(), new_id()
    common = {"user_id": user_id, "created_at": now}
    await connection.execute(insert(ChatRow).values(id=chat_id, **common))
    plan = {"id": plan_id, "chat_id": chat_id, "status": "CONFIRMED", "plan": {}, **common}
    await connection.execute(insert(CampaignPlanRow).values(plan))
    campaign = {"id": campaign_id, "plan_id": plan_id, "title": "Many", "objective": "Call many.", "status": status}
    await connection.execute(insert(CampaignRow).values({**campaign, **common}))
    return campaign_id


async def _tasks(
    connection: AsyncConnection, now: datetime, user_id: UUID, campaign_id: UUID, batch: Batch, first: int
) -> None:
    """One INSERT … SELECT of `batch.tasks` rows. Ids count up from `first`, in their last 60 bits."""
    n = select(literal(1).label("n")).cte("series", recursive=True)
    n = n.union_all(select(n.c.n + 1).where(n.c.n < batch.tasks))
    due = now + timedelta(seconds=batch.due_in_s)
    columns: dict[str, Any] = {
        "id": _id(connection.dialect.name, first, n.c.n),
        "user_id": user_id,
        "campaign_id": campaign_id,
        "position": n.c.n,
        "contact_name": "Contact",
        "contact_kind": "person",
        "phone_number": NUMBER,
        "objective": "Book the yearly boiler inspection.",
        "brief": {},
        "status": batch.status,
        "status_reason": "Waiting for its turn.",
        "priority": batch.priority,
        "attempts": 0,
        "max_attempts": 3,
        "next_attempt_at": due,
        "lease_owner": None if batch.leased_for_s is None else "somebody",
        "lease_expires_at": None if batch.leased_for_s is None else now + timedelta(seconds=batch.leased_for_s),
        "result": {},
        "version": 1,
        "created_at": due,
        "updated_at": due,
    }
    table = TaskRow.__table__
    values = [
        value if hasattr(value, "compile") else literal(value, table.c[name].type) for name, value in columns.items()
    ]
    await connection.execute(insert(TaskRow).from_select(list(columns), select(*values).select_from(n)))


def _id(dialect: str, first: int, n: Any) -> Any:
    number = literal(first & ((1 << 60) - 1), BigInteger()) + n
    head = f"{first >> 64:016x}"
    if dialect == "sqlite":
        return literal(head) + func.printf("%016x", number)
    return cast(literal(head) + func.lpad(func.to_hex(number), 16, "0"), Uuid())
