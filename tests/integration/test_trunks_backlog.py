"""A long backlog for a trunk that takes no calls does not keep callees of other trunks waiting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from opendeep.common.campaign_plan import CallingWindow, CampaignPlan, PlannedTask, brief_for
from opendeep.common.data_models import TaskBase, TaskStatus
from opendeep.task_manager.compliance_gate import GateRules
from opendeep.task_manager.task_scheduler_svc import SchedulerSettings, TaskSchedulerService
from tests.integration.calls_world import new_campaign
from tests.integration.trunk_world import TrunkWorld, a_trunk, trunk_world
from tests.unit.call_processor_service.fake_switch import FakeSwitch

LEASE_S = 30.0
STEP_S = 0.5
BACKLOG = 450  # more than one node looks at before the first of them may be tried again
OTHERS = 5
LATEST_S = 30.0  # of the test's own clock


@pytest.fixture
async def switch() -> AsyncIterator[FakeSwitch]:
    async with FakeSwitch() as server:
        yield server


async def due(world: TrunkWorld, numbers: list[str], priority: int) -> list[UUID]:
    """Tasks that are due now."""
    contacts = [PlannedTask(contact_name=n, phone_number=n) for n in numbers]
    plan = CampaignPlan(on_behalf_of="Maria", tasks=contacts, calling_window=CallingWindow(any_time=True))
    brief = brief_for(plan, contacts[0]).model_dump(mode="json")
    tasks = [TaskBase(f"Callee {n}", "person", n, "Say hello.", brief, priority=priority) for n in numbers]
    async with world.db.transaction() as work:
        campaign = await new_campaign(work, world.user)
        await work.tasks.add_many(world.user.id, campaign, tasks)
        return [task.id for task in await work.tasks.of_campaign(world.user.id, campaign)]


async def test_a_backlog_of_a_paused_trunk_lets_other_trunks_work(tmp_path: Path, switch: FakeSwitch) -> None:
    berlin, world_trunk = a_trunk("berlin", countries=frozenset({"DE"})), a_trunk("world", countries=frozenset({"US"}))
    async with trunk_world(tmp_path, switch, [berlin, world_trunk], max_concurrent_calls=10) as world:
        async with world.db.transaction() as work:
            await work.trunks.save(replace(await work.trunks.hold_one("berlin"), paused="Number porting"))
        (node,) = world.nodes.values()
        rules = GateRules("US", (), ("US", "DE"), "America/New_York")
        settings = SchedulerSettings("node-1", 2.0, LEASE_S, rules)
        scheduler = TaskSchedulerService(world.db, world.bell, world.clock, node, settings)
        await due(world, [f"+4930901{n:05}" for n in range(BACKLOG)], priority=9)
        ids = await due(world, [f"+1202555{n:04}" for n in range(OTHERS)], priority=0)
        seconds = 0.0
        while (await world.statuses(ids))[TaskStatus.SCHEDULED] and seconds < LATEST_S:
            await scheduler.round()
            await world.look()
            await world.advance(STEP_S, step_s=STEP_S)
            seconds += STEP_S
        assert (await world.statuses(ids))[TaskStatus.SCHEDULED] == 0, f"nobody was called within {seconds} s"
