"""Claims in turns on real rows, on SQLite and on PostgreSQL; several schedulers at once on PostgreSQL."""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest

from opendeep.common.data_models import CampaignStatus, Task, TaskStatus
from opendeep.database.db_manager import DatabaseManager
from opendeep.database.turns import Turns
from tests.support.backlog import Batch, fill
from tests.support.database import World, add_campaign, add_user, make_world, sample_plan

LEASE_S = 30.0
DEADLINE_S = 60.0


async def claim(db: DatabaseManager, lines: int, turns: Turns | None = None, cap: int | None = None) -> list[Task]:
    """As the scheduler does it: what is claimed is queued at once."""
    async with db.transaction() as work:
        tasks = await work.tasks.claim_due("node", lines, LEASE_S, cap=cap, turns=turns)
        for task in tasks:
            await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "go")
    return tasks


async def end(db: DatabaseManager, task: Task) -> None:
    async with db.transaction() as work:
        await work.tasks.transition(task.id, TaskStatus.FAILED, "ended")


def counted(tasks: list[Task]) -> dict[UUID, int]:
    return dict(Counter(task.user_id for task in tasks))


async def test_tenants_share_the_lines_and_priority_wins_nothing(world: World) -> None:
    boaster, modest, late = await fill(
        world.url,
        world.clock.now(),
        [Batch(50, priority=100, due_in_s=-9_000), Batch(50), Batch(2, due_in_s=-1)],
    )
    turns = Turns()
    assert counted(await claim(world.db, 8, turns)) == {boaster: 3, modest: 3, late: 2}
    assert counted(await claim(world.db, 6, turns)) == {boaster: 3, modest: 3}


async def test_who_has_most_lines_waits_for_the_others(world: World) -> None:
    (early,) = await fill(world.url, world.clock.now(), [Batch(100)])
    turns = Turns()
    assert counted(await claim(world.db, 8, turns)) == {early: 8}
    second, third = await fill(world.url, world.clock.now(), [Batch(100, tenants=2)])
    assert counted(await claim(world.db, 2, turns)) == {second: 1, third: 1}
    assert early not in counted(await claim(world.db, 8, turns))


async def test_the_cap_of_a_tenant_holds_over_claims(world: World) -> None:
    first, second = await fill(world.url, world.clock.now(), [Batch(20), Batch(20)])
    turns = Turns()
    assert counted(await claim(world.db, 9, turns, cap=3)) == {first: 3, second: 3}
    assert await claim(world.db, 9, turns, cap=3) == []
    assert counted(await claim(world.db, 9, turns, cap=5)) == {first: 2, second: 2}
    assert len(await claim(world.db, 9, turns)) == 9


async def test_more_tenants_than_lines_are_served_in_turns(world: World) -> None:
    """One line, calls that end at once, and a tenant whose tasks are all refused: everybody is served equally often."""
    tenants = await fill(world.url, world.clock.now(), [Batch(10, tenants=5)])
    turns, served = Turns(), Counter[UUID]()
    for _ in range(15):
        (task,) = await claim(world.db, 1, turns)
        served[task.user_id] += 1
        await end(world.db, task)
    assert served == {tenant: 3 for tenant in tenants}


async def test_a_campaign_of_one_call_goes_next(world: World) -> None:
    user = await add_user(world.db)
    await add_campaign(world.db, user.id, sample_plan([f"+1202555{n:04}" for n in range(100, 160)]))
    turns = Turns()
    assert len(await claim(world.db, 3, turns)) == 3
    world.clock.advance(60)
    small, _ = await add_campaign(world.db, user.id, sample_plan(["+12025550199"]))
    assert small.id in {task.campaign_id for task in await claim(world.db, 1, turns)}


async def test_priorities_go_first_inside_a_tenant(world: World) -> None:
    user = await add_user(world.db)
    campaign, tasks = await add_campaign(world.db, user.id, sample_plan([f"+1202555010{n}" for n in range(1, 7)]))
    other, _ = await add_campaign(world.db, user.id, sample_plan(["+12025550190", "+12025550191"]))
    async with world.db.transaction() as work:
        for number, priority in ((4, 7), (2, 7), (5, 9)):
            await work.tasks.change(user.id, tasks[number].id, tasks[number].version, priority=priority)
    claimed = await claim(world.db, 4, Turns())
    assert [task.id for task in claimed[:3]] == [tasks[5].id, tasks[2].id, tasks[4].id]
    assert {task.priority for task in claimed[3:]} == {0}
    assert {campaign.id, other.id} >= {task.campaign_id for task in claimed}


async def test_what_stands_in_front_is_passed(world: World) -> None:
    """Paused, later and leased tasks of higher priority, in the same campaign and in others."""
    now = world.clock.now()
    paused, later, leased, mixed = await fill(
        world.url,
        now,
        [
            Batch(30, priority=9, campaign=CampaignStatus.PAUSED),
            Batch(30, priority=9, due_in_s=3_600),
            Batch(30, priority=9, leased_for_s=3_600),
            Batch(3),
        ],
    )
    async with world.db.transaction() as work:
        tasks = await work.tasks.of_user(mixed, [TaskStatus.SCHEDULED])
        await work.tasks.change(mixed, tasks[0].id, tasks[0].version, priority=9, next_attempt_at=now + timedelta(1))
    assert counted(await claim(world.db, 10, Turns())) == {mixed: 2}
    assert await claim(world.db, 10, Turns()) == []
    async with world.db.read() as work:
        assert await work.tasks.next_due_at() == now + timedelta(hours=1)
    world.clock.advance(3_601)
    assert counted(await claim(world.db, 100, Turns())) == {later: 30, leased: 30}
    assert paused not in counted(await claim(world.db, 100, Turns()))


async def test_everything_due_is_claimed_once(world: World) -> None:
    """Random tenants, campaigns and priorities: claim after claim until nothing is left, nothing twice."""
    batches = [
        Batch(tasks, campaigns=campaigns, tenants=tenants, priority=priority)
        for tasks, campaigns, tenants, priority in ((7, 2, 2, 0), (1, 5, 1, 3), (13, 1, 3, -2), (4, 3, 1, 100))
    ]
    total = sum(b.tasks * b.campaigns * b.tenants for b in batches)
    await fill(world.url, world.clock.now(), batches)
    turns, seen = Turns(), list[UUID]()
    while tasks := await claim(world.db, 6, turns):
        seen += [task.id for task in tasks]
        for task in tasks:
            await end(world.db, task)
    assert len(seen) == len(set(seen)) == total


@pytest.mark.postgres
async def test_four_schedulers_claim_at_once(postgres_url: str) -> None:
    """Nothing twice, nobody waits for anybody, and the tenants get alike: each scheduler holds its claim open until
    all four have theirs.
    """
    world = await make_world(postgres_url)
    tenants = await fill(postgres_url, world.clock.now(), [Batch(400), Batch(100, priority=50), Batch(60)])
    everybody_holds = asyncio.Barrier(4)

    async def scheduler(name: str) -> list[Task]:
        turns, mine = Turns(), list[Task]()
        for _ in range(6):
            async with world.db.transaction() as work:
                tasks = await work.tasks.claim_due(name, 6, LEASE_S, turns=turns)
                await everybody_holds.wait()
                for task in tasks:
                    await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "go")
            mine += tasks
            await everybody_holds.wait()
        return mine

    try:
        async with asyncio.timeout(DEADLINE_S):
            claims = await asyncio.gather(*(scheduler(f"node-{n}") for n in range(4)))
    finally:
        await world.db.close()
    everything = [task for tasks in claims for task in tasks]
    assert len(everything) == len({task.id for task in everything}) == 4 * 6 * 6
    assert counted(everything) == dict.fromkeys(tenants, 48)
