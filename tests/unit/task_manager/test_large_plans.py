"""Large plans become campaigns in slices: whole or not at all, once, and with everybody else's writes in between."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from opendeep.common.data_models import Campaign, CampaignStatus, TaskStatus, User
from opendeep.common.errors import Conflict, DatabaseUnavailable, InvalidPlan
from opendeep.database.turns import Turns
from opendeep.task_manager.campaign_preparer_svc import CampaignPreparerService
from opendeep.task_manager.campaign_query_svc import CampaignQueryService
from opendeep.task_manager.orchestrator_svc import OrchestratorService
from opendeep.task_manager.plan_reader import SLICE, PlanReader
from tests.support.database import World, add_plan, add_user, make_world, sample_plan, sqlite_url
from tests.support.services import TemporaryPostgres, fresh_database

MANY = 3 * SLICE + 7
DEADLINE_S = 180.0


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    with contextlib.ExitStack() as stack:
        if request.param == "sqlite":
            url = sqlite_url(tmp_path)
        else:
            server: TemporaryPostgres = request.getfixturevalue("postgres_server")
            url = stack.enter_context(fresh_database(server, "large_plans"))
        world = await make_world(url)
        yield world
        await world.db.close()


async def plan_of(world: World, contacts: int) -> tuple[User, UUID]:
    user = await add_user(world.db)
    numbers = [f"+1202{n // 10_000 + 555}{n % 10_000:04}" for n in range(contacts)]
    return user, await add_plan(world.db, user.id, sample_plan(numbers))


def orchestrator(world: World) -> OrchestratorService:
    return OrchestratorService(world.db, "US", ())


def preparer(world: World) -> CampaignPreparerService:
    return CampaignPreparerService(world.db, world.bell, PlanReader(world.db, "US", ()))


async def whole(world: World) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await preparer(world).round() is not None:
            pass


async def now(world: World, campaign: Campaign) -> Campaign:
    async with world.db.read() as work:
        return await work.campaigns.get(campaign.user_id, campaign.id)


async def positions(world: World, campaign: Campaign) -> list[tuple[int, str]]:
    async with world.db.read() as work:
        tasks = await work.tasks.of_campaign(campaign.user_id, campaign.id, limit=100_000)
    return [(task.position, task.phone_number) for task in tasks]


def expected(contacts: int) -> list[tuple[int, str]]:
    return [(n + 1, f"+1202{n // 10_000 + 555}{n % 10_000:04}") for n in range(contacts)]


async def seen_by_the_stages(world: World) -> tuple[int, int]:
    """Tasks that the scheduler would take, and campaigns that the summariser would report."""
    async with world.db.transaction() as work:
        finished = await work.campaigns.finished_without_report()
        due = await work.tasks.claim_due("scheduler", 10, 30, turns=Turns())
        assert (await work.tasks.next_due_at() is not None) == bool(due)
    return len(due), len(finished)


async def test_a_plan_of_one_slice_is_whole_at_once(world: World) -> None:
    user, plan_id = await plan_of(world, SLICE)
    campaign = await orchestrator(world).execute_campaign(user.id, plan_id)
    assert (campaign.status, campaign.tasks_planned, campaign.tasks_prepared) == (CampaignStatus.ACTIVE, SLICE, SLICE)
    assert await positions(world, campaign) == expected(SLICE)


async def test_a_larger_one_is_neither_called_nor_reported_before_it_is_whole(world: World) -> None:
    user, plan_id = await plan_of(world, MANY)
    campaign = await orchestrator(world).execute_campaign(user.id, plan_id)
    assert (campaign.status, campaign.tasks_planned, campaign.tasks_prepared) == (CampaignStatus.PREPARING, MANY, SLICE)
    assert await seen_by_the_stages(world) == (0, 0)
    async with world.db.transaction() as work:  # even when all that are there are done
        for task in await work.tasks.of_campaign(user.id, campaign.id):
            await work.tasks.transition(task.id, TaskStatus.CANCELLED, "for the test")
    assert await seen_by_the_stages(world) == (0, 0)
    await whole(world)
    assert (await now(world, campaign)).status is CampaignStatus.ACTIVE
    assert await positions(world, campaign) == expected(MANY)
    assert await seen_by_the_stages(world) == (10, 0)


async def test_confirmed_and_prepared_twice_at_once_it_is_one_campaign(world: World) -> None:
    user, plan_id = await plan_of(world, MANY)
    confirmed = await asyncio.gather(*(orchestrator(world).execute_campaign(user.id, plan_id) for _ in range(3)))
    assert len({campaign.id for campaign in confirmed}) == 1
    await asyncio.gather(*(preparer(world).round() for _ in range(3)))
    await whole(world)
    assert await positions(world, confirmed[0]) == expected(MANY)
    again = await orchestrator(world).execute_campaign(user.id, plan_id)
    assert (again.id, again.status) == (confirmed[0].id, CampaignStatus.ACTIVE)


async def test_what_a_crash_leaves_is_gone_on_with(world: World) -> None:
    """Cancelled within a slice, as a process that dies is: that slice is gone whole, and the next start goes on."""
    user, plan_id = await plan_of(world, MANY)
    campaign = await orchestrator(world).execute_campaign(user.id, plan_id)
    crashing = asyncio.create_task(preparer(world).round(), name="crashing-preparer")
    async with asyncio.timeout(DEADLINE_S):
        while (await now(world, campaign)).tasks_prepared < 2 * SLICE:
            pass
    crashing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await crashing
    left = await now(world, campaign)
    assert await positions(world, campaign) == expected(left.tasks_prepared)
    await whole(world)
    assert await positions(world, campaign) == expected(MANY)


async def test_stopped_while_it_is_prepared_it_ends_with_what_is_there(world: World, tmp_path: Path) -> None:
    user, plan_id = await plan_of(world, MANY)
    queries = CampaignQueryService(world.db, tmp_path, "America/New_York")
    campaign = await orchestrator(world).execute_campaign(user.id, plan_id)
    for control in (queries.pause, queries.resume):
        with pytest.raises(Conflict, match="still being prepared"):
            await control(user.id, campaign.id)
    view = await queries.cancel(user.id, campaign.id)
    assert (view["status"], view["tasks_planned"], view["tasks_prepared"]) == ("ACTIVE", SLICE, SLICE)
    await whole(world)
    assert await queries.cancel(user.id, campaign.id)
    async with world.db.read() as work:
        assert await work.campaigns.progress(user.id, campaign.id) == {"CANCELLED": SLICE}
    with pytest.raises(Conflict):
        await preparer(world).prepare(campaign)
    assert await seen_by_the_stages(world) == (0, 1)  # its report is written


async def test_others_write_between_the_slices(world: World) -> None:
    """A status write of a live call waits for the slice that is being written, not for those behind it."""
    contacts = 12 * SLICE
    user, plan_id = await plan_of(world, contacts)
    campaign = await orchestrator(world).execute_campaign(user.id, plan_id)
    preparing = asyncio.create_task(whole(world), name="preparer")
    seen: list[int] = []
    async with asyncio.timeout(DEADLINE_S):
        while not preparing.done():
            async with world.db.transaction() as work:
                await work.users.update_profile(user.id, {"writes": len(seen)})
                seen.append((await work.campaigns.get(user.id, campaign.id)).tasks_prepared)
    await preparing
    waits = [(after - before) // SLICE for before, after in itertools.pairwise(seen)]
    assert max(waits) <= 2  # the one that was written when the write was asked for, and one that ended just before
    assert sum(wait > 0 for wait in waits) >= contacts / SLICE / 2
    assert await positions(world, campaign) == expected(contacts)


async def test_a_database_that_goes_away_is_no_reason_to_give_a_campaign_up(tmp_path: Path) -> None:
    world = await make_world(sqlite_url(tmp_path))
    user, plan_id = await plan_of(world, MANY)
    await orchestrator(world).execute_campaign(user.id, plan_id)
    await world.db.close()
    (tmp_path / "test.db").rename(tmp_path / "away.db")
    (tmp_path / "test.db").mkdir()
    with pytest.raises(DatabaseUnavailable):
        await preparer(world).round()
    await world.db.close()


async def test_a_late_contact_with_a_problem_refuses_the_plan_whole(world: World) -> None:
    user = await add_user(world.db)
    numbers = [f"+1202555{n:04}" for n in range(2 * SLICE)]
    plan_id = await add_plan(world.db, user.id, sample_plan([*numbers, "nonsense", numbers[0]]))
    with pytest.raises(InvalidPlan, match=f"nonsense.*Contact {2 * SLICE + 2} and Contact 1 have the same number"):
        await orchestrator(world).execute_campaign(user.id, plan_id)
    async with world.db.read() as work:
        assert await work.campaigns.recent(user.id) == []


async def test_versions_of_a_large_plan_keep_their_contacts_without_reading_them(world: World) -> None:
    user, plan_id = await plan_of(world, MANY)
    async with world.db.transaction() as work:
        first = await work.plans.shown(user.id, plan_id, 3)
        assert (first.contacts, len(first.plan["tasks"])) == (MANY, 3)
        second = await work.plans.save_with_contacts_of(user.id, plan_id, '{"title": "Next"}')
        texts = [text async for part in work.plans.task_slices(user.id, second, SLICE) for text in part]
        third = await work.plans.save_text(user.id, first.chat_id, f'{{"title": "Last", "tasks": [{texts[-1]}]}}')
    async with world.db.read() as work:
        latest = await work.plans.latest(user.id, first.chat_id, 10)
        assert latest is not None
        assert (latest.id, latest.plan["title"], latest.contacts) == (third, "Last", 1)
        assert (await work.plans.shown(user.id, second, 0)).contacts == MANY == len(texts)
        assert (await work.plans.outline(user.id, second)) == {"title": "Next"}
