"""What changes while a task waits for a line: a pause, a stop, a do-not-call entry, the machine's clock."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opendeep.call_processor_service.call_initiator_svc import STARTS_AT_ONCE
from opendeep.common.data_models import CampaignStatus, DNDEntryBase, DndScope, TaskStatus
from opendeep.task_manager.campaign_query_svc import CampaignQueryService
from tests.integration.trunk_world import TrunkWorld, a_trunk, trunk_world
from tests.unit.call_processor_service.fake_switch import FakeSwitch

NUMBERS = [f"+1202555{n:04}" for n in range(100, 110)]
HOUR_S = 3_600.0
LIVE, QUEUED, BACK = TaskStatus.CALL_IN_PROGRESS, TaskStatus.QUEUED_FOR_CALL, TaskStatus.SCHEDULED


@pytest.fixture
async def switch() -> AsyncIterator[FakeSwitch]:
    async with FakeSwitch() as server:
        yield server


async def set_status(world: TrunkWorld, task_id: object, status: CampaignStatus) -> None:
    (task,) = await world.tasks([task_id])  # type: ignore[list-item]
    async with world.db.transaction() as work:
        await work.campaigns.set_status(world.user.id, task.campaign_id, status)


async def test_a_paused_campaign_starts_no_call_that_was_queued(tmp_path: Path, switch: FakeSwitch) -> None:
    async with trunk_world(tmp_path, switch, [a_trunk()]) as world:
        (node,) = world.nodes.values()
        async with node._gate:  # it does not look before all this has happened
            (paused,) = await world.queue(NUMBERS[0])
            (other,) = await world.queue(NUMBERS[1])
            await set_status(world, paused, CampaignStatus.PAUSED)
        await world.look()
        assert [task.status for task in await world.tasks([paused, other])] == [QUEUED, LIVE]
        assert node.snapshot()["queued"] == 0  # and it takes no room
        await set_status(world, paused, CampaignStatus.ACTIVE)
        await world.look()
        assert await world.statuses([paused]) == {LIVE: 1}


@pytest.mark.parametrize("scope", [DndScope.USER, DndScope.GLOBAL, DndScope.CAMPAIGN])
async def test_a_number_that_is_listed_meanwhile_is_not_called(
    tmp_path: Path, switch: FakeSwitch, scope: DndScope
) -> None:
    async with trunk_world(tmp_path, switch, [a_trunk()]) as world:
        (node,) = world.nodes.values()
        async with node._gate:  # it does not look before all this has happened
            ids = await world.queue(*NUMBERS[:2])
            campaign_id = (await world.tasks(ids))[0].campaign_id if scope is DndScope.CAMPAIGN else None
            user_id = None if scope is DndScope.GLOBAL else world.user.id
            async with world.db.transaction() as work:
                await work.dnd.add(DNDEntryBase(NUMBERS[0], scope, "asked to", "call", user_id, campaign_id))
        await world.look()
        listed, other = await world.tasks(ids)
        assert (listed.status, other.status) == (BACK, LIVE)
        assert "do-not-call" in listed.status_reason
        assert len(await world.calls(ids)) == 1


async def test_another_tenants_list_does_not_hold_a_call_back(tmp_path: Path, switch: FakeSwitch) -> None:
    async with trunk_world(tmp_path, switch, [a_trunk()]) as world:
        async with world.db.transaction() as work:
            stranger = await work.users.get_or_create("Stranger")
            await work.dnd.add(DNDEntryBase(NUMBERS[0], DndScope.USER, "asked to", "call", stranger.id))
        ids = await world.queue(NUMBERS[0])
        await world.look()
        assert await world.statuses(ids) == {LIVE: 1}


@pytest.mark.postgres
async def test_a_campaign_is_stopped_while_its_calls_begin(
    tmp_path: Path, switch: FakeSwitch, postgres_url: str
) -> None:
    """The claim commits while the stop waits for its rows: such a call is let end, the others never begin."""
    async with (
        trunk_world(tmp_path, switch, [a_trunk()], database_url=postgres_url) as world,
        world.nodes["node-1"]._gate,
    ):
        ids = await world.queue(*NUMBERS)
        queries = CampaignQueryService(world.db, tmp_path, "America/New_York")
        campaign_id = (await world.tasks(ids))[0].campaign_id
        async with world.db.transaction() as work:  # as the claim does
            for task_id in ids[5:]:
                await work.tasks.transition(task_id, LIVE, "Attempt 1 has begun.")
            stopping = asyncio.create_task(queries.cancel(world.user.id, campaign_id))
            async with world.db.read() as look, asyncio.timeout(60):
                while (await look.campaigns.get(world.user.id, campaign_id)).status is not CampaignStatus.PAUSED:
                    await look.session.rollback()
            for _ in range(50):  # the stop gets to the rows that are held
                await asyncio.sleep(0.002)
        await stopping
        assert await world.statuses(ids) == {TaskStatus.CANCELLED: 5, LIVE: 5}
        assert {task.max_attempts for task in (await world.tasks(ids))[5:]} == {0}


async def test_an_hour_back_does_not_hold_up_what_waits_for_its_turn(tmp_path: Path, switch: FakeSwitch) -> None:
    async with trunk_world(tmp_path, switch, [a_trunk(calls_per_second=1.0, burst=1)]) as world:
        ids = await world.queue(*NUMBERS[:3])
        await world.look()
        world.clock.set_wall_time(-HOUR_S)
        await world.advance(5.0, step_s=1.0)
        assert await world.statuses(ids) == {LIVE: 3}


async def test_an_hour_back_does_not_stop_the_queueing(tmp_path: Path, switch: FakeSwitch) -> None:
    """After a claim that could only send tasks back nothing is queued for a moment, and not for an hour."""
    async with trunk_world(tmp_path, switch, [a_trunk(max_calls=1)]) as world:
        (node,) = world.nodes.values()
        await world.someone_calls_on("a")
        await world.queue(NUMBERS[0])
        await world.look()
        assert node._claims.room(1) == 0
        world.clock.set_wall_time(-HOUR_S)
        world.clock.advance(2.0)
        node._claims.note_end("a")
        assert node._claims.room(1) > 0


async def test_calls_begin_a_few_at_a_time(tmp_path: Path, switch: FakeSwitch) -> None:
    """Whatever the trunk could take: living calls need a frame every 20 ms while the new ones begin."""
    many = 8 * STARTS_AT_ONCE
    async with trunk_world(tmp_path, switch, [a_trunk()], max_concurrent_calls=many) as world:
        (node,) = world.nodes.values()
        async with node._gate:  # it does not look before all are queued
            ids = await world.queue(*(f"+1202555{n:04}" for n in range(100, 100 + many)))
        before = len(node._handlers)
        assert await node._round() == 0.0  # there are more, and they may begin soon
        assert len(node._handlers) - before <= 2 * STARTS_AT_ONCE  # the node's own round included
        await world.wait_for(ids, LIVE, many)
