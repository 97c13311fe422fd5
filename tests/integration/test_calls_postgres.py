"""The telephony side on PostgreSQL: the same outcomes, two nodes that claim beside each other."""

import asyncio
from pathlib import Path

import pytest

from opendeep.call_processor_service.call_initiator_svc import CallInitiatorService
from opendeep.common.data_models import CallStatus, TaskStatus
from opendeep.config.trunk_config import load_trunks
from tests.integration.calls_world import AUDIOSOCKET, LIMITS, calls_world
from tests.unit.call_processor_service.fake_switch import FakeSwitch

pytestmark = pytest.mark.postgres


async def test_two_nodes_share_the_work(tmp_path: Path, postgres_url: str) -> None:
    plans = ["busy", "no_answer", "not_found", "refuse"]
    numbers = [f"+1202555{n:04}" for n in range(40)]
    async with FakeSwitch() as switch:
        switch.plans = {number: plans[n % len(plans)] for n, number in enumerate(numbers)}
        async with calls_world(tmp_path, switch, database_url=postgres_url, max_concurrent_calls=7) as world:
            config = world.config.model_copy(update={"node_id": "node-2"})
            trunks = load_trunks(config)
            other = CallInitiatorService(
                config, trunks, world.db, world.bell, world.ami, lambda: AUDIOSOCKET, limits=LIMITS
            )
            worker = asyncio.create_task(other.run(), name="initiator-2")
            tasks = await world.start(*numbers)
            await world.wait_for_ends(40)
            calls = [await world.only_call(task) for task in tasks]
            expected = [CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.UNALLOCATED, CallStatus.FAILED]
            assert [call.status for call in calls] == 10 * expected
            assert {call.node_id for call in calls} == {"node-1", "node-2"}
            assert len(switch.named("Originate")) == 40
            assert {(await world.task(task)).status for task in tasks} == {TaskStatus.PENDING_ANALYSIS}
            worker.cancel()
            await asyncio.wait({worker})
