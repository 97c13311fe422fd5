"""Every way a call can go, from the queued task to the analyser's door. The line is free afterwards, always."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from opendeep.common import channels
from opendeep.common.data_models import CallStatus, Disposition, TaskStatus
from tests.integration.calls_world import DEADLINE_S, LIMITS, World, calls_world, logged, next_message
from tests.unit.call_processor_service.fake_switch import FakeSwitch

NUMBER = "+12025550123"


@pytest.fixture
async def switch() -> AsyncIterator[FakeSwitch]:
    async with FakeSwitch() as server:
        yield server


@pytest.fixture
async def world(tmp_path: Path, switch: FakeSwitch) -> AsyncIterator[World]:
    async with calls_world(tmp_path, switch) as built:
        yield built


@pytest.mark.parametrize(
    ("plan", "status", "disposition", "cause", "sip_code", "words"),
    [
        ("busy", CallStatus.BUSY, Disposition.BUSY, 17, 486, "busy"),
        ("no_answer", CallStatus.NO_ANSWER, Disposition.NO_ANSWER, 19, 480, "Nobody"),
        ("not_found", CallStatus.UNALLOCATED, Disposition.UNREACHABLE, 1, 404, "does not exist"),
        ("no_endpoint", CallStatus.FAILED, Disposition.FAILED, None, None, "trunk"),
        ("refuse", CallStatus.FAILED, Disposition.FAILED, None, None, "Permission denied"),
        ("silent", CallStatus.LOST, Disposition.FAILED, None, None, "without Asterisk telling"),
    ],
)
async def test_unanswered(
    world: World,
    plan: str,
    status: CallStatus,
    disposition: Disposition,
    cause: int | None,
    sip_code: int | None,
    words: str,
) -> None:
    world.switch.default_plan = plan
    (task_id,) = await world.start(NUMBER)
    await world.wait_for_ends()
    call = await world.only_call(task_id)
    assert (call.status, call.disposition, call.hangup_cause, call.sip_code) == (status, disposition, cause, sip_code)
    assert words in (call.end_reason or "")
    assert call.answered_at is None
    assert call.ended_at is not None
    task = await world.task(task_id)
    spent = 0 if plan in ("no_endpoint", "refuse") else 1  # a fault of the line costs the contact nothing
    assert (task.status, task.attempts) == (TaskStatus.PENDING_ANALYSIS, spent)
    await world.wait_until_free()
    assert world.initiator.free_lines() == world.config.concurrent_calls
    assert len(world.switch.named("Originate")) == 1


async def test_answered_and_the_callee_hangs_up(world: World) -> None:
    (task_id,) = await world.start(NUMBER)
    call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
    assert (await world.task(task_id)).status == TaskStatus.CALL_IN_PROGRESS
    await world.media(call_id, "media_started")
    world.switch.callee_hangs_up(str(call_id))
    await world.media(call_id, "media_ended", reason="closed")
    await world.wait_for_ends()
    call = await world.only_call(task_id)
    assert (call.id, call.status, call.disposition) == (call_id, CallStatus.COMPLETED, None)
    assert call.end_reason == "The other side hung up."
    assert call.ringing_at is not None
    assert call.answered_at is not None
    kinds = [line.kind for line in await world.timeline(call_id)]
    assert kinds[:2] == ["call.created", "call.dialling"]
    assert kinds[-1] == "call.ended"
    assert "call.answered" in kinds


async def test_we_hang_up_after_the_farewell(world: World) -> None:
    (task_id,) = await world.start(NUMBER)
    call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
    await world.media(call_id, "media_started")
    await world.media(call_id, "hangup", reason="completed")
    await world.switch.wait_for_action("Hangup")
    await world.media(call_id, "media_ended", reason="completed")
    await world.wait_for_ends()
    call = await world.only_call(task_id)
    assert (call.status, call.end_reason) == (CallStatus.COMPLETED, "We ended the call (completed).")


async def test_we_give_up_while_it_rings(world: World) -> None:
    world.switch.default_plan = "ring"
    (task_id,) = await world.start(NUMBER)
    call_id = await world.wait_for_status(CallStatus.RINGING)
    await world.media(call_id, "hangup", reason="cancelled by the user")
    await world.wait_for_ends()
    call = await world.only_call(task_id)
    assert (call.status, call.disposition) == (CallStatus.CANCELLED, Disposition.FAILED)
    assert world.switch.channels == {}


async def test_what_is_originated(world: World) -> None:
    (task_id,) = await world.start(NUMBER)
    originate = await world.switch.wait_for_action("Originate")
    call = await world.only_call(task_id)
    assert originate["Channel"] == f"PJSIP/{NUMBER}@trunk"
    assert originate["ChannelId"] == originate["ActionID"] == str(call.id)
    assert originate["Data"] == f"{call.id},127.0.0.1:9092"
    assert originate["Variable"] == f"CALL_ATTEMPT_ID={call.id}"
    assert (originate["Async"], originate["Timeout"]) == ("true", "45000")


async def test_the_row_is_committed_before_anything_is_dialled(tmp_path: Path, switch: FakeSwitch) -> None:
    """At the moment the switch reads the Originate, another connection to the database sees the call."""
    seen: list[tuple[str, str]] = []
    path = tmp_path / "calls.db"

    def look(action: dict[str, str]) -> list[bytes]:
        if action["Action"] == "Originate":
            with sqlite3.connect(path) as other:
                seen.extend(other.execute("SELECT calls.status, tasks.status FROM calls JOIN tasks").fetchall())
            other.close()
        return []

    switch.before_response = look
    async with calls_world(tmp_path, switch) as world:
        await world.start(NUMBER)
        await switch.wait_for_action("Originate")
        await world.wait_for_status(CallStatus.IN_PROGRESS)
    assert seen == [("INITIATED", "CALL_IN_PROGRESS")]


async def test_the_voice_side_hears_expect_ringing_answered_ended(world: World) -> None:
    world.switch.default_plan = "ring"
    async with world.bell.listen(channels.node_calls(world.config.node_id)) as node:
        await world.start(NUMBER)
        expected = await next_message(node, "expect")
    call_id = expected.data["call_id"]
    async with world.bell.listen(f"call:{call_id}") as voice:
        await world.switch.wait_for_action("Originate")
        assert str(await world.wait_for_status(CallStatus.RINGING)) == call_id
        world.switch.answer(call_id)
        await next_message(voice, "answered")
        world.switch.callee_hangs_up(call_id)
        ended = await next_message(voice, "ended")
    assert ended.data["status"] == "COMPLETED"
    await world.wait_for_ends()


async def test_the_voice_side_saves_before_the_analyser_reads(tmp_path: Path, switch: FakeSwitch) -> None:
    limits = replace(LIMITS, attempt=replace(LIMITS.attempt, media_end_s=10.0))
    async with calls_world(tmp_path, switch, limits=limits) as world:
        (task_id,) = await world.start(NUMBER)
        call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
        async with world.bell.listen(channels.call_commands(call_id)) as voice:
            await world.media(call_id, "media_started")
            switch.callee_hangs_up(str(call_id))
            await next_message(voice, "ended")
        for _ in range(10):  # writers come in turn: an end that did not wait would be committed between these
            async with world.db.transaction() as work:
                await work.users.update_profile(world.user.id, {"last_words": "saved"})
        assert (await world.task(task_id)).status == TaskStatus.CALL_IN_PROGRESS
        await world.media(call_id, "media_ended", reason="closed")
        await world.wait_for_ends()
        assert (await world.only_call(task_id)).status == CallStatus.COMPLETED


async def test_a_voice_side_that_died_cannot_hold_the_line(world: World) -> None:
    (task_id,) = await world.start(NUMBER)
    call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
    await world.media(call_id, "media_started")
    world.switch.callee_hangs_up(str(call_id))
    await world.wait_for_ends()
    assert (await world.only_call(task_id)).status == CallStatus.COMPLETED
    await world.wait_until_free()


async def test_the_audio_ends_and_the_switch_keeps_the_channel(world: World) -> None:
    (task_id,) = await world.start(NUMBER)
    call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
    await world.media(call_id, "media_started")
    await world.media(call_id, "media_ended", reason="provider lost")
    hangup = await world.switch.wait_for_action("Hangup")
    assert hangup["Channel"] == str(call_id)
    await world.wait_for_ends()
    call = await world.only_call(task_id)
    assert (call.status, call.end_reason) == (CallStatus.COMPLETED, "We ended the call (provider lost).")


async def test_a_switch_deaf_to_hangup_holds_the_task_and_not_the_line(world: World) -> None:
    """While the channel lives, somebody may be on the phone: the task must not be dialled again."""
    world.switch.deaf_to_hangup = True
    (task_id,) = await world.start(NUMBER)
    call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
    with logged("switch.channels_stay") as stays:
        await world.media(call_id, "hangup", reason="completed")
        await world.switch.wait_for_action("Hangup", 1 + LIMITS.attempt.hangup_tries)
        await world.wait_until_free()
        async with asyncio.timeout(DEADLINE_S):
            await stays.wait()
    assert (await world.only_call(task_id)).status == CallStatus.IN_PROGRESS
    assert (await world.task(task_id)).status == TaskStatus.CALL_IN_PROGRESS
    world.switch.deaf_to_hangup = False
    await world.wait_for_ends()
    assert str(call_id) not in world.switch.channels
    call = await world.only_call(task_id)
    assert (call.status, (await world.task(task_id)).attempts) == (CallStatus.LOST, 1)


async def test_nobody_answers_and_the_switch_forgets_its_timeout(tmp_path: Path, switch: FakeSwitch) -> None:
    switch.default_plan = "ring"
    limits = replace(LIMITS, attempt=replace(LIMITS.attempt, ring_grace_s=0.1))
    async with calls_world(tmp_path, switch, limits=limits, originate_timeout_ms=1_000) as world:
        (task_id,) = await world.start(NUMBER)
        await world.wait_for_ends()
        call = await world.only_call(task_id)
    assert (call.status, call.end_reason) == (CallStatus.NO_ANSWER, "Nobody answered.")
    assert switch.named("Hangup")


async def test_the_longest_talk_is_bounded(tmp_path: Path, switch: FakeSwitch) -> None:
    brief: dict[str, object] = {
        "language": "en", "on_behalf_of": "M", "disclosure": "", "objective": "o", "opening": "", "questions": [],
        "may_say": [], "must_not_say": [], "menu_hint": None, "voicemail": {}, "calling_window": {},
        "retry_minutes": 1, "max_call_minutes": 0.5,
    }  # fmt: skip
    limits = replace(LIMITS, attempt=replace(LIMITS.attempt, talk_grace_s=-29.9))
    async with calls_world(tmp_path, switch, limits=limits) as world:
        (task_id,) = await world.start(NUMBER, brief=brief)
        await world.wait_for_ends()
        call = await world.only_call(task_id)
    assert (call.status, call.end_reason) == (
        CallStatus.COMPLETED,
        "The call reached its longest duration and was ended.",
    )


async def test_keypad_digits_are_paced_and_confirmed(world: World) -> None:
    await world.start(NUMBER)
    call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
    async with world.bell.listen(channels.call_commands(call_id)) as voice:
        await world.media(call_id, "send_dtmf", digits="2#", request_id="r-1")
        sent = await next_message(voice, "dtmf_sent")
        assert sent.data["request_id"] == "r-1"
        assert [(a["Channel"], a["Digit"]) for a in world.switch.named("PlayDTMF")] == [
            (str(call_id), "2"),
            (str(call_id), "#"),
        ]
        for request_id, digits in (("r-2", "2x"), ("r-3", ""), ("r-4", "1" * 33), ("r-5", "1\r\nAction: Hangup")):
            await world.media(call_id, "send_dtmf", digits=digits, request_id=request_id)
            failed = await next_message(voice, "dtmf_failed")
            assert failed.data["request_id"] == request_id
            assert failed.data["detail"]
    assert len(world.switch.named("PlayDTMF")) == 2
    assert not world.switch.named("Hangup")


async def test_keypad_digits_that_the_switch_does_not_take(world: World) -> None:
    await world.start(NUMBER)
    call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
    world.switch.unanswered.add("PlayDTMF")
    async with world.bell.listen(channels.call_commands(call_id)) as voice:
        await world.media(call_id, "send_dtmf", digits="1", request_id="r")
        failed = await next_message(voice, "dtmf_failed")
    assert "did not answer" in failed.data["detail"]


async def test_messages_that_are_nonsense_do_no_harm(world: World) -> None:
    (task_id,) = await world.start(NUMBER)
    call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
    for rubbish in ({}, {"type": None}, {"type": "send_dtmf"}, {"type": ["x"]}, {"type": "media_ended", "reason": {}}):
        await world.bell.ring(channels.call_commands(call_id), rubbish)
    world.switch.callee_hangs_up(str(call_id))
    await world.wait_for_ends()
    assert (await world.only_call(task_id)).status == CallStatus.COMPLETED


async def test_test_mode_dials_the_test_phone_one_call_at_a_time(tmp_path: Path, switch: FakeSwitch) -> None:
    async with calls_world(tmp_path, switch, app_test_mode=True, max_concurrent_calls=5) as world:
        first, second = await world.start(NUMBER, "+12025550124")
        call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
        assert world.initiator.free_lines() == 0
        assert switch.named("Originate")[0]["Channel"] == "PJSIP/7000"
        assert (await world.db.get_call_by_id(call_id)).phone_number == "7000"
        switch.callee_hangs_up(str(call_id))
        other = await world.wait_for_status(CallStatus.IN_PROGRESS)
        assert other != call_id
        assert len(switch.named("Originate")) == 2
        switch.callee_hangs_up(str(other))
        await world.wait_for_ends(2)
        assert {(await world.only_call(task)).phone_number for task in (first, second)} == {"7000"}


async def test_never_more_calls_than_lines(tmp_path: Path, switch: FakeSwitch) -> None:
    async with calls_world(tmp_path, switch, max_concurrent_calls=2) as world:
        await world.start(*(f"+1202555{n:04}" for n in range(6)))
        for finished in range(6):
            call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
            assert len(switch.channels) <= 2
            assert world.initiator.snapshot()["lines_used"] <= 2
            switch.callee_hangs_up(str(call_id))
            await world.wait_for_ends(finished + 1)
        await world.wait_until_free()
        assert len(switch.named("Originate")) == 6


async def test_a_number_that_cannot_be_dialled_fails_its_task_and_nothing_else(world: World) -> None:
    bad, good = await world.start("112", NUMBER)
    await world.wait_for_status(CallStatus.IN_PROGRESS)
    task = await world.task(bad)
    assert task.status == TaskStatus.FAILED
    assert "cannot be dialled" in task.status_reason
    assert (await world.task(good)).status == TaskStatus.CALL_IN_PROGRESS
    assert len(world.switch.named("Originate")) == 1


async def test_fifty_calls_at_once(tmp_path: Path, switch: FakeSwitch) -> None:
    plans = ["answer", "busy", "no_answer", "not_found", "refuse"]
    numbers = [f"+1202555{n:04}" for n in range(50)]
    switch.plans = {number: plans[n % len(plans)] for n, number in enumerate(numbers)}
    async with calls_world(tmp_path, switch, max_concurrent_calls=50) as world:
        tasks = await world.start(*numbers)
        for _ in range(10):
            switch.callee_hangs_up(str(await world.wait_for_status(CallStatus.IN_PROGRESS)))
        await world.wait_for_ends(50)
        await world.wait_until_free()
        statuses = [(await world.only_call(task)).status for task in tasks]
        assert statuses == 10 * [
            CallStatus.COMPLETED,
            CallStatus.BUSY,
            CallStatus.NO_ANSWER,
            CallStatus.UNALLOCATED,
            CallStatus.FAILED,
        ]
        names = [task.get_name() for task in asyncio.all_tasks()]
        assert not [name for name in names if name.startswith("call:")]
