"""Sound, keys, rights and outages on a real Asterisk with the shipped configuration.

Nothing of the product runs here: these are the facts that it is built on, checked by content, not by counting packets.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator

import pytest

from tests.support.ami_wire import WireAmi
from tests.support.asterisk import AsteriskProgram, RealAsterisk
from tests.support.audio import tone, tone_ms
from tests.support.audiosocket_wire import WireAudioSocket
from tests.support.callees import Callees
from tests.support.sip_callee import RecordingCallee

pytestmark = pytest.mark.asterisk

NUMBER = "+493087654321"
CHANNEL = RealAsterisk.channel_template.format(number=NUMBER)
CHANNELS = {"direct": CHANNEL, "local": RealAsterisk.dialplan_template.format(number=NUMBER)}
CALLEE_TONE_HZ, OUR_TONE_HZ = 1_000, 440
TONE_MS = 600
ENOUGH_MS = 500  # a frame or two may straddle the edges of the tone
DEADLINE_S = 60.0


@pytest.fixture
def call_id() -> str:
    return str(uuid.uuid4())


async def _answered_call(ami: WireAmi, audio: WireAudioSocket, call_id: str, channel: str = CHANNEL) -> None:
    answer = await ami.originate(channel, call_id, audio.port)
    assert answer["Response"] == "Success", answer
    assert await audio.connected() == call_id
    await ami.event("OriginateResponse", Uniqueid=call_id, Response="Success")


async def _heard(phone: RecordingCallee, hz: float, ms: int) -> None:
    """Wait until the phone has heard that much of a tone."""
    async with asyncio.timeout(DEADLINE_S):
        while tone_ms(phone.received(), hz) < ms:
            phone.rtp.sound_arrived.clear()
            await phone.rtp.sound_arrived.wait()


async def _we_heard(audio: WireAudioSocket, hz: float, ms: int) -> None:
    """Wait until the AudioSocket has brought that much of a tone."""
    async with asyncio.timeout(DEADLINE_S):
        while tone_ms(bytes(audio.heard), hz) < ms:
            await audio.heard_ms(len(audio.heard) // 16 + 20)


# ------------------------------------------------------------------ sound and keys


@pytest.mark.parametrize("route", ["local", "direct"])
async def test_sound_flows_both_ways_at_the_same_time(
    real_asterisk: RealAsterisk,
    callees: Callees,
    wire_ami: WireAmi,
    wire_audio: WireAudioSocket,
    call_id: str,
    route: str,
) -> None:
    phone = await callees.phone(NUMBER, on_answer_play=tone(CALLEE_TONE_HZ, TONE_MS))
    wire_audio.play(tone(OUR_TONE_HZ, TONE_MS))
    await _answered_call(wire_ami, wire_audio, call_id, CHANNELS[route])
    await asyncio.gather(_heard(phone, OUR_TONE_HZ, ENOUGH_MS), _we_heard(wire_audio, CALLEE_TONE_HZ, ENOUGH_MS))
    assert tone_ms(phone.received(), CALLEE_TONE_HZ) == 0  # nobody hears an echo of himself
    assert tone_ms(bytes(wire_audio.heard), OUR_TONE_HZ) == 0
    await wire_ami.send("Hangup", Channel=call_id)


async def test_an_independent_sip_stack_echoes_our_sound(
    callees: Callees, wire_ami: WireAmi, wire_audio: WireAudioSocket, call_id: str
) -> None:
    await callees.sipp(NUMBER, "answer")
    wire_audio.play(tone(OUR_TONE_HZ, TONE_MS))
    await _answered_call(wire_ami, wire_audio, call_id)
    await _we_heard(wire_audio, OUR_TONE_HZ, ENOUGH_MS)
    await wire_ami.send("Hangup", Channel=call_id)


async def test_sound_reaches_us_before_the_callee_has_said_anything(
    callees: Callees, wire_ami: WireAmi, wire_audio: WireAudioSocket, call_id: str
) -> None:
    phone = await callees.phone(NUMBER)
    await _answered_call(wire_ami, wire_audio, call_id)
    await wire_audio.heard_ms(200)
    async with asyncio.timeout(DEADLINE_S):
        await phone.rtp.sound_arrived.wait()
    await wire_ami.send("Hangup", Channel=call_id)


@pytest.mark.parametrize("route", ["local", "direct"])
async def test_keys_that_we_press_reach_the_callee(
    real_asterisk: RealAsterisk,
    callees: Callees,
    wire_ami: WireAmi,
    wire_audio: WireAudioSocket,
    call_id: str,
    route: str,
) -> None:
    phone = await callees.phone(NUMBER)
    await _answered_call(wire_ami, wire_audio, call_id, CHANNELS[route])
    for digit in "12*0#":
        assert (await wire_ami.send("PlayDTMF", Channel=call_id, Digit=digit))["Response"] == "Success"
    assert await phone.wait_for_digits(5) == "12*0#"
    await wire_ami.send("Hangup", Channel=call_id)


@pytest.mark.parametrize("route", ["local", "direct"])
async def test_keys_of_the_callee_arrive_on_the_audiosocket_and_on_ami(
    real_asterisk: RealAsterisk,
    callees: Callees,
    wire_ami: WireAmi,
    wire_audio: WireAudioSocket,
    call_id: str,
    route: str,
) -> None:
    phone = await callees.phone(NUMBER)
    await _answered_call(wire_ami, wire_audio, call_id, CHANNELS[route])
    phone.press("42#")
    assert await wire_audio.pressed(3) == "42#"
    for digit in "42#":
        await wire_ami.event("DTMFEnd", Uniqueid=call_id, Digit=digit)
    await wire_ami.send("Hangup", Channel=call_id)


# ------------------------------------------------------------------ the end of a call


async def test_callee_hangs_up(callees: Callees, wire_ami: WireAmi, wire_audio: WireAudioSocket, call_id: str) -> None:
    phone = await callees.phone(NUMBER)
    await _answered_call(wire_ami, wire_audio, call_id)
    await phone.answered.wait()
    await phone.hang_up()
    await wire_ami.event("HangupRequest", Uniqueid=call_id)
    await wire_ami.event("Hangup", Uniqueid=call_id)
    await asyncio.wait_for(wire_audio.closed.wait(), DEADLINE_S)


@pytest.mark.parametrize("how", ["ami", "hang-up frame", "closed socket"])
async def test_we_hang_up(
    callees: Callees, wire_ami: WireAmi, wire_audio: WireAudioSocket, call_id: str, how: str
) -> None:
    phone = await callees.phone(NUMBER)
    await _answered_call(wire_ami, wire_audio, call_id)
    await phone.answered.wait()
    if how == "ami":
        await wire_ami.send("Hangup", Channel=call_id, Cause="16")
    elif how == "hang-up frame":
        wire_audio.hang_up()
    else:
        wire_audio.disconnect()
    await asyncio.wait_for(phone.ended.wait(), DEADLINE_S)
    assert phone.ended_by == "BYE"
    await wire_ami.event("Hangup", Uniqueid=call_id)
    assert not [e for e in wire_ami.events if e["Event"] == "HangupRequest" and e["Uniqueid"] == call_id]


async def test_two_seconds_without_a_frame_from_either_side_end_the_call(
    callees: Callees, wire_ami: WireAmi, call_id: str
) -> None:
    phone = await callees.phone(NUMBER, sends_sound=False)
    async with WireAudioSocket(speaks=False) as silent:
        await _answered_call(wire_ami, silent, call_id)
        await asyncio.wait_for(phone.ended.wait(), DEADLINE_S)
        await wire_ami.event("Hangup", Uniqueid=call_id)
    assert phone.ended_by == "BYE"


async def test_sound_of_the_callee_keeps_a_call_up_while_we_say_nothing(
    callees: Callees, wire_ami: WireAmi, call_id: str
) -> None:
    phone = await callees.phone(NUMBER)
    async with WireAudioSocket(speaks=False) as silent:
        await _answered_call(wire_ami, silent, call_id)
        await silent.heard_ms(3_000)
        assert not phone.ended.is_set()
        await wire_ami.send("Hangup", Channel=call_id)
        await asyncio.wait_for(phone.ended.wait(), DEADLINE_S)


async def test_a_call_whose_audiosocket_is_not_there_ends_at_once(
    callees: Callees, wire_ami: WireAmi, wire_audio: WireAudioSocket, call_id: str
) -> None:
    phone = await callees.phone(NUMBER)
    port = wire_audio.port
    await wire_audio.__aexit__(None, None, None)
    await wire_ami.originate(CHANNEL, call_id, port)
    await wire_ami.event("OriginateResponse", Uniqueid=call_id, Response="Success")
    await wire_ami.event("Hangup", Uniqueid=call_id)
    await asyncio.wait_for(phone.ended.wait(), DEADLINE_S)


# ------------------------------------------------------------------ identity


async def test_a_live_call_is_found_again_by_its_id(
    real_asterisk: RealAsterisk, callees: Callees, wire_ami: WireAmi, wire_audio: WireAudioSocket, call_id: str
) -> None:
    await callees.phone(NUMBER)
    await _answered_call(wire_ami, wire_audio, call_id)
    a = real_asterisk
    async with WireAmi(a.ami_host, a.ami_port, a.ami_username, a.ami_secret) as after_a_crash:
        await after_a_crash.send("CoreShowChannels")
        found = await after_a_crash.event("CoreShowChannel", Uniqueid=call_id)
        assert found["ChannelStateDesc"] == "Up"
        await after_a_crash.event("CoreShowChannelsComplete")
        assert (await after_a_crash.send("Hangup", Channel=call_id))["Response"] == "Success"
    await wire_ami.event("Hangup", Uniqueid=call_id)
    assert (await wire_ami.send("Hangup", Channel=call_id))["Message"] == "No such channel"


# ------------------------------------------------------------------ rights


async def test_the_ami_user_may_do_its_job_and_nothing_else(wire_ami: WireAmi) -> None:
    for action, headers in {
        "Command": {"Command": "core show version"},
        "GetConfig": {"Filename": "manager.conf"},
        "UpdateConfig": {"SrcFilename": "extensions.conf", "DstFilename": "extensions.conf"},
        "ModuleLoad": {"LoadType": "unload", "Module": "chan_pjsip"},
        "DBPut": {"Family": "registrar", "Key": "contact", "Val": "1"},
        "DialplanExtensionAdd": {"Context": "opendeep-out", "Extension": "1", "Priority": "1", "Application": "NoOp"},
    }.items():
        answer = await wire_ami.send(action, **headers)
        assert (answer["Response"], answer["Message"]) == ("Error", "Permission denied"), (action, answer)
    for action in ("Ping", "CoreShowChannels"):
        assert (await wire_ami.send(action))["Response"] == "Success"


async def test_the_ami_user_may_not_run_programs(wire_ami: WireAmi) -> None:
    answer = await wire_ami.send("Originate", Channel=CHANNEL, Application="System", Data="id", Async="true")
    assert answer["Response"] == "Error", answer


async def test_a_wrong_secret_is_refused(real_asterisk: RealAsterisk) -> None:
    a = real_asterisk
    with pytest.raises(PermissionError, match="Authentication failed"):
        async with WireAmi(a.ami_host, a.ami_port, a.ami_username, "wrong"):
            pass


# ------------------------------------------------------------------ a switch of one's own: softphone, trunk, outage


@pytest.fixture
async def own_asterisk(asterisk_program: AsteriskProgram) -> AsyncIterator[RealAsterisk]:
    async with RealAsterisk() as asterisk:
        yield asterisk


@pytest.fixture
async def shipped_asterisk(asterisk_program: AsteriskProgram) -> AsyncIterator[RealAsterisk]:
    """Exactly the configuration that a person gets."""
    async with RealAsterisk(trunk=False) as asterisk:
        yield asterisk


async def test_extension_7000_rings_the_registered_softphone(
    shipped_asterisk: RealAsterisk, wire_audio: WireAudioSocket, call_id: str
) -> None:
    a = shipped_asterisk
    async with RecordingCallee() as phone, WireAmi(a.ami_host, a.ami_port, a.ami_username, a.ami_secret) as ami:
        with pytest.raises(ConnectionRefusedError):
            await phone.register(a.sip_port, "7000", "wrong")
        await phone.register(a.sip_port, "7000", a.phone_secret)
        wire_audio.play(tone(OUR_TONE_HZ, TONE_MS))
        await _answered_call(ami, wire_audio, call_id, a.extension_template.format(number="7000"))
        await _heard(phone, OUR_TONE_HZ, ENOUGH_MS)
        assert phone.invite is not None
        assert "+4930123456" in phone.invite.get("From")
        await ami.send("Hangup", Channel=call_id)


async def test_the_check_context_connects_to_the_audiosocket(
    wire_ami: WireAmi, wire_audio: WireAudioSocket, call_id: str
) -> None:
    await _answered_call(wire_ami, wire_audio, call_id, "Local/check@opendeep-check/n")
    await wire_ami.send("Hangup", Channel=call_id)
    await wire_ami.event("Hangup", Uniqueid=call_id)


async def test_600_lets_a_softphone_hear_itself(wire_ami: WireAmi, wire_audio: WireAudioSocket, call_id: str) -> None:
    wire_audio.play(tone(OUR_TONE_HZ, TONE_MS))
    await _answered_call(wire_ami, wire_audio, call_id, "Local/600@opendeep-phones/n")
    await _we_heard(wire_audio, OUR_TONE_HZ, ENOUGH_MS)
    await wire_ami.send("Hangup", Channel=call_id)


async def test_a_killed_asterisk_is_noticed_on_both_connections_and_comes_back(
    own_asterisk: RealAsterisk, wire_audio: WireAudioSocket, call_id: str
) -> None:
    a = own_asterisk
    async with Callees(a) as callees, WireAmi(a.ami_host, a.ami_port, a.ami_username, a.ami_secret) as ami:
        await callees.phone(NUMBER)
        await _answered_call(ami, wire_audio, call_id)
        await a.kill()
        await ami.connection_lost()
        await asyncio.wait_for(wire_audio.closed.wait(), DEADLINE_S)
        await a.start()
        async with WireAmi(a.ami_host, a.ami_port, a.ami_username, a.ami_secret) as again:
            await again.send("CoreShowChannels")
            await again.event("CoreShowChannelsComplete", ListItems="0")


async def test_the_same_id_cannot_be_dialled_twice(
    own_asterisk: RealAsterisk, wire_audio: WireAudioSocket, call_id: str
) -> None:
    """Asterisk 22.10 refuses the second call; from then on the process does not end on SIGTERM (hence the kill)."""
    a = own_asterisk
    async with Callees(a) as callees, WireAmi(a.ami_host, a.ami_port, a.ami_username, a.ami_secret) as ami:
        phone = await callees.phone(NUMBER, answer_after_s=None)
        await ami.originate(CHANNEL, call_id, wire_audio.port)
        await asyncio.wait_for(phone.invited.wait(), DEADLINE_S)
        second = await ami.originate(CHANNEL, call_id, wire_audio.port)
        # Queued like any other, then failed under the id of the call that lives: only the ActionID tells them apart.
        refused = await ami.event("OriginateResponse", ActionID=second["ActionID"])
        assert (second["Response"], refused["Response"], refused["Uniqueid"]) == ("Success", "Failure", call_id)
        assert not phone.ended.is_set()
        phone.answer()
        assert await wire_audio.connected() == call_id
        await ami.send("Hangup", Channel=call_id)
        await asyncio.wait_for(phone.ended.wait(), DEADLINE_S)
    await a.kill()


async def test_it_starts_without_complaint_and_leaves_nothing_behind(asterisk_program: AsteriskProgram) -> None:
    async with RealAsterisk(trunk=False) as asterisk:
        complaints = [line for line in asterisk.log().splitlines() if "WARNING" in line or "ERROR" in line]
        directory, pid = asterisk.directory, asterisk.pid
        assert "Running" in await asterisk.cli("module show like app_audiosocket")
    assert complaints == []
    assert not directory.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
