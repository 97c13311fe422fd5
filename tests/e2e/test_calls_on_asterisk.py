"""The telephony side on a real Asterisk with the shipped configuration: outcomes, keys, hang-ups, a killed switch."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.asterisk_ami_client import AmiAddress
from opendeep.common import channels
from opendeep.common.data_models import CallStatus, Disposition
from tests.integration.calls_world import LIMITS, World, calls_world, next_message
from tests.support.asterisk import RealAsterisk
from tests.support.audio import tone, tone_ms
from tests.support.audiosocket_wire import WireAudioSocket
from tests.support.callees import Callees
from tests.support.sound import rms_dbfs
from tests.unit.call_processor_service.fake_switch import FakeSwitch

pytestmark = pytest.mark.asterisk

NUMBER, OTHER_NUMBER = "+493012345678", "+493012345679"
TEMPLATES = {"direct": RealAsterisk.channel_template, "local": RealAsterisk.dialplan_template}
TRANSFERS: dict[str, Any] = {
    "asterisk_ami_host": "127.0.0.1",
    "asterisk_ami_secret": "unused",
    "transfer_targets": f"desk=7000,sales={OTHER_NUMBER},ghost=4711",
}
# A real switch takes longer than the fake one to say everything; a second is still short for a test.
REAL_LIMITS = replace(
    LIMITS,
    attempt=replace(LIMITS.attempt, channel_s=3.0, settle_s=1.0, hangup_s=1.0, ami_away_s=3.0, media_end_s=0.5),
)


@contextlib.asynccontextmanager
async def calls_on(
    asterisk: RealAsterisk, audio: WireAudioSocket, folder: Path, template: str, ring_ms: int = 5_000, **settings: Any
) -> AsyncIterator[World]:
    async with calls_world(
        folder,
        FakeSwitch(),
        address=AmiAddress(asterisk.ami_host, asterisk.ami_port, asterisk.ami_username, asterisk.ami_secret),
        audiosocket=("127.0.0.1", audio.port),
        limits=REAL_LIMITS,
        asterisk_channel_template=template,
        asterisk_extension_template=RealAsterisk.extension_template,
        originate_timeout_ms=ring_ms,
        caller_id="OpenDeep <+4930123456>",
        **settings,
    ) as world:
        yield world


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
@pytest.mark.parametrize(
    ("scenario", "status", "expected", "sip_code"),
    [
        ("reject", "486 Busy Here", (CallStatus.BUSY, Disposition.BUSY), 486),
        ("reject_at_once", "600 Busy Everywhere", (CallStatus.BUSY, Disposition.BUSY), 600),
        ("reject_at_once", "603 Decline", (CallStatus.REJECTED, Disposition.REJECTED), 603),
        ("reject_at_once", "403 Forbidden", (CallStatus.FAILED, Disposition.FAILED), 403),
        ("reject_at_once", "404 Not Found", (CallStatus.UNALLOCATED, Disposition.UNREACHABLE), 404),
        ("reject_at_once", "410 Gone", (CallStatus.UNALLOCATED, Disposition.UNREACHABLE), 410),
        ("reject_at_once", "484 Address Incomplete", (CallStatus.UNALLOCATED, Disposition.UNREACHABLE), 484),
        ("reject_at_once", "488 Not Acceptable Here", (CallStatus.FAILED, Disposition.FAILED), 488),
        ("reject_at_once", "500 Server Internal Error", (CallStatus.CONGESTION, Disposition.FAILED), 500),
        ("reject_at_once", "503 Service Unavailable", (CallStatus.CONGESTION, Disposition.FAILED), 503),
        ("ring", "", (CallStatus.NO_ANSWER, Disposition.NO_ANSWER), 480),
    ],
)
async def test_unanswered(
    real_asterisk: RealAsterisk,
    callees: Callees,
    wire_audio: WireAudioSocket,
    tmp_path: Path,
    template: str,
    scenario: str,
    status: str,
    expected: tuple[CallStatus, Disposition],
    sip_code: int,
) -> None:
    await callees.sipp(NUMBER, scenario, status=status)
    async with calls_on(real_asterisk, wire_audio, tmp_path, template, ring_ms=1_500) as world:
        (task_id,) = await world.start(NUMBER)
        await world.wait_for_ends()
        call = await world.only_call(task_id)
        assert (call.status, call.disposition) == expected
        assert call.sip_code == sip_code
        await world.wait_until_free()


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
async def test_an_answered_call_with_keys_and_our_hangup(
    real_asterisk: RealAsterisk, callees: Callees, wire_audio: WireAudioSocket, tmp_path: Path, template: str
) -> None:
    phone = await callees.phone(NUMBER)
    async with calls_on(real_asterisk, wire_audio, tmp_path, template) as world:
        (task_id,) = await world.start(NUMBER)
        call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
        assert await wire_audio.connected() == str(call_id)
        await world.media(call_id, "media_started")
        async with world.bell.listen(channels.call_commands(call_id)) as voice:
            await world.media(call_id, "send_dtmf", digits="42#", request_id="r")
            await next_message(voice, "dtmf_sent")
        assert await phone.wait_for_digits(3) == "42#"
        await world.media(call_id, "hangup", reason="completed")
        await wire_audio.closed.wait()
        await world.media(call_id, "media_ended", reason="completed")
        await world.wait_for_ends()
        call = await world.only_call(task_id)
        assert (call.status, call.end_reason) == (CallStatus.COMPLETED, "We ended the call (completed).")
        assert call.ringing_at is not None


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
async def test_the_callee_hangs_up(
    real_asterisk: RealAsterisk, callees: Callees, wire_audio: WireAudioSocket, tmp_path: Path, template: str
) -> None:
    phone = await callees.phone(NUMBER)
    async with calls_on(real_asterisk, wire_audio, tmp_path, template) as world:
        (task_id,) = await world.start(NUMBER)
        call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
        await wire_audio.connected()
        await phone.hang_up()
        await world.wait_for_ends()
        call = await world.only_call(task_id)
        assert (call.id, call.status, call.end_reason) == (call_id, CallStatus.COMPLETED, "The other side hung up.")


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
async def test_early_media_is_not_an_answer(
    real_asterisk: RealAsterisk, callees: Callees, wire_audio: WireAudioSocket, tmp_path: Path, template: str
) -> None:
    phone = await callees.phone(NUMBER, answer_after_s=None, early_media=True)
    async with calls_on(real_asterisk, wire_audio, tmp_path, template) as world:
        (task_id,) = await world.start(NUMBER)
        call_id = await world.wait_for_status(CallStatus.DIALING)
        await phone.invited.wait()
        assert wire_audio.call_id is None  # nobody could speak
        picked_up_at = datetime.now(UTC)
        phone.answer()
        assert await world.wait_for_status(CallStatus.IN_PROGRESS) == call_id
        assert await wire_audio.connected() == str(call_id)
        await world.media(call_id, "hangup", reason="completed")
        await world.wait_for_ends()
        call = await world.only_call(task_id)
        assert call.status == CallStatus.COMPLETED
        assert call.answered_at is not None
        assert call.answered_at >= picked_up_at  # talk time and its price start here
        assert call.ended_at is not None
        assert call.talk_seconds == (call.ended_at - call.answered_at).total_seconds()


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
async def test_the_callee_is_put_through_to_a_person(
    real_asterisk: RealAsterisk, callees: Callees, wire_audio: WireAudioSocket, tmp_path: Path, template: str
) -> None:
    callee, desk = await callees.phone(NUMBER), await callees.phone("7000")
    async with calls_on(real_asterisk, wire_audio, tmp_path, template, **TRANSFERS) as world:
        (task_id,) = await world.start(NUMBER)
        call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
        await wire_audio.connected()
        await world.media(call_id, "media_started")
        await world.media(call_id, "transfer", target="desk", request_id="r")
        await wire_audio.closed.wait()  # our sound ends by itself
        await world.media(call_id, "media_ended", reason="transferred")
        await world.wait_for_line("call.transfer_answered")
        await desk.answered.wait()
        callee.play(tone(700, 2_000))
        async with asyncio.timeout(60):
            while tone_ms(desk.received(), 700) < 1_000:  # noqa: ASYNC110  # RTP has no event of its own
                await asyncio.sleep(0.05)
        listed = await world.ami.send_list_action(ami_action.core_show_channels())
        assert {event.get("Linkedid") for event in listed if event.name == "CoreShowChannel"} == {str(call_id)}
        await world.initiator.reconcile()  # finds nothing to hang up
        assert not callee.ended.is_set()
        await desk.hang_up()
        await callee.ended.wait()
        await world.wait_for_ends()
        call = await world.only_call(task_id)
        assert (call.status, call.end_reason) == (
            CallStatus.COMPLETED,
            "The call went on with desk and has ended.",
        )
        await world.wait_until_free()


async def test_whoever_is_not_reached_is_told_and_the_call_ends(
    real_asterisk: RealAsterisk, callees: Callees, wire_audio: WireAudioSocket, tmp_path: Path
) -> None:
    callee = await callees.phone(NUMBER)
    await callees.sipp(OTHER_NUMBER, "reject", status="486 Busy Here")
    async with calls_on(real_asterisk, wire_audio, tmp_path, RealAsterisk.channel_template, **TRANSFERS) as world:
        (task_id,) = await world.start(NUMBER)
        call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
        await wire_audio.connected()
        await world.media(call_id, "media_started")
        await world.media(call_id, "transfer", target="sales", request_id="r")
        await world.media(call_id, "media_ended", reason="transferred")
        assert (await world.wait_for_line("call.transfer_failed"))["data"]["status"] == "BUSY"
        await callee.ended.wait()
        await world.wait_for_ends()
        assert (await world.only_call(task_id)).status == CallStatus.COMPLETED


async def test_a_target_that_the_dialplan_does_not_know_ends_the_call(
    real_asterisk: RealAsterisk, callees: Callees, wire_audio: WireAudioSocket, tmp_path: Path
) -> None:
    callee = await callees.phone(NUMBER)
    async with calls_on(real_asterisk, wire_audio, tmp_path, RealAsterisk.channel_template, **TRANSFERS) as world:
        await world.start(NUMBER)
        call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
        await wire_audio.connected()
        await world.media(call_id, "media_started")
        await world.media(call_id, "transfer", target="ghost", request_id="r")
        await world.media(call_id, "media_ended", reason="transferred")
        await callee.ended.wait()
        assert rms_dbfs(callee.received()) > -40  # the busy tone
        await world.wait_for_ends()


async def test_a_trunk_that_does_not_exist_is_found_before_a_call_is_lost(
    real_asterisk: RealAsterisk, wire_audio: WireAudioSocket, tmp_path: Path
) -> None:
    async with calls_on(real_asterisk, wire_audio, tmp_path, "PJSIP/{number}@nowhere") as world:
        (task_id,) = await world.start(NUMBER)
        reason = await world.wait_until_sent_back()
        assert "Asterisk has no endpoint “nowhere”; add it to pjsip.conf" in reason
        assert await world.calls_of(task_id) == []
        assert "no endpoint “nowhere”" in (world.initiator.paused_because() or "")


async def test_asterisk_is_killed_in_mid_call_and_comes_back(tmp_path: Path, wire_audio: WireAudioSocket) -> None:
    """A power failure of the switch: the call is closed, its line is free, and the next one goes through."""
    async with (
        RealAsterisk() as asterisk,
        Callees(asterisk) as callees,
        calls_on(asterisk, wire_audio, tmp_path, RealAsterisk.channel_template) as world,
    ):
        await callees.phone(NUMBER)
        (task_id,) = await world.start(NUMBER)
        call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
        await wire_audio.connected()
        await world.media(call_id, "media_started")
        await asterisk.kill()
        await wire_audio.closed.wait()
        await world.media(call_id, "media_ended", reason="closed")
        await asterisk.start()
        await world.wait_for_ends()
        assert (await world.only_call(task_id)).status == CallStatus.COMPLETED
        await world.wait_until_free()
        await callees.phone(OTHER_NUMBER)  # the first phone has not been told that its call is over
        await world.start(OTHER_NUMBER)
        assert await world.wait_for_status(CallStatus.IN_PROGRESS) != call_id


async def test_no_leg_outlives_an_answered_call_without_sound(
    real_asterisk: RealAsterisk, callees: Callees, wire_audio: WireAudioSocket, tmp_path: Path
) -> None:
    """Through ``Local/`` Asterisk keeps the callee's leg up when our side ends at the moment of the answer."""
    await callees.phone(NUMBER)
    async with calls_on(real_asterisk, wire_audio, tmp_path, RealAsterisk.dialplan_template) as world:
        await wire_audio.close()
        (task_id,) = await world.start(NUMBER)
        await world.wait_for_ends()
        await world.wait_until_free()
        await world.initiator.reconcile()
        listed = await world.ami.send_list_action(ami_action.core_show_channels())
        assert [event for event in listed if event.name == "CoreShowChannel"] == []
        call = await world.only_call(task_id)
        assert call.end_reason is not None
        assert "sound was not connected" in call.end_reason


async def test_an_orphaned_channel_is_hung_up(
    real_asterisk: RealAsterisk, callees: Callees, wire_audio: WireAudioSocket, tmp_path: Path
) -> None:
    """As after a killed process: the channel lives, nobody holds it."""
    await callees.phone(NUMBER)
    async with calls_on(real_asterisk, wire_audio, tmp_path, RealAsterisk.dialplan_template) as world:
        (task_id,) = await world.start(NUMBER)
        call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
        await wire_audio.connected()
        world.ami._listeners._by_channel[str(call_id)].clear()  # its handler is deaf,
        world.initiator._reconciler._held = tuple  # and nobody knows of it
        await world.initiator.reconcile()
        await wire_audio.closed.wait()
        await world.wait_for_ends()
        assert (await world.only_call(task_id)).status == CallStatus.LOST
        world.initiator._handlers[call_id].hang_up("over")
        await world.wait_until_free()
