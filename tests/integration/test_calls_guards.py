"""Guards of one call that only matter when something is late: its end, its channel, its first event."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from opendeep.call_processor_service.attempt_records import AttemptRecorder, Ending
from opendeep.call_processor_service.node_lease import NodeLease
from opendeep.common.data_models import CallCreate, CallStatus, TaskStatus
from opendeep.common.errors import DatabaseUnavailable
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.database.db_manager import DatabaseManager, Transaction
from tests.integration.calls_world import DEADLINE_S, LIMITS, NODE, calls_world, logged
from tests.support.clock import ManualClock
from tests.unit.call_processor_service.fake_switch import FakeSwitch

NUMBER = "+12025550123"
RARELY = replace(LIMITS, look_every_s=3_600.0, reconcile_every_s=3_600.0)


@pytest.fixture
async def switch() -> AsyncIterator[FakeSwitch]:
    async with FakeSwitch() as server:
        yield server


class AwayDatabase(DatabaseManager):
    """The real one behind a cable that can be pulled, or a slow one: `before_commit` passes the time."""

    away = False
    before_commit: Callable[[], None] = staticmethod(lambda: None)

    @contextlib.asynccontextmanager
    async def transaction(self, *, urgent: bool = False) -> AsyncIterator[Transaction]:
        if self.away:
            raise DatabaseUnavailable("The cable is out.")
        async with super().transaction(urgent=urgent) as work:
            yield work
            self.before_commit()


async def test_a_renewal_counts_from_its_beginning(tmp_path: Path) -> None:
    """Others count from its commit, which is later: whoever counts from its answer hangs up too late."""
    clock = ManualClock()
    db = AwayDatabase(f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}", InProcessDoorbell(), clock)
    await db.upgrade()
    lease = NodeLease(NODE, db, clock, 30.0, tuple, lambda call_ids, reason: None)
    db.before_commit = lambda: clock.advance(20.0)
    assert await lease.renew()
    assert lease.fresh
    clock.advance(10.0)
    assert not lease.fresh
    await db.close()


async def test_an_end_is_written_as_soon_as_the_database_is_back(tmp_path: Path, switch: FakeSwitch) -> None:
    async with calls_world(tmp_path, switch, running=False) as world:
        (task_id,) = await world.start(NUMBER)
        async with world.db.transaction() as work:
            new = CallCreate(world.user.id, world.campaign_id, task_id, NUMBER, None, NODE)
            call = await work.calls.create_call_attempt(new, 60)
            await work.tasks.transition(task_id, TaskStatus.CALL_IN_PROGRESS, "Attempt 1 has begun.")
        clock, db = ManualClock(), AwayDatabase(f"sqlite+aiosqlite:///{world.path}", world.bell)
        db.away = True
        recorder = AttemptRecorder(db, call, clock)
        recorder.finish(Ending(CallStatus.COMPLETED, None, "The call ended."))
        with logged("call.database_away") as away:
            writing = asyncio.create_task(recorder.run(), name="records")
            await asyncio.wait_for(away.wait(), DEADLINE_S)
        db.away = False
        clock.advance(60.0)
        await asyncio.wait_for(writing, DEADLINE_S)
        assert (await world.db.get_call_by_id(call.id)).status == CallStatus.COMPLETED
        assert (await world.task(task_id)).status == TaskStatus.PENDING_ANALYSIS
        await db.close()


async def test_a_row_stays_live_while_its_channel_ignores_the_hangup(tmp_path: Path, switch: FakeSwitch) -> None:
    """Its handler gives up; its task must not be dialled again before the channel has gone."""
    async with calls_world(tmp_path, switch, limits=RARELY) as world:
        (task_id,) = await world.start(NUMBER)
        call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
        switch.deaf_to_hangup = True
        await world.media(call_id, "hangup", reason="completed")
        await world.wait_until_free()
        assert (await world.only_call(task_id)).live
        assert (await world.task(task_id)).status == TaskStatus.CALL_IN_PROGRESS
        switch.deaf_to_hangup = False
        await world.initiator.reconcile()
        assert (await world.only_call(task_id)).status == CallStatus.LOST


async def test_a_gap_right_after_the_originate_says_nothing_about_its_channel(
    tmp_path: Path, switch: FakeSwitch
) -> None:
    """Asterisk may not have made it yet: closed now, the task could be dialled while its phone begins to ring."""
    slow = replace(RARELY, attempt=replace(LIMITS.attempt, channel_s=60.0))
    switch.plans[NUMBER] = "silent"
    async with calls_world(tmp_path, switch, limits=slow, originate_timeout_ms=60_000) as world:
        (task_id,) = await world.start(NUMBER)
        await switch.wait_for_action("Originate")
        switch.drop_connections()
        async with asyncio.timeout(DEADLINE_S):
            while len(switch.named("Login")) < 2 or world.initiator.paused_because() is not None:
                await world.pages.next(timeout=0.02)
        for _ in range(3):
            await world.initiator.reconcile()
        assert world.initiator.snapshot()["lines_used"] == 1
        assert (await world.only_call(task_id)).live
