"""What breaks around a call: the switch, the doorbell, the database, this process.

No line stays taken, no task is lost, no number is dialled twice.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from opendeep.call_processor_service.ami_action import DialRequest
from opendeep.call_processor_service.call_attempt_handler import CallAttemptHandler
from opendeep.call_processor_service.call_initiator_svc import CallInitiatorService
from opendeep.call_processor_service.switch_view import SwitchView
from opendeep.common import channels
from opendeep.common.clock import SystemClock
from opendeep.common.data_models import CallCreate, CallStatus, Disposition, TaskStatus
from opendeep.common.ids import new_id
from opendeep.config.trunk_config import load_trunks
from tests.integration.calls_world import (
    AUDIOSOCKET,
    DEADLINE_S,
    LIMITS,
    NODE,
    World,
    calls_world,
    logged,
    next_message,
    run_workers,
    stop_workers,
)
from tests.unit.call_processor_service.fake_switch import FakeSwitch

NUMBER, OTHER = "+12025550123", "+12025550124"


@pytest.fixture
async def switch() -> AsyncIterator[FakeSwitch]:
    async with FakeSwitch() as server:
        yield server


@pytest.fixture
async def world(tmp_path: Path, switch: FakeSwitch) -> AsyncIterator[World]:
    async with calls_world(tmp_path, switch) as built:
        yield built


async def until_paused(world: World, words: str) -> None:
    """Until the initiator says that it starts no calls, and why."""
    async with asyncio.timeout(DEADLINE_S):
        while words not in (world.initiator.paused_because() or ""):
            await world.pages.next(timeout=0.02)


async def until_ready(world: World) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while world.initiator.paused_because() is not None:
            await world.pages.next(timeout=0.02)


async def running_call(world: World) -> tuple[UUID, UUID]:
    """An answered call with its media: task and call."""
    (task_id,) = await world.start(NUMBER)
    call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
    await world.media(call_id, "media_started")
    return task_id, call_id


# -- the switch


async def test_wrong_password_claims_nothing_and_says_why(tmp_path: Path, switch: FakeSwitch) -> None:
    async with calls_world(tmp_path, switch, secret="wrong") as world:
        (task_id,) = await world.start(NUMBER)
        await until_paused(world, "refuses the AMI user")
        assert world.initiator.free_lines() == 0
        assert world.initiator.snapshot()["ami"]["state"] == "refused"
        assert (await world.task(task_id)).status == TaskStatus.QUEUED_FOR_CALL
        assert not switch.named("Originate")


async def test_a_task_waits_for_a_switch_that_comes_late(tmp_path: Path, switch: FakeSwitch) -> None:
    await switch.stop()
    async with calls_world(tmp_path, switch) as world:
        await world.start(NUMBER)
        await until_paused(world, "not connected")
        await switch.listen()
        await world.wait_for_status(CallStatus.IN_PROGRESS)


async def test_ami_lost_in_mid_call_and_back_does_not_end_the_talk(world: World) -> None:
    task_id, call_id = await running_call(world)
    await world.switch.stop()
    await world.wait_for_line("call.switch_away")
    assert world.initiator.free_lines() == 0
    await world.switch.listen()
    await until_ready(world)
    assert (await world.only_call(task_id)).status == CallStatus.IN_PROGRESS
    assert not world.switch.named("Hangup")
    world.switch.callee_hangs_up(str(call_id))
    await world.media(call_id, "media_ended", reason="closed")
    await world.wait_for_ends()
    assert (await world.only_call(task_id)).status == CallStatus.COMPLETED
    assert len(world.switch.named("Originate")) == 1


async def test_the_end_that_was_missed_is_learned_after_the_reconnect(world: World) -> None:
    task_id, call_id = await running_call(world)
    await world.switch.stop()
    world.switch.channels.clear()
    await world.media(call_id, "media_ended", reason="closed")
    await world.switch.listen()
    await world.wait_for_ends()
    assert (await world.only_call(task_id)).status == CallStatus.COMPLETED


async def test_the_answer_that_was_missed_is_learned_after_the_reconnect(world: World) -> None:
    world.switch.default_plan = "ring"
    await world.start(NUMBER)
    call_id = await world.wait_for_status(CallStatus.RINGING)
    await world.switch.stop()
    world.switch.channels[str(call_id)] = 6
    await world.switch.listen()
    assert await world.wait_for_status(CallStatus.IN_PROGRESS) == call_id


async def test_a_switch_that_stays_away_leaves_the_end_to_the_media(world: World) -> None:
    task_id, call_id = await running_call(world)
    await world.switch.stop()
    await world.wait_for_line("call.switch_away")
    assert (await world.only_call(task_id)).status == CallStatus.IN_PROGRESS
    await world.media(call_id, "media_ended", reason="closed")
    await world.wait_for_ends()
    assert (await world.only_call(task_id)).status == CallStatus.COMPLETED
    await world.wait_until_free()


async def test_a_switch_that_dies_while_it_rings_frees_the_line(tmp_path: Path, switch: FakeSwitch) -> None:
    switch.default_plan = "ring"
    limits = replace(LIMITS, attempt=replace(LIMITS.attempt, ring_grace_s=0.1))
    async with calls_world(tmp_path, switch, limits=limits, originate_timeout_ms=1_000) as world:
        (task_id,) = await world.start(NUMBER)
        await world.wait_for_status(CallStatus.RINGING)
        await switch.stop()
        await world.wait_for_ends()
        assert (await world.only_call(task_id)).status == CallStatus.NO_ANSWER
        await world.wait_until_free()


async def test_an_unconfirmed_originate_is_never_repeated(world: World) -> None:
    """The connection dies with the originate on the wire, and the switch has placed the call."""
    world.switch.unanswered.add("Originate")
    (task_id,) = await world.start(NUMBER)
    originate = await world.switch.wait_for_action("Originate")
    world.switch.channels[originate["ChannelId"]] = 6
    await world.switch.stop()
    await world.switch.listen()
    call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
    assert str(call_id) == originate["ChannelId"]
    world.switch.callee_hangs_up(str(call_id))
    await world.wait_for_ends()
    assert (await world.only_call(task_id)).status == CallStatus.COMPLETED
    assert len(world.switch.named("Originate")) == 1


async def test_an_originate_that_got_lost_is_closed(world: World) -> None:
    world.switch.unanswered.add("Originate")
    (task_id,) = await world.start(NUMBER)
    await world.switch.wait_for_action("Originate")
    await world.switch.stop()
    await world.switch.listen()
    await world.wait_for_ends()
    call = await world.only_call(task_id)
    assert (call.status, call.disposition) == (CallStatus.FAILED, Disposition.FAILED)
    assert len(world.switch.named("Originate")) == 1


# -- the doorbell


async def test_everything_still_ends_when_the_doorbell_is_silent(tmp_path: Path, switch: FakeSwitch) -> None:
    async with calls_world(tmp_path, switch) as world:
        lost = {channels.TASKS_QUEUED, channels.TASKS_DUE, "expect", "ringing", "answered", "ended"}
        world.bell.loses |= lost
        (task_id,) = await world.start(NUMBER)
        call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
        switch.callee_hangs_up(str(call_id))
        await world.wait_for_ends()
        assert (await world.only_call(task_id)).status == CallStatus.COMPLETED


async def test_lost_media_messages_do_not_hold_the_call(world: World) -> None:
    world.bell.loses |= {"media_started", "media_ended"}
    task_id, call_id = await running_call(world)
    world.switch.callee_hangs_up(str(call_id))
    await world.wait_for_ends()
    assert (await world.only_call(task_id)).status == CallStatus.COMPLETED


async def test_media_that_starts_proves_the_answer(world: World) -> None:
    """All events of the answer were lost; the AudioSocket is connected only after it."""
    world.switch.default_plan = "ring"
    await world.start(NUMBER)
    call_id = await world.wait_for_status(CallStatus.RINGING)
    await world.media(call_id, "media_started")
    assert await world.wait_for_status(CallStatus.IN_PROGRESS) == call_id


# -- the database


async def test_a_locked_database_delays_the_end_and_loses_nothing(world: World) -> None:
    task_id, call_id = await running_call(world)
    other = sqlite3.connect(world.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with world.bell.listen(channels.call_commands(call_id)) as voice:
        world.switch.callee_hangs_up(str(call_id))
        await world.media(call_id, "media_ended", reason="closed")
        ended = await next_message(voice, "ended")  # telephony does not wait for the database
    assert ended.data["status"] == "COMPLETED"
    assert (await world.only_call(task_id)).status == CallStatus.IN_PROGRESS
    other.execute("ROLLBACK")
    other.close()
    await world.wait_for_ends()
    call = await world.only_call(task_id)
    assert (call.status, (await world.task(task_id)).attempts) == (CallStatus.COMPLETED, 1)
    await world.wait_until_free()


async def test_a_database_that_fails_while_ending_is_asked_again(world: World) -> None:
    """Longer than SQLite's own patience: the busy time-out strikes, the write is repeated, every line is there once."""
    task_id, call_id = await running_call(world)
    other = sqlite3.connect(world.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with logged("call.database_away") as failed:
        world.switch.callee_hangs_up(str(call_id))
        await world.media(call_id, "media_ended", reason="closed")
        async with asyncio.timeout(DEADLINE_S):
            await failed.wait()
    other.execute("ROLLBACK")
    other.close()
    await world.wait_for_ends()
    kinds = [line.kind for line in await world.timeline(call_id)]
    assert len(kinds) == len(set(kinds))
    assert kinds[-1] == "call.ended"
    assert (await world.task(task_id)).attempts == 1


# -- this process


async def test_drain_lets_calls_finish_and_starts_no_more(world: World) -> None:
    task_id, call_id = await running_call(world)
    draining = asyncio.create_task(world.initiator.drain(60), name="drain")
    await until_paused(world, "Shutting down")
    (late,) = await world.start("+12025550124")
    world.switch.callee_hangs_up(str(call_id))
    await world.media(call_id, "media_ended")
    await asyncio.wait_for(draining, DEADLINE_S)
    assert (await world.only_call(task_id)).status == CallStatus.COMPLETED
    assert (await world.task(late)).status == TaskStatus.QUEUED_FOR_CALL
    assert len(world.switch.named("Originate")) == 1
    await world.initiator.drain(1)


async def test_drain_hangs_up_after_its_deadline(world: World) -> None:
    task_id, call_id = await running_call(world)
    async with world.bell.listen(channels.call_commands(call_id)) as voice:
        draining = asyncio.create_task(world.initiator.drain(0.05), name="drain")
        await next_message(voice, "ended")
        await world.media(call_id, "media_ended")
        await asyncio.wait_for(draining, DEADLINE_S)
    call = await world.only_call(task_id)
    assert (call.status, call.end_reason) == (CallStatus.COMPLETED, "We ended the call (shutdown).")
    assert world.switch.channels == {}


async def test_a_cancelled_worker_hangs_up_and_records(world: World) -> None:
    """The second SIGTERM."""
    task_id, _ = await running_call(world)
    await stop_workers(world)
    call = await world.only_call(task_id)
    assert (call.status, call.end_reason) == (CallStatus.COMPLETED, "We ended the call (shutdown).")
    assert (await world.task(task_id)).status == TaskStatus.PENDING_ANALYSIS
    assert world.switch.named("Hangup")


async def test_a_bug_in_one_call_does_not_leave_it(world: World) -> None:
    _, healthy = await running_call(world)
    world.bell.explodes_for = "expect"
    (broken,) = await world.start("+12025550124")
    await world.wait_for_ends()
    call = await world.only_call(broken)
    assert call.status in (CallStatus.CANCELLED, CallStatus.FAILED)
    assert (await world.task(broken)).status == TaskStatus.PENDING_ANALYSIS
    assert (await world.db.get_call_by_id(healthy)).status == CallStatus.IN_PROGRESS
    assert world.initiator.snapshot()["lines_used"] == 1


# -- reconciliation


async def abandoned_call(world: World, number: str = NUMBER, node_id: str = NODE, lease_s: float = 60) -> UUID:
    """A live row without a handler, as a killed process leaves it."""
    async with world.db.transaction() as work:
        (task, *_) = [
            t for t in await work.tasks.of_user(world.user.id, [TaskStatus.QUEUED_FOR_CALL]) if t.phone_number == number
        ]
        new = CallCreate(world.user.id, task.campaign_id, task.id, number, None, node_id)
        call = await work.calls.create_call_attempt(new, lease_s)
        await work.tasks.transition(task.id, TaskStatus.CALL_IN_PROGRESS, "Attempt 1 has begun.")
        await work.calls.update_call_status(call.id, CallStatus.RINGING)
    return call.id


@pytest.mark.parametrize("on_switch", [True, False])
async def test_rows_of_a_killed_process_are_closed_before_anything_is_dialled(
    tmp_path: Path, switch: FakeSwitch, on_switch: bool
) -> None:
    async with calls_world(tmp_path, switch, running=False) as world:
        (task_id,) = await world.start(NUMBER)
        call_id = await abandoned_call(world)
        if on_switch:
            switch.channels[str(call_id)] = 5
        await world.start("+12025550124")
        run_workers(world)
        await world.wait_for_ends()
        call = await world.db.get_call_by_id(call_id)
        assert (call.status, call.disposition) == (CallStatus.LOST, Disposition.FAILED)
        assert "interrupted" in (call.end_reason or "")
        task = await world.task(task_id)
        assert (task.status, task.attempts) == (TaskStatus.PENDING_ANALYSIS, 1)
        await switch.wait_for_action("Originate")
        names = [action["Action"] for action in switch.actions]
        assert names.index("CoreShowChannels") < names.index("Originate")
        if on_switch:
            assert names.index("Hangup") < names.index("Originate")
            assert str(call_id) not in switch.channels


async def test_nothing_is_dialled_or_guessed_while_the_switch_cannot_be_asked(
    tmp_path: Path, switch: FakeSwitch
) -> None:
    switch.unanswered.add("CoreShowChannels")
    async with calls_world(tmp_path, switch, running=False) as world:
        await world.start(NUMBER)
        call_id = await abandoned_call(world)
        await world.start("+12025550124")
        run_workers(world)
        await switch.wait_for_action("CoreShowChannels")
        assert "Comparing" in (world.initiator.paused_because() or "")
        assert world.initiator.free_lines() == 0
        assert (await world.db.get_call_by_id(call_id)).status == CallStatus.RINGING
        assert not switch.named("Originate")


async def test_channels_of_ended_calls_are_hung_up_and_foreign_ones_are_not(tmp_path: Path, switch: FakeSwitch) -> None:
    async with calls_world(tmp_path, switch, running=False) as world:
        await world.start(NUMBER)
        call_id = await abandoned_call(world)
        await world.db.update_call_status(call_id, CallStatus.LOST)
        foreign = [str(new_id()), "1700000000.17", f"{new_id()};2"]
        switch.channels = dict.fromkeys([str(call_id), *foreign], 6)
        run_workers(world)
        assert (await switch.wait_for_action("Hangup"))["Channel"] == str(call_id)
        await world.initiator.reconcile()
        assert sorted(switch.channels) == sorted(foreign)
        assert {action["Channel"] for action in switch.named("Hangup")} == {str(call_id)}


@pytest.mark.parametrize("over", [True, False])
async def test_legs_that_outlive_our_channel_are_hung_up(tmp_path: Path, switch: FakeSwitch, over: bool) -> None:
    """Behind a `Local/` channel: nobody hears the callee any more, and the trunk's line is taken."""
    async with calls_world(tmp_path, switch, running=False) as world:
        await world.start(NUMBER)
        call_id = await abandoned_call(world)
        if over:
            await world.db.update_call_status(call_id, CallStatus.COMPLETED)
        legs, foreign = [f"{call_id};2", "1700000000.18"], ["1700000000.19", "1700000000.20"]
        switch.channels = dict.fromkeys([*legs, *foreign], 6)
        switch.linked = {**dict.fromkeys(legs, str(call_id)), foreign[0]: str(new_id())}
        switch.deaf_to_hangup = True
        run_workers(world)
        await switch.wait_for_action("Hangup", 2)
        await until_ready(world)
        if not over:  # its callee may still be on the line: the task must not be dialled again
            assert (await world.db.get_call_by_id(call_id)).live
        switch.deaf_to_hangup = False
        await world.initiator.reconcile()
        assert sorted(switch.channels) == foreign
        assert {action["Channel"] for action in switch.named("Hangup")} == set(legs)
        assert not (await world.db.get_call_by_id(call_id)).live


async def test_what_is_missed_during_a_comparison_is_compared_again(tmp_path: Path, switch: FakeSwitch) -> None:
    """Without waiting for the timer: a channel that came into being meanwhile may be an orphan."""
    rarely = replace(LIMITS, look_every_s=3_600.0, reconcile_every_s=3_600.0)
    async with calls_world(tmp_path, switch, limits=rarely, running=False) as world:

        def lose_events(action: dict[str, str]) -> list[bytes]:
            if action["Action"] == "CoreShowChannels" and len(switch.named("CoreShowChannels")) == 1:
                world.initiator._want_reconciliation()
            return []

        switch.before_response = lose_events
        run_workers(world)
        await switch.wait_for_action("CoreShowChannels", 2)
        await until_ready(world)


async def test_a_row_that_cannot_be_closed_does_not_stop_the_others(tmp_path: Path, switch: FakeSwitch) -> None:
    """A bug about one call must not end the process, and at each start again."""
    async with calls_world(tmp_path, switch, running=False) as world:
        await world.start(NUMBER, OTHER)
        broken, other = await abandoned_call(world), await abandoned_call(world, OTHER)
        with sqlite3.connect(world.path) as rows:
            rows.execute("UPDATE calls SET task_id = ? WHERE id = ?", (new_id().hex, broken.hex))
        rows.close()
        run_workers(world)
        await until_ready(world)
        assert (await world.db.get_call_by_id(broken)).live
        assert (await world.db.get_call_by_id(other)).status == CallStatus.LOST


@pytest.mark.parametrize("over", [True, False])
async def test_channels_of_other_nodes_are_left_to_them(tmp_path: Path, switch: FakeSwitch, over: bool) -> None:
    async with calls_world(tmp_path, switch, running=False) as world:
        await world.start(NUMBER)
        call_id = await abandoned_call(world, node_id="node-2")
        if over:
            await world.db.update_call_status(call_id, CallStatus.COMPLETED)
        switch.channels[str(call_id)] = 6
        run_workers(world)
        await until_ready(world)
        await world.initiator.reconcile()
        assert not switch.named("Hangup")


async def test_who_stood_still_since_the_claim_does_not_dial(tmp_path: Path, switch: FakeSwitch) -> None:
    """The row may be another node's by now. Nobody's phone rang: the attempt does not count."""
    async with calls_world(tmp_path, switch, running=False) as world:
        (task_id,) = await world.start(NUMBER)
        call = await world.db.get_call_by_id(await abandoned_call(world))
        dial = DialRequest(call.id, "PJSIP/12025550123@trunk", AUDIOSOCKET, 1_000)
        connection = asyncio.create_task(world.ami.run(), name="ami")
        handler = CallAttemptHandler(
            call,
            dial,
            60.0,
            ami=world.ami,
            switch=SwitchView(world.ami),
            db=world.db,
            bell=world.bell,
            clock=SystemClock(),
            may_dial=lambda: False,
            limits=LIMITS.attempt,
        )
        async with asyncio.timeout(DEADLINE_S):
            while not world.ami.ready:
                await world.pages.next(timeout=0.02)
        verdict = await asyncio.wait_for(handler.run(), DEADLINE_S)
        connection.cancel()
        await asyncio.wait({connection})
        assert not switch.named("Originate")
        assert verdict.status == CallStatus.FAILED
        task = await world.task(task_id)
        assert (task.status, task.attempts) == (TaskStatus.PENDING_ANALYSIS, 0)


async def test_reconciliation_leaves_living_calls_alone(world: World) -> None:
    task_id, call_id = await running_call(world)
    for _ in range(3):
        await world.initiator.reconcile()
    assert (await world.only_call(task_id)).status == CallStatus.IN_PROGRESS
    assert str(call_id) in world.switch.channels


async def test_two_initiators_never_call_one_task_twice(tmp_path: Path, switch: FakeSwitch) -> None:
    async with calls_world(tmp_path, switch) as world:
        config = world.config.model_copy(update={"node_id": "node-2"})
        trunks = load_trunks(config)
        other = CallInitiatorService(
            config, trunks, world.db, world.bell, world.ami, lambda: AUDIOSOCKET, limits=LIMITS
        )
        worker = asyncio.create_task(other.run(), name="initiator-2")
        tasks = await world.start(*(f"+1202555{n:04}" for n in range(20)))
        for _ in tasks:
            switch.callee_hangs_up(str(await world.wait_for_status(CallStatus.IN_PROGRESS)))
        await world.wait_for_ends(20)
        assert len(switch.named("Originate")) == 20
        worker.cancel()
        await asyncio.wait({worker})


async def test_a_task_with_a_live_call_is_put_off(tmp_path: Path, switch: FakeSwitch) -> None:
    """The partial unique index is the law, whatever the leases say."""
    async with calls_world(tmp_path, switch, running=False) as world:
        (task_id,) = await world.start(NUMBER)
        async with world.db.transaction() as work:
            task = await work.tasks.get(world.user.id, task_id)
            new = CallCreate(world.user.id, task.campaign_id, task_id, NUMBER, None, "node-2")
            await work.calls.create_call_attempt(new, 60)
        run_workers(world)
        await until_ready(world)
        async with asyncio.timeout(DEADLINE_S):
            while (task := await world.task(task_id)).next_attempt_at is None:
                await world.pages.next(timeout=0.02)
        assert task.status == TaskStatus.SCHEDULED
        assert "live call" in task.status_reason
        assert not switch.named("Originate")
