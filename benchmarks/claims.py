"""How long a scheduler's claim takes with a backlog, on SQLite and on PostgreSQL. A part of the group `dialling`.

A claim is what the scheduler does for free lines: one transaction that leases the due tasks whose turn it is. It must
not grow with the backlog. Shapes: `one` tenant with everything due; `tenants`: a thousand of them; `campaigns`: a
thousand of one tenant; `behind`: what is due stands behind a paused campaign, later tasks of higher priority, and tasks
under leases, a third of the backlog each.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import update
from tests.support.backlog import Batch, fill
from tests.support.database import sqlite_url
from tests.support.services import TemporaryPostgres, fresh_database

from benchmarks.figures import Figure, percentile
from opendeep.common.data_models import CampaignStatus, Task
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.database.db_manager import DatabaseManager
from opendeep.database.models import TaskRow
from opendeep.database.turns import Turns

FEW, SOME, MANY = 1_000, 100_000, 1_000_000
MANY_TENANTS = 1_000
WARM_UP = 20  # claims before the measurement: connections, compiled statements, caches
CLAIMS = 200
TASKS_PER_CLAIM = 5
DUE_BEHIND = 100
LEASE_S = 3_600.0
LATER_S = 86_400.0

Shape = Callable[[int], list[Batch]]
SHAPES: dict[str, tuple[Shape, tuple[int, ...]]] = {
    "one": (lambda pending: [Batch(pending)], (FEW, MANY)),
    "tenants": (lambda pending: [Batch(pending // MANY_TENANTS, tenants=MANY_TENANTS)], (FEW, MANY)),
    "campaigns": (lambda pending: [Batch(pending // MANY_TENANTS, campaigns=MANY_TENANTS)], (FEW, SOME)),
    "behind": (
        lambda pending: [
            Batch(pending // 3, priority=9, campaign=CampaignStatus.PAUSED),
            Batch(pending // 3, priority=9, due_in_s=LATER_S),
            Batch(pending // 3, priority=9, leased_for_s=LATER_S),
            Batch(DUE_BEHIND),
        ],
        (FEW, MANY),
    ),
}


def run() -> Iterator[Figure]:
    """`scheduler.claim_ms_p50`, `…_p99` and `scheduler.claims_per_s` per shape, backlog and database."""
    for shape, (batches, backlogs) in SHAPES.items():
        for pending in backlogs:
            with tempfile.TemporaryDirectory() as folder:
                yield from asyncio.run(_measure(sqlite_url(Path(folder)), "sqlite", shape, pending, batches(pending)))
            if TemporaryPostgres.available():
                with TemporaryPostgres() as server, fresh_database(server, "bench") as url:
                    yield from asyncio.run(_measure(url, "postgresql", shape, pending, batches(pending)))


async def _measure(url: str, database: str, shape: str, pending: int, batches: list[Batch]) -> list[Figure]:
    db = DatabaseManager(url, InProcessDoorbell())
    try:
        await db.upgrade()
        tenants = await fill(url, datetime.now(UTC), batches)
        turns = Turns()
        for _ in range(WARM_UP):
            await _claim(db, turns)
        took = [await _claim(db, turns) for _ in range(CLAIMS)]
    finally:
        await db.close()
    conditions: dict[str, object] = {
        "pending": pending,
        "database": database,
        "shape": shape,
        "tenants": len(tenants),
        "claims": CLAIMS,
        "tasks_per_claim": TASKS_PER_CLAIM,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    return [
        Figure("scheduler.claim_ms_p50", round(percentile(took, 0.50), 2), "ms", conditions),
        Figure("scheduler.claim_ms_p99", round(percentile(took, 0.99), 2), "ms", conditions),
        Figure("scheduler.claims_per_s", round(1_000 * CLAIMS / sum(took), 1), "1/s", conditions),
    ]


async def _claim(db: DatabaseManager, turns: Turns) -> float:
    """Milliseconds of one claim; afterwards the tasks are given back, so that the backlog stays as long as it is."""
    before = time.perf_counter()
    async with db.transaction() as work:
        tasks = await work.tasks.claim_due("bench", TASKS_PER_CLAIM, LEASE_S, turns=turns)
    took_ms = (time.perf_counter() - before) * 1_000
    await _give_back(db, tasks)
    return took_ms


async def _give_back(db: DatabaseManager, tasks: list[Task]) -> None:
    if len(tasks) != TASKS_PER_CLAIM:
        raise RuntimeError(f"{len(tasks)} tasks were claimed; {TASKS_PER_CLAIM} are due in every shape")
    async with db.transaction() as work:
        free = {"lease_owner": None, "lease_expires_at": None}
        await work.session.execute(update(TaskRow).where(TaskRow.id.in_([task.id for task in tasks])).values(free))
