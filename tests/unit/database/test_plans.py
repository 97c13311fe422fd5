"""What runs every few seconds, or for every page, does not read the backlog: counted on both databases, not guessed.

On SQLite the virtual machine's steps are counted, on PostgreSQL the rows that EXPLAIN ANALYZE saw every node touch.
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from opendeep.common.data_models import CampaignStatus, TaskStatus
from opendeep.common.ids import new_id
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.database.db_manager import DatabaseManager, Transaction
from opendeep.database.turns import Turns
from tests.support.backlog import Batch, fill
from tests.support.database import sqlite_url

LEASE_S = 30.0
MANY = 6_000  # of each kind; reading one kind once is far over every bound below
STEPS = 12_000  # of SQLite's virtual machine; a scan takes at least five for each row
ROWS = 150
STEP_UNIT = 50


@dataclass(frozen=True, slots=True)
class Backlog:
    """A database with much of everything that a claim must not read. `busy` has work, `campaign_id` is its own."""

    db: DatabaseManager
    busy: UUID
    campaign_id: UUID
    sqlite: bool


BATCHES = [
    Batch(MANY, priority=9, campaign=CampaignStatus.PAUSED),
    Batch(MANY, priority=9, due_in_s=86_400),
    Batch(MANY, priority=9, leased_for_s=86_400),
    Batch(MANY, status=TaskStatus.COMPLETED),
    Batch(MANY, status=TaskStatus.PENDING_ANALYSIS, due_in_s=86_400),
    Batch(MANY),
    Batch(5, tenants=10),
]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def backlog(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backlog]:
    sqlite = request.param == "sqlite"
    url = sqlite_url(tmp_path) if sqlite else request.getfixturevalue("postgres_url")
    db = DatabaseManager(url, InProcessDoorbell())
    await db.upgrade()
    tenants = await fill(url, datetime.now(UTC), BATCHES)
    async with db.read() as work:
        campaign_id = (await work.campaigns.recent(tenants[5]))[0].id
    yield Backlog(db, tenants[5], campaign_id, sqlite)
    await db.close()


Query = Callable[[Transaction, Backlog], Awaitable[Any]]
QUERIES: dict[str, Query] = {
    "claim_due": lambda work, _: work.tasks.claim_due("node", 5, LEASE_S, turns=Turns()),
    "next_due_at": lambda work, _: work.tasks.next_due_at(),
    "release_stale": lambda work, _: work.tasks.release_stale(LEASE_S),
    "claim queued": lambda work, _: work.tasks.claim(TaskStatus.QUEUED_FOR_CALL, "node", 5, LEASE_S, fresh_s=LEASE_S),
    "claim ended": lambda work, _: work.tasks.claim(TaskStatus.PENDING_ANALYSIS, "node", 4, LEASE_S),
    "finished_without_report": lambda work, _: work.campaigns.finished_without_report(),
    "tenants": lambda work, _: work.tasks.tenants(),
    "watched": lambda work, on: work.tasks.of_user(on.busy, [TaskStatus.SCHEDULED, TaskStatus.NEEDS_USER], 50),
    "last page": lambda work, on: work.tasks.of_campaign(on.busy, on.campaign_id, 50, MANY - 50),
    "overdue": lambda work, _: work.feedback.overdue(),
    "timeline": lambda work, on: work.events.of_task(on.busy, new_id()),
    "turns of a call": lambda work, on: work.transcripts.of_call(on.busy, new_id()),
    "live_of_node": lambda work, _: work.calls.live_of_node("node"),
}


async def test_the_backlog_is_not_read(backlog: Backlog) -> None:
    too_much: dict[str, Any] = {}
    for name, query in QUERIES.items():
        async with backlog.db.transaction() as work:
            touched, plans = await measured(work, backlog, query)
        if touched > (STEPS if backlog.sqlite else ROWS):
            too_much[name] = (touched, plans)
    assert too_much == {}


async def test_the_measure_sees_a_scan(backlog: Backlog) -> None:
    """Counting all tasks of a campaign breaks the bounds, as it must."""
    async with backlog.db.transaction() as work:
        touched, _ = await measured(work, backlog, lambda work, on: work.campaigns.progress(on.busy, on.campaign_id))
    assert touched > (STEPS if backlog.sqlite else ROWS)


async def measured(work: Transaction, on: Backlog, query: Query) -> tuple[int, str]:
    return (await steps(work, on, query), "") if on.sqlite else await rows(work, on, query)


async def steps(work: Transaction, on: Backlog, query: Query) -> int:
    raw = await (await work.session.connection()).get_raw_connection()
    count = 0

    def more() -> int:
        nonlocal count
        count += STEP_UNIT
        return 0

    await raw.driver_connection.set_progress_handler(more, STEP_UNIT)  # type: ignore[union-attr]
    try:
        await query(work, on)
    finally:
        await raw.driver_connection.set_progress_handler(None, 0)  # type: ignore[union-attr]
    return count


async def rows(work: Transaction, on: Backlog, query: Query) -> tuple[int, str]:
    """Rows of all tables that the query's statements touched, and their plans."""
    connection = await work.session.connection()
    sent: list[tuple[str, Any]] = []

    def keep(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append((statement, parameters))

    event.listen(on.db._engine.sync_engine, "before_cursor_execute", keep)
    try:
        await query(work, on)
    finally:
        event.remove(on.db._engine.sync_engine, "before_cursor_execute", keep)
    touched, plans = 0, ""
    for statement, parameters in sent:
        if not re.match(r"\s*(SELECT|WITH|UPDATE)", statement):
            continue
        explain = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        document = explain.scalar_one()
        plan = (json.loads(document) if isinstance(document, str) else document)[0]["Plan"]
        touched += sum(_touched(node) for node in nodes(plan))
        plans += json.dumps(plan, indent=1)
    return touched, plans


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


def _touched(node: dict[str, Any]) -> int:
    """Campaigns are the lanes: few, and read. Everything else is the backlog."""
    if node.get("Relation Name", "campaigns") == "campaigns" or node["Node Type"] == "ModifyTable":
        return 0
    return int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
