"""The scheduler shares its lines: tenants in turns, a cap for each, and a tenant whose tasks are all refused."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from opendeep.common.data_models import DNDEntryBase, DndScope, TaskStatus
from opendeep.task_manager.compliance_gate import GateRules
from opendeep.task_manager.task_scheduler_svc import SchedulerSettings, TaskSchedulerService
from tests.support.database import World, add_campaign, add_user, make_world, sample_plan, sqlite_url

RULES = GateRules(region="US", extensions=("7000",), allowed_countries=("US",), home_zone="America/New_York")


class Lines:
    """The dialer's side of the wall: so many free lines."""

    def free_lines(self) -> int:
        return 6


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await make_world(sqlite_url(tmp_path))
    yield world
    await world.db.close()


def scheduler(world: World, cap: int | None = None) -> TaskSchedulerService:
    settings = SchedulerSettings(node_id="node", poll_s=1.0, lease_s=30.0, gate=RULES, calls_per_tenant=cap)
    return TaskSchedulerService(world.db, world.bell, world.clock, Lines(), settings)


async def tenant(world: World, name: str, first: int, tasks: int) -> UUID:
    user = await add_user(world.db, name)
    await add_campaign(world.db, user.id, sample_plan([f"+1202555{first + n:04}" for n in range(tasks)]))
    return user.id


async def queued(world: World, *tenants: UUID) -> list[int]:
    async with world.db.read() as work:
        return [len(await work.tasks.of_user(user, [TaskStatus.QUEUED_FOR_CALL])) for user in tenants]


async def test_a_round_shares_the_lines(world: World) -> None:
    many, few = await tenant(world, "Many", 100, 40), await tenant(world, "Few", 150, 2)
    await scheduler(world).round()
    assert await queued(world, many, few) == [4, 2]


async def test_the_cap_leaves_lines_free(world: World) -> None:
    many, few = await tenant(world, "Many", 100, 40), await tenant(world, "Few", 150, 1)
    await scheduler(world, cap=3).round()
    assert await queued(world, many, few) == [3, 1]


async def test_who_is_refused_does_not_hold_up_the_others(world: World) -> None:
    """One tenant's numbers are all on its list: its tasks end, and the lines fill in the same round."""
    refused, other = await tenant(world, "Refused", 100, 30), await tenant(world, "Other", 150, 10)
    async with world.db.transaction() as work:
        for n in range(30):
            entry = DNDEntryBase(f"+1202555{100 + n:04}", DndScope.USER, "asked us to stop", "call", user_id=refused)
            await work.dnd.add(entry)
    await scheduler(world).round()
    assert await queued(world, refused, other) == [0, 6]


async def test_who_is_refused_waits_its_turn(world: World) -> None:
    """The others get all lines while most of its tasks have not been looked at."""
    refused, others = await tenant(world, "Refused", 100, 40), await tenant(world, "Others", 150, 40)
    async with world.db.transaction() as work:
        for n in range(40):
            await work.dnd.add(DNDEntryBase(f"+1202555{100 + n:04}", DndScope.USER, "asked", "test", refused))
    await scheduler(world).round()
    assert await queued(world, refused, others) == [0, 6]
    async with world.db.read() as work:
        assert len(await work.tasks.of_user(refused, [TaskStatus.SCHEDULED])) >= 40 - 7
