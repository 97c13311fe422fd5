"""The rows of one attempt, when something is wrong with what should be written."""

import asyncio
from pathlib import Path

from opendeep.call_processor_service.attempt_records import MAX_WAITING_LINES, AttemptRecorder, Ending, write_ending
from opendeep.common.clock import SystemClock
from opendeep.common.data_models import Call, CallCreate, CallStatus, TaskStatus
from tests.integration.calls_world import DEADLINE_S, NODE, World, calls_world
from tests.unit.call_processor_service.fake_switch import FakeSwitch

ENDING = Ending(CallStatus.COMPLETED, None, "The call ended.", 16, None)


async def live_call(world: World) -> Call:
    (task_id,) = await world.start("+12025550123")
    async with world.db.transaction() as work:
        new = CallCreate(world.user.id, world.campaign_id, task_id, "+12025550123", None, NODE)
        call = await work.calls.create_call_attempt(new, 60)
        await work.tasks.transition(task_id, TaskStatus.CALL_IN_PROGRESS, "Attempt 1 has begun.")
    return call


async def test_a_line_that_cannot_be_written_does_not_cost_the_ending(tmp_path: Path) -> None:
    async with calls_world(tmp_path, FakeSwitch(), running=False) as world:
        call = await live_call(world)
        recorder = AttemptRecorder(world.db, call, SystemClock())
        recorder.note("call.odd", "No JSON.", thing=object())
        recorder.finish(ENDING)
        recorder.finish(Ending(CallStatus.LOST, None, "Too late."))
        await asyncio.wait_for(recorder.run(), DEADLINE_S)
        ended = await world.db.get_call_by_id(call.id)
        assert (ended.status, ended.end_reason, ended.hangup_cause) == (CallStatus.COMPLETED, "The call ended.", 16)
        assert (await world.task(call.task_id)).status == TaskStatus.PENDING_ANALYSIS


async def test_the_oldest_lines_give_way(tmp_path: Path) -> None:
    async with calls_world(tmp_path, FakeSwitch(), running=False) as world:
        call = await live_call(world)
        recorder = AttemptRecorder(world.db, call, SystemClock())
        for number in range(MAX_WAITING_LINES + 5):
            recorder.note("call.line", f"Line {number}.")
        recorder.finish(ENDING)
        await asyncio.wait_for(recorder.run(), DEADLINE_S)
        lines = [line.detail for line in await world.timeline(call.id)]
        assert recorder.dropped == 5
        assert (lines[0], lines[-2:]) == ("Line 5.", ["Line 204.", "The call ended."])


async def test_a_call_that_was_closed_elsewhere_stays_as_it_was(tmp_path: Path) -> None:
    async with calls_world(tmp_path, FakeSwitch(), running=False) as world:
        call = await live_call(world)
        await world.db.update_call_status(call.id, CallStatus.LOST, end_reason="Reconciled.")
        recorder = AttemptRecorder(world.db, call, SystemClock())
        recorder.finish(ENDING)
        await asyncio.wait_for(recorder.run(), DEADLINE_S)
        ended = await world.db.get_call_by_id(call.id)
        assert (ended.status, ended.end_reason) == (CallStatus.LOST, "Reconciled.")


async def test_a_late_ending_leaves_the_next_call_alone(tmp_path: Path) -> None:
    """Another node closed the call as lost and the task is being called again when the first handler wakes up."""
    async with calls_world(tmp_path, FakeSwitch(), running=False) as world:
        call = await live_call(world)
        lost = Ending(CallStatus.LOST, None, "Its end was not seen.")
        async with world.db.transaction() as work:
            await write_ending(work, call, lost)
            await work.tasks.transition(call.task_id, TaskStatus.SCHEDULED, "Again.")
            await work.tasks.transition(call.task_id, TaskStatus.QUEUED_FOR_CALL, "Waiting for a line.")
            new = CallCreate(world.user.id, world.campaign_id, call.task_id, "+12025550123", None, "node-2")
            await work.calls.create_call_attempt(new, 60)
            await work.tasks.transition(call.task_id, TaskStatus.CALL_IN_PROGRESS, "Attempt 2 has begun.")
        recorder = AttemptRecorder(world.db, call, SystemClock())
        recorder.finish(lost)
        await asyncio.wait_for(recorder.run(), DEADLINE_S)
        task = await world.task(call.task_id)
        assert (task.status, task.attempts) == (TaskStatus.CALL_IN_PROGRESS, 1)
