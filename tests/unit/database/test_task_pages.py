"""A campaign's tasks a page at a time, on both databases: every row once, and no page reads the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from opendeep.common.data_models import TaskStatus
from opendeep.common.errors import NotFound
from opendeep.common.ids import new_id
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.common.task_pages import TaskOrder, TaskPageRequest
from opendeep.database.db_manager import DatabaseManager
from opendeep.database.store_task_pages import page_statement
from tests.support.database import add_campaign, add_user, sample_plan

COUNT = 23
NAMES = ["Anna Meyer", "Ben Ortiz", "Dan", "100% sure_thing", "Anna Meyer"]


async def campaign_of(db: DatabaseManager) -> tuple[UUID, UUID]:
    """The user's and the campaign's id."""
    user = await add_user(db)
    plan = sample_plan([f"+1202555{n:04d}" for n in range(100, 100 + COUNT)])
    for index, task in enumerate(plan.tasks):
        task.contact_name = NAMES[index % len(NAMES)]
    campaign, _ = await add_campaign(db, user.id, plan)
    return user.id, campaign.id


async def walk(db: DatabaseManager, user_id: UUID, campaign_id: UUID, **wanted: Any) -> list[tuple[str, int]]:
    """Names and positions over all pages of five."""
    found, after, more = [], None, True
    while more:
        async with db.read() as work:
            request = TaskPageRequest(after=after, limit=5, **wanted)
            tasks, more = await work.task_pages.page(user_id, campaign_id, request)
        found += [(task.contact_name, task.position) for task in tasks]
        after = tasks[-1].id if tasks else None
    return found


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("order", TaskOrder)
async def test_every_task_is_on_one_page(db: DatabaseManager, order: TaskOrder, descending: bool) -> None:
    user_id, campaign_id = await campaign_of(db)
    found = await walk(db, user_id, campaign_id, order=order, descending=descending)
    assert sorted(position for _, position in found) == list(range(1, COUNT + 1))
    if order is TaskOrder.POSITION:
        assert [position for _, position in found] == sorted(range(1, COUNT + 1), reverse=descending)
    else:
        same_name = [position for name, position in found if name == "Anna Meyer"]
        assert same_name == sorted(same_name, reverse=descending)
        names = list(dict.fromkeys(name for name, _ in found))
        assert len(names) == len(set(NAMES)), "equal names stand together"


@pytest.mark.parametrize(
    ("search", "count"),
    [("anna", 9), ("(202) 555-0101", 1), ("+1202555010", 10), ("100%", 4), ("e_t", 4), ("%", 4), ("nobody", 0)],
)
async def test_a_search_finds_names_and_numbers(db: DatabaseManager, search: str, count: int) -> None:
    user_id, campaign_id = await campaign_of(db)
    found = await walk(db, user_id, campaign_id, search=search)
    assert len(found) == count


async def test_only_the_wanted_states_and_what_became_of_them(db: DatabaseManager) -> None:
    user_id, campaign_id = await campaign_of(db)
    async with db.transaction() as work:
        first = (await work.tasks.of_campaign(user_id, campaign_id))[0]
        await work.tasks.transition(first.id, TaskStatus.CANCELLED, "You stopped it.")
    assert await walk(db, user_id, campaign_id, statuses=[TaskStatus.CANCELLED]) == [("Anna Meyer", 1)]
    async with db.read() as work:
        assert await work.task_pages.positions(user_id, campaign_id, TaskStatus.CANCELLED) == {1}
        assert await work.task_pages.outcomes(user_id, campaign_id) == {}


async def test_another_tenant_sees_nothing(db: DatabaseManager) -> None:
    _, campaign_id = await campaign_of(db)
    stranger = await add_user(db, "Ben Ortiz")
    assert await walk(db, stranger.id, campaign_id) == []


async def test_a_place_in_no_list_is_refused(db: DatabaseManager) -> None:
    user_id, campaign_id = await campaign_of(db)
    with pytest.raises(NotFound, match="first page"):
        async with db.read() as work:
            await work.task_pages.page(user_id, campaign_id, TaskPageRequest(after=new_id()))


@pytest.mark.parametrize("order", TaskOrder)
@pytest.mark.parametrize("descending", [False, True])
async def test_a_page_is_read_from_an_index(tmp_path: Path, order: TaskOrder, descending: bool) -> None:
    """On SQLite; PostgreSQL plans by its statistics, which a small table does not have."""
    wanted = TaskPageRequest(order=order, descending=descending)
    statement = page_statement(new_id(), new_id(), wanted, ("Anna Meyer", 7))
    sql = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    db = DatabaseManager(f"sqlite+aiosqlite:///{tmp_path / 'plans.db'}", InProcessDoorbell())
    try:
        await db.upgrade()
        async with db.read() as work:
            plan = [row.detail for row in await work.session.execute(text(f"EXPLAIN QUERY PLAN {sql}"))]
    finally:
        await db.close()
    assert len(plan) == 1, plan
    assert "USING INDEX" in plan[0], "rows come in their order, without sorting"
