"""How long a scheduler's claim takes with a backlog, on SQLite and on PostgreSQL. A part of the group `dialling`.

A claim is what the scheduler does for free lines: one transaction that leases the most urgent due tasks. It must not
grow with the backlog.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from tests.support.database import add_plan, add_user, sample_plan, sqlite_url
from tests.support.services import TemporaryPostgres, fresh_database

from benchmarks.figures import Figure, percentile
from opendeep.common.campaign_plan import brief_for
from opendeep.common.data_models import TaskBase
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.database.db_manager import DatabaseManager

BACKLOGS = (1_000, 100_000)
CLAIMS = 300
TASKS_PER_CLAIM = 5
LEASE_S = 30.0


def run() -> Iterator[Figure]:
    """`scheduler.claim_ms_p50`, `scheduler.claim_ms_p99` and `scheduler.claims_per_s` per database and backlog."""
    for pending in BACKLOGS:
        with tempfile.TemporaryDirectory() as folder:
            yield from asyncio.run(_measure(sqlite_url(Path(folder)), "sqlite", pending))
        if TemporaryPostgres.available():
            with TemporaryPostgres() as server, fresh_database(server, f"bench_{pending}") as url:
                yield from asyncio.run(_measure(url, "postgresql", pending))


async def _measure(url: str, database: str, pending: int) -> list[Figure]:
    async with _backlog(url, pending) as db:
        took = []
        started = time.perf_counter()
        for _ in range(CLAIMS):
            before = time.perf_counter()
            async with db.transaction() as work:
                await work.tasks.claim_due("bench", TASKS_PER_CLAIM, LEASE_S)
            took.append((time.perf_counter() - before) * 1_000)
        total = time.perf_counter() - started
    conditions: dict[str, object] = {
        "pending": pending,
        "database": database,
        "claims": CLAIMS,
        "tasks_per_claim": TASKS_PER_CLAIM,
        "cores": os.cpu_count(),
    }
    return [
        Figure("scheduler.claim_ms_p50", round(percentile(took, 0.50), 2), "ms", conditions),
        Figure("scheduler.claim_ms_p99", round(percentile(took, 0.99), 2), "ms", conditions),
        Figure("scheduler.claims_per_s", round(CLAIMS / total, 1), "1/s", conditions),
    ]


@contextlib.asynccontextmanager
async def _backlog(url: str, pending: int) -> AsyncIterator[DatabaseManager]:
    """A campaign of `pending` tasks, all due now."""
    db = DatabaseManager(url, InProcessDoorbell())
    try:
        await db.upgrade()
        user = await add_user(db)
        plan = sample_plan(["+12025550101"])
        brief = brief_for(plan, plan.tasks[0]).model_dump(mode="json")
        plan_id = await add_plan(db, user.id, plan)
        async with db.transaction() as work:
            campaign = await work.campaigns.create(user.id, plan_id, plan.title, plan.objective)
            tasks = [TaskBase(f"Contact {n}", "person", "+12025550101", plan.objective, brief) for n in range(pending)]
            await work.tasks.add_many(user.id, campaign.id, tasks)
        yield db
    finally:
        await db.close()
