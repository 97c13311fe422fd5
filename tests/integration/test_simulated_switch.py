"""The simulated switch over its real sockets: manager actions, event orders per outcome, audio, ends, bad input."""

from __future__ import annotations

import asyncio
import uuid
import wave
from pathlib import Path

import numpy as np
import pytest

from opendeep.simulation import CallDecision, Callee, IncomingCall
from opendeep.simulation.callee_schema import Attempt, Node, Talk
from tests.unit.simulation.support import FRAME, World, world

BOOKS, VOICEMAIL, BUSY_FIRST, MENU = "+12025550101", "+12025550102", "+12025550103", "+12025550104"
ASKS_BACK, OPTS_OUT, NO_ANSWER, UNALLOCATED = "+12025550105", "+12025550106", "+12025550107", "+12025550108"
REJECTS, INTERRUPTS, HANGS_UP, TONE = "+12025550109", "+12025550110", "+12025550111", "+12025550115"
QUESTION = "i am calling about the yearly boiler inspection does tuesday at ten work for you"


def trunk(number: str) -> str:
    return f"PJSIP/{number}@trunk"


async def run(place: World, ms: int, *, until: tuple[str, str]) -> None:
    """Let time pass, then wait for the event `until` = (name, channel id)."""
    place.ticker.advance(ms)
    await place.ami.wait(lambda: place.ami.events(*until))


# -- logging in


async def test_banner_login_and_fully_booted() -> None:
    async with world() as place:
        client = await place.client()
        assert client.banner == "Asterisk Call Manager/11.0.0\r\n"
        assert (await client.login())["Message"] == "Authentication accepted"
        await client.wait(lambda: client.events("FullyBooted"))
        await client.close()


async def test_wrong_secret_is_refused_and_the_connection_closed() -> None:
    async with world() as place:
        client = await place.client()
        response = await client.login("wrong")
        assert (response["Response"], response["Message"]) == ("Error", "Authentication failed")
        await client.wait(lambda: client.closed)
        await client.close()


async def test_nothing_works_before_the_login() -> None:
    async with world() as place:
        client = await place.client()
        response = await client.send("Originate", ("Channel", trunk(BOOKS)))
        assert (response["Response"], response["Message"]) == ("Error", "Permission denied")
        assert place.switch.calls() == ()
        await client.close()


async def test_two_clients_both_see_the_events_and_only_the_asker_its_response() -> None:
    async with world() as place:
        other = await place.client()
        await other.login()
        call_id = await place.dial(trunk(UNALLOCATED))
        place.ticker.advance(200)
        await place.ami.wait(lambda: place.ami.events("OriginateResponse", call_id))
        await other.wait(lambda: other.events("OriginateResponse", call_id))
        assert not [p for p in other.packets if ("Message", "Originate successfully queued") in p]
        assert place.ami.names(call_id) == other.names(call_id)
        await other.close()


async def test_a_client_without_events_gets_none() -> None:
    async with world() as place:
        quiet = await place.client()
        await quiet.login("hush", ("Events", "off"))
        call_id = await place.dial(trunk(UNALLOCATED))
        await run(place, 200, until=("OriginateResponse", call_id))
        assert (await quiet.send("Ping"))["Ping"] == "Pong"
        assert quiet.events() == []
        await quiet.close()


# -- outcomes, as the reference table has them


async def test_an_answered_call_sends_the_events_in_the_real_order() -> None:
    async with world() as place:
        call_id, peer = await place.answered(trunk(BOOKS), ("Variable", "CALL_ATTEMPT_ID=7,OTHER=x"))
        assert peer.call_id == uuid.UUID(call_id)
        assert place.ami.names(call_id) == [
            "Newchannel",
            "Newexten",
            "VarSet",
            "VarSet",
            "DialBegin",
            "Newstate",
            "DialState",
            "Newstate",
            "DialEnd",
            "OriginateResponse",
        ]
        variables = [(event["Variable"], event["Value"]) for event in place.ami.events("VarSet", call_id)]
        assert variables == [("OTHER", "x"), ("CALL_ATTEMPT_ID", "7")]
        first, ringing, up = place.ami.events("Newchannel", call_id) + place.ami.events("Newstate", call_id)
        states = [event["ChannelStateDesc"] for event in (first, ringing, up)]
        assert states == ["Down", "Ringing", "Up"]
        assert first["Linkedid"] == call_id
        response = place.ami.events("OriginateResponse", call_id)[0]
        assert (response["Response"], response["Reason"]) == ("Success", "4")
        assert place.ami.events("DialEnd", call_id)[0]["DialStatus"] == "ANSWER"


@pytest.mark.parametrize(
    ("number", "dial_status", "cause", "sip_status"),
    [
        (BUSY_FIRST, "BUSY", "17", "486"),
        (UNALLOCATED, "NOANSWER", "1", "404"),
        ("+12025550199", "NOANSWER", "1", "404"),
        (REJECTS, "NOANSWER", "21", "603"),
    ],
)
async def test_a_failed_call_over_a_trunk(number: str, dial_status: str, cause: str, sip_status: str) -> None:
    async with world() as place:
        call_id = await place.dial(trunk(number))
        await run(place, 3000, until=("OriginateResponse", call_id))
        response = place.ami.events("OriginateResponse", call_id)[0]
        assert (response["Response"], response["Reason"]) == ("Failure", "0")
        assert place.ami.events("DialEnd", call_id)[0]["DialStatus"] == dial_status
        hangup = place.ami.events("Hangup", call_id)[0]
        assert (hangup["Cause"], hangup["TechCause"]) == (cause, sip_status)
        assert place.switch.calls() == ()


async def test_ringing_ends_with_the_timeout_of_the_action() -> None:
    async with world() as place:
        call_id = await place.dial(trunk(NO_ANSWER), ("Timeout", "5000"))
        place.ticker.advance(4900)
        assert place.switch.calls()[0].phase == "ringing"
        await run(place, 200, until=("OriginateResponse", call_id))
        assert place.ami.events("OriginateResponse", call_id)[0]["Reason"] == "3"
        hangup = place.ami.events("Hangup", call_id)[0]
        assert (hangup["Cause"], hangup["TechCause"]) == ("19", "480")
        assert place.ami.events("DialEnd", call_id) == []


@pytest.mark.parametrize("channel", ["PJSIP/nobody", "PJSIP/9999", "PJSIP/+12025550101@missing"])
async def test_a_missing_endpoint_or_trunk_has_no_channel_events_at_all(channel: str) -> None:
    async with world(trunks=frozenset({"trunk"})) as place:
        call_id = await place.dial(channel)
        await run(place, 100, until=("OriginateResponse", call_id))
        assert place.ami.names(call_id) == ["OriginateResponse"]
        assert place.ami.events("OriginateResponse")[0]["Reason"] == "0"


async def test_a_local_channel_has_two_halves_and_tells_of_all_three_channels() -> None:
    async with world() as place:
        other = str(uuid.uuid4())
        call_id = await place.dial(f"Local/{BUSY_FIRST}@opendeep-out/n", ("OtherChannelId", other))
        await run(place, 200, until=("OriginateResponse", call_id))
        assert place.ami.events("OriginateResponse", call_id)[0]["Reason"] == "0"
        assert place.ami.events("DialEnd", call_id)[0]["DialStatus"] == "BUSY"
        assert [event["Cause"] for event in place.ami.events("Hangup")] == ["17", "17", "17"]
        assert [event["Uniqueid"] for event in place.ami.events("Newchannel")][:2] == [call_id, other]
        assert {event["Linkedid"] for event in place.ami.events("Newchannel")} == {call_id}


@pytest.mark.parametrize(
    ("number", "status", "cause"), [("112", "NOANSWER", "28"), ("7055", "CHANUNAVAIL", "3"), ("none", None, "0")]
)
async def test_what_the_dialplan_refuses_on_its_own(number: str, status: str | None, cause: str) -> None:
    async with world() as place:
        call_id = await place.dial(f"Local/{number}@opendeep-out/n")
        await run(place, 200, until=("Hangup", call_id))
        assert place.ami.events("Hangup", call_id)[0]["Cause"] == cause
        assert [event["DialStatus"] for event in place.ami.events("DialEnd", call_id)] == ([status] if status else [])
        assert len(place.ami.events("Newchannel")) == 2


async def test_the_second_attempt_is_answered() -> None:
    async with world() as place:
        first = await place.dial(trunk(BUSY_FIRST))
        await run(place, 200, until=("OriginateResponse", first))
        second, _ = await place.answered(trunk(BUSY_FIRST))
        assert place.ami.events("OriginateResponse", second)[0]["Response"] == "Success"


async def test_a_seed_mixes_only_the_orders_that_the_real_switch_mixes() -> None:
    seen: set[tuple[str, ...]] = set()
    for seed in range(12):
        async with world(shuffle_seed=seed) as place:
            call_id, _ = await place.answered(trunk(TONE))
            names = place.ami.names(call_id)
            assert names[:3] == ["Newchannel", "Newexten", "DialBegin"]
            assert sorted(names[3:]) == ["DialEnd", "Newstate", "OriginateResponse"]
            assert names.index("Newstate") < names.index("DialEnd")
            seen.add(tuple(names[3:]))
    assert len(seen) == 3


async def test_the_same_channel_id_twice_is_refused_and_harms_nothing() -> None:
    async with world() as place:
        call_id = await place.dial(trunk(NO_ANSWER))
        response = await place.ami.originate(trunk(BOOKS), call_id, place.data(call_id))
        await place.ami.wait(lambda: place.ami.events("OriginateResponse", call_id))
        assert place.ami.events("OriginateResponse", call_id)[0]["ActionID"] == response["ActionID"]
        assert place.ami.events("OriginateResponse", call_id)[0]["Response"] == "Failure"
        assert [call.number for call in place.switch.calls()] == [NO_ANSWER]


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ([("Application", "AudioSocket")], "Channel not specified"),
        ([("Application", "AudioSocket"), ("Channel", "nonsense")], "Invalid channel"),
        ([("Application", "AudioSocket"), ("Channel", "PJSIP/7000"), ("Timeout", "soon")], "Invalid timeout"),
        ([("Channel", "PJSIP/1"), ("Context", "a"), ("Exten", "1"), ("Priority", "1")], "Extension does not exist."),
        ([("Application", "System"), ("Channel", "PJSIP/7000")], "Originate Access Forbidden"),
        ([("Application", "X"), ("Channel", "PJSIP/7000"), ("ChannelId", "u" * 150)], "Uniqueid length exceeds"),
    ],
)
async def test_a_wrong_originate_is_told_so(headers: list[tuple[str, str]], message: str) -> None:
    async with world() as place:
        response = await place.ami.send("Originate", ("Async", "true"), *headers)
        assert response["Response"] == "Error"
        assert response["Message"].startswith(message)


# -- audio and ends


async def test_the_tone_arrives_every_20_ms_and_what_we_say_comes_back() -> None:
    async with world() as place:
        _, peer = await place.answered(trunk(TONE))
        heard = await place.listen(peer, 2000)
        assert {len(frame) for frame in peer.frames} == {FRAME}
        assert len(heard) == 100 * FRAME
        spectrum = np.abs(np.fft.rfft(np.frombuffer(heard, dtype="<i2")[-8000:]))
        assert int(np.argmax(spectrum)) == 1000
        said = place.engines.speech("come back to me please")
        back = await place.talk(peer, said + bytes(20 * FRAME))
        assert place.engines.spoken(back) == ["come back to me please"]


async def test_the_sound_of_the_callee_keeps_a_call_up_whose_peer_is_quiet() -> None:
    async with world() as place:
        call_id, peer = await place.answered(trunk(TONE))
        await place.listen(peer, 1000)
        place.ticker.advance(5000)
        assert place.ami.events("Hangup", call_id) == []
        assert not peer.closed


async def test_two_seconds_without_a_frame_from_either_side_end_the_call() -> None:
    mute = Callee(
        name="mute", title="Sends no sound", numbers=("+12025550150",), attempts=(Attempt(sends_sound=False),)
    )
    mute = mute.model_copy(update={"script": {"phone": Node(talk=Talk())}})
    async with world([mute]) as place:
        call_id, peer = await place.answered(trunk("+12025550150"))
        peer.say(bytes(FRAME))
        place.ticker.advance(1900)
        assert place.switch.calls()
        await run(place, 200, until=("Hangup", call_id))
        await place.peer.wait(lambda: peer.closed)
        assert 0x00 not in peer.kinds
        assert place.ami.events("HangupRequest", call_id) == []


@pytest.mark.parametrize(
    "ending", [b"\x00\x00\x00", b"\x42\x00\x01x", b"\x03\x00\x015", b"\x10\x00\x00", b"GET / HTTP/1.1\r\n\r\n"]
)
async def test_a_hang_up_frame_or_garbage_from_the_peer_ends_the_channel(ending: bytes) -> None:
    async with world() as place:
        call_id, peer = await place.answered(trunk(TONE))
        await place.listen(peer, 200)
        peer.write(ending)
        for _ in range(100):
            place.ticker.advance(20)
            if not place.switch.calls():
                break
            await asyncio.sleep(0)
        await place.ami.wait(lambda: place.ami.events("Hangup", call_id))
        await place.peer.wait(lambda: peer.closed)


async def test_the_callee_hangs_up_and_the_socket_closes_without_a_frame() -> None:
    async with world() as place:
        call_id, peer = await place.answered(trunk(HANGS_UP))
        await place.listen(peer, 11_000)
        await place.peer.wait(lambda: peer.closed)
        assert set(peer.kinds) == {0x01, 0x10}
        names = place.ami.names(call_id)
        assert names[-2:] == ["HangupRequest", "Hangup"]
        assert place.ami.events("Hangup", call_id)[0]["Cause"] == "0"


async def test_the_manager_hangs_up_by_channel_id() -> None:
    async with world() as place:
        call_id, peer = await place.answered(trunk(TONE))
        assert (await place.ami.send("Hangup", ("Channel", call_id)))["Message"] == "Channel Hungup"
        await place.peer.wait(lambda: peer.closed)
        assert "HangupRequest" not in place.ami.names(call_id)
        assert place.ami.events("Hangup", call_id)[0]["Cause"] == "0"
        again = await place.ami.send("Hangup", ("Channel", call_id))
        assert (again["Response"], again["Message"]) == ("Error", "No such channel")


async def test_audio_at_another_rate_is_heard() -> None:
    async with world() as place:
        _, peer = await place.answered(trunk(TONE))
        await place.listen(peer, 2000)
        wave_16khz = (9000 * np.sin(2 * np.pi * 440 * np.arange(320) / 16_000)).astype("<i2").tobytes()
        for _ in range(25):
            peer.write(b"\x12\x02\x80" + wave_16khz)
        back = np.frombuffer(await place.listen(peer, 500), dtype="<i2")
        loud = back[np.flatnonzero(back)]
        assert loud.size > 3000
        assert 8000 < np.abs(loud).max() < 9100


async def test_an_unreachable_audiosocket_server_ends_the_call() -> None:
    async with world() as place:
        call_id = str(uuid.uuid4())
        await place.ami.originate(trunk(TONE), call_id, ("Data", f"{call_id},127.0.0.1:1"))
        for _ in range(200):
            place.ticker.advance(20)
            if place.ami.events("Hangup", call_id):
                break
            await asyncio.sleep(0)
        await place.ami.wait(lambda: place.ami.events("Hangup", call_id))
        assert place.ami.events("OriginateResponse", call_id)[0]["Response"] == "Success"


@pytest.mark.parametrize("data", ["", "not-a-uuid,127.0.0.1:9", "0191e0a5-0000-7000-8000-000000000000", "x,y,z"])
async def test_wrong_arguments_of_the_application_end_the_answered_call(data: str) -> None:
    async with world() as place:
        call_id = str(uuid.uuid4())
        await place.ami.originate(trunk(TONE), call_id, ("Data", data))
        await run(place, 200, until=("Hangup", call_id))
        assert place.peer.calls == []


async def test_a_recording_has_what_the_callee_heard_left_and_what_it_said_right(tmp_path: Path) -> None:
    async with world(record_dir=tmp_path) as place:
        call_id, peer = await place.answered(trunk(TONE))
        await place.listen(peer, 1000)
        await place.ami.send("Hangup", ("Channel", call_id))
        with wave.open(str(tmp_path / f"{call_id}.wav")) as file:
            assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 8000, 8000)
            samples = np.frombuffer(file.readframes(8000), dtype="<i2")
        assert not samples[0::2].any()
        assert np.abs(samples[1::2]).max() > 8000


# -- actions on a call


async def test_play_dtmf_reaches_the_menu_one_key_per_action() -> None:
    async with world() as place:
        call_id, peer = await place.answered(trunk(MENU))
        await place.listen(peer, 100)
        response = await place.ami.send("PlayDTMF", ("Channel", call_id), ("Digit", "29"), ("Duration", "250"))
        assert response["Message"] == "DTMF successfully queued"
        heard = place.engines.spoken(await place.listen(peer, 3000))
        assert heard[-1] == "hello this is facilities how can i help you"
        assert place.switch.calls()[0].state == "facilities"
        assert place.ami.events("DTMFEnd") == []  # a channel that is called directly tells nobody


async def test_play_dtmf_through_a_local_channel_is_told_by_the_other_half_and_the_callee() -> None:
    async with world() as place:
        call_id, peer = await place.answered(f"Local/{MENU}@opendeep-out/n")
        await place.listen(peer, 100)
        await place.ami.send("PlayDTMF", ("Channel", call_id), ("Digit", "2"), ("Duration", "250"))
        await place.ami.wait(lambda: len(place.ami.events("DTMFEnd")) == 2)
        told = [(event["Channel"][:5], event["Direction"]) for event in place.ami.events("DTMFEnd")]
        assert told == [("Local", "Received"), ("PJSIP", "Sent")]
        assert place.ami.events("DTMFEnd")[0]["DurationMs"] == "250"


async def test_setvar_getvar_and_the_injection_that_the_real_one_suffers() -> None:
    async with world() as place:
        call_id, _ = await place.answered(trunk(TONE))
        await place.ami.send("Setvar", ("Channel", call_id), ("Variable", "COLOUR"), ("Value", "blue"))
        got = await place.ami.send("Getvar", ("Channel", call_id), ("Variable", "COLOUR"))
        assert got["Value"] == "blue"
        evil = f"1\r\nActionID: x\r\n\r\nAction: Hangup\r\nChannel: {call_id}"
        await place.ami.send("Setvar", ("Channel", call_id), ("Variable", "COLOUR"), ("Value", evil))
        await place.ami.wait(lambda: place.ami.events("Hangup", call_id))


async def test_core_show_channels_lists_and_completes() -> None:
    async with world() as place:
        call_id, _ = await place.answered(trunk(TONE))
        response = await place.ami.send("CoreShowChannels")
        assert (response["EventList"], response["Message"]) == ("start", "Channels will follow")
        await place.ami.wait(lambda: place.ami.events("CoreShowChannelsComplete"))
        listed = place.ami.events("CoreShowChannel")
        assert [(event["Uniqueid"], event["Application"]) for event in listed] == [(call_id, "AudioSocket")]
        assert listed[0]["ActionID"] == response["ActionID"]
        complete = place.ami.events("CoreShowChannelsComplete")[0]
        assert (complete["EventList"], complete["ListItems"]) == ("Complete", "1")
        await place.ami.send("Status")
        await place.ami.wait(lambda: place.ami.events("StatusComplete"))


async def test_redirect_takes_the_channel_away_from_audiosocket() -> None:
    async with world() as place:
        call_id, peer = await place.answered(trunk(TONE))
        where = [("Context", "opendeep-phones"), ("Exten", "600"), ("Priority", "1")]
        assert (await place.ami.send("Redirect", ("Channel", call_id), *where))["Response"] == "Success"
        await place.peer.wait(lambda: peer.closed)
        place.ticker.advance(5000)
        assert place.switch.calls()[0].redirected_to == "600@opendeep-phones"
        assert place.ami.events("Hangup", call_id) == []
        await place.ami.send("Hangup", ("Channel", call_id))
        await place.ami.wait(lambda: place.ami.events("Hangup", call_id))
        assert place.ami.names(call_id)[-3:] == ["Newexten", "SoftHangupRequest", "Hangup"]


async def test_redirect_to_nowhere_ends_the_call() -> None:
    async with world() as place:
        call_id, _ = await place.answered(trunk(TONE))
        where = [("Context", "transfer"), ("Exten", "100"), ("Priority", "1")]
        assert (await place.ami.send("Redirect", ("Channel", call_id), *where))["Response"] == "Success"
        await place.ami.wait(lambda: place.ami.events("Hangup", call_id))
        assert place.switch.calls() == ()


@pytest.mark.parametrize(
    ("action", "headers", "message"),
    [
        ("Hangup", [("Channel", "gone")], "No such channel"),
        ("PlayDTMF", [("Channel", "gone"), ("Digit", "1")], "Channel not found"),
        ("Redirect", [("Channel", "gone"), ("Priority", "1")], "Channel does not exist: gone"),
        ("Setvar", [("Channel", "gone"), ("Variable", "A"), ("Value", "1")], "No such channel"),
        ("Getvar", [("Channel", "gone")], "No variable specified"),
        ("Hangup", [("Channel", "/(/")], "Regex compile failed"),
        ("Fly", [], "Invalid/unknown command: Fly"),
    ],
)
async def test_actions_that_cannot_be_done(action: str, headers: list[tuple[str, str]], message: str) -> None:
    async with world() as place:
        response = await place.ami.send(action, *headers)
        assert response["Response"] == "Error"
        assert response["Message"].startswith(message)


async def test_garbage_on_the_manager_port_harms_nobody() -> None:
    async with world() as place:
        client = await place.client()
        await client.write(b"\xff\xfe\x00garbage\r\n\r\n" + b"A" * 100_000 + b"\r\nB: 1\r\n\r\n")
        await client.write(b"\r\n" * 100 + bytes(range(256)) * 20 + b"\r\n\r\n")
        assert (await client.login())["Response"] == "Success"
        assert (await place.ami.send("Ping"))["Ping"] == "Pong"
        await client.close()


# -- conversations


async def test_a_full_conversation_ends_with_the_callee_accepting_and_saying_goodbye() -> None:
    async with world() as place:
        call_id, peer = await place.answered(trunk(BOOKS))
        greeting = await place.talk(peer, bytes(100 * FRAME))
        assert place.engines.spoken(greeting) == ["hello good morning how can i help you"]
        # A question with a pause of 0.7 s in the middle is one turn.
        question = place.engines.speech(QUESTION, 1200) + bytes(35 * FRAME) + place.engines.speech(QUESTION, 800)
        heard = await place.talk(peer, question)
        assert place.engines.spoken(heard) == []
        assert place.engines.spoken(await place.listen(peer, 3000)) == ["yes tuesday at ten works for me"]
        goodbye = place.engines.speech("thank you very much and goodbye", 1600)
        heard = await place.talk(peer, goodbye + bytes(16 * 6000))
        assert place.engines.spoken(heard) == ["thank you goodbye"]
        await place.ami.wait(lambda: place.ami.events("Hangup", call_id))


async def test_the_question_asked_back_waits_for_its_answer() -> None:
    async with world() as place:
        _, peer = await place.answered(trunk(ASKS_BACK))
        await place.listen(peer, 2000)
        await place.talk(peer, place.engines.speech(QUESTION, 3000))
        heard = await place.listen(peer, 3000)
        assert place.engines.spoken(heard) == ["will the water be turned off during the visit"]
        await place.talk(peer, place.engines.speech("one moment please i will ask", 2000))
        assert place.engines.spoken(await place.listen(peer, 30_000)) == []
        await place.talk(peer, place.engines.speech("no the water stays on does tuesday at ten work", 3000))
        heard = await place.listen(peer, 3000)
        assert place.engines.spoken(heard) == ["yes tuesday at ten works for me"]


async def test_an_interruption_starts_while_the_caller_speaks_and_is_not_taken_for_an_answer() -> None:
    async with world() as place:
        _, peer = await place.answered(trunk(INTERRUPTS))
        await place.listen(peer, 2000)
        heard = await place.talk(peer, place.engines.speech(QUESTION, 2000))
        assert place.engines.spoken(heard) == ["sorry who is this and why are you calling"]
        assert place.engines.spoken(await place.listen(peer, 4000)) == ["sorry who is this and why are you calling"]
        await place.talk(peer, place.engines.speech(QUESTION, 3000))
        assert place.engines.spoken(await place.listen(peer, 3000)) == ["yes tuesday at ten works for me"]


async def test_a_mailbox_greets_beeps_and_records_until_we_are_done() -> None:
    async with world(record_dir=None) as place:
        call_id, peer = await place.answered(trunk(VOICEMAIL))
        heard = await place.listen(peer, 4000)
        assert place.engines.spoken(heard)[0].startswith("hello you have reached my voicemail")
        samples = np.abs(np.frombuffer(heard, dtype="<i2").astype(int))
        beep = samples[np.flatnonzero((samples > 7000) & (samples < 9000))[0] :]
        assert np.count_nonzero(beep[:3200] > 4000) > 1500
        await place.talk(peer, place.engines.speech("please call us back", 3000))
        assert not place.switch.calls()[0].spoke_before_beep
        await place.listen(peer, 10_000)
        await place.ami.wait(lambda: place.ami.events("Hangup", call_id))


async def test_talking_into_the_greeting_is_noticed() -> None:
    async with world() as place:
        _, peer = await place.answered(trunk(VOICEMAIL))
        await place.talk(peer, place.engines.speech(QUESTION, 1000))
        assert place.switch.calls()[0].spoke_before_beep


async def test_a_callee_who_hears_nothing_asks_and_then_hangs_up() -> None:
    async with world() as place:
        call_id, peer = await place.answered(trunk(OPTS_OUT))
        heard = place.engines.spoken(await place.listen(peer, 20_000))
        assert heard == ["hello who is this", "hello?"]
        await place.listen(peer, 8000)
        await place.ami.wait(lambda: place.ami.events("Hangup", call_id))


# -- a phone attached at run time


class Phone:
    """An attached phone that the test answers and speaks through."""

    def __init__(self) -> None:
        self.rings = asyncio.Event()
        self.decision: asyncio.Future[CallDecision] = asyncio.get_running_loop().create_future()
        self.heard: list[bytes] = []
        self.say: list[bytes] = []
        self.digits: list[str] = []
        self.received_digits = ""
        self.hang_up = False
        self.ended_calls: list[str] = []
        self.call: IncomingCall | None = None
        self.cancelled = False
        self.there = True

    async def reachable(self, call: IncomingCall) -> bool:
        return self.there

    async def incoming(self, call: IncomingCall) -> CallDecision:
        self.call = call
        self.rings.set()
        try:
            return await self.decision
        except asyncio.CancelledError:
            self.cancelled = True
            raise

    def receive_frame(self, call_id: str, frame: bytes) -> None:
        self.heard.append(frame)

    def next_frame(self, call_id: str) -> bytes | None:
        return self.say.pop(0) if self.say else None

    def next_digit(self, call_id: str) -> str | None:
        return self.digits.pop(0) if self.digits else None

    def receive_digit(self, call_id: str, digit: str) -> None:
        self.received_digits += digit

    def wants_hang_up(self, call_id: str) -> bool:
        return self.hang_up

    def ended(self, call_id: str) -> None:
        self.ended_calls.append(call_id)


async def ring(place: World, phone: Phone, *headers: tuple[str, str]) -> str:
    place.switch.attach(phone)
    call_id = await place.dial("PJSIP/7000", ("CallerID", '"OpenDeep" <100>'), *headers)
    place.ticker.advance(200)
    async with asyncio.timeout(60):
        await phone.rings.wait()
    return call_id


async def test_an_attached_phone_rings_talks_both_ways_presses_keys_and_hangs_up() -> None:
    async with world() as place:
        phone = Phone()
        call_id = await ring(place, phone)
        assert phone.call == IncomingCall(call_id, "7000", "100", "OpenDeep")
        phone.decision.set_result(CallDecision.ACCEPT)
        while place.switch.calls()[0].phase != "up":
            await asyncio.sleep(0)
            place.ticker.advance(20)
        await place.peer.wait(lambda: place.peer.calls and place.peer.calls[0].call_id)
        peer = place.peer.calls[0]
        phone.say.extend([b"\x01\x02" * 160] * 5)
        phone.digits.extend("4#")
        heard = await place.talk(peer, b"\x05\x06" * 1600)
        assert heard.count(b"\x01\x02" * 160) >= 5
        assert b"\x05\x06" * 160 in phone.heard
        assert peer.digits == "4#"
        assert [event["Direction"] for event in place.ami.events("DTMFEnd", call_id)] == ["Received"] * 2
        await place.ami.send("PlayDTMF", ("Channel", call_id), ("Digit", "9"))
        assert phone.received_digits == "9"
        phone.hang_up = True
        await run(place, 20, until=("Hangup", call_id))
        assert phone.ended_calls == [call_id]


@pytest.mark.parametrize(
    ("decision", "status"), [(CallDecision.REJECT, "NOANSWER"), (CallDecision.BUSY, "BUSY"), (None, "NOANSWER")]
)
async def test_an_attached_phone_declines_is_busy_or_fails(decision: CallDecision | None, status: str) -> None:
    async with world() as place:
        phone = Phone()
        call_id = await ring(place, phone)
        if decision is None:
            phone.decision.set_exception(RuntimeError("the phone broke"))
        else:
            phone.decision.set_result(decision)
        for _ in range(10):
            await asyncio.sleep(0)
        await run(place, 20, until=("DialEnd", call_id))
        assert place.ami.events("DialEnd", call_id)[0]["DialStatus"] == status
        assert phone.ended_calls == []


async def test_an_attached_phone_stops_ringing_when_the_caller_gives_up() -> None:
    async with world() as place:
        phone = Phone()
        call_id = await ring(place, phone, ("Timeout", "1000"))
        await run(place, 1000, until=("Hangup", call_id))
        for _ in range(10):
            await asyncio.sleep(0)
        assert phone.cancelled
        place.switch.detach(phone)
        _, peer = await place.answered("PJSIP/7000")
        assert place.switch.calls()[0].callee == "books_tuesday"
        assert peer.call_id is not None


async def test_the_files_callee_answers_where_nobody_is_at_the_phone() -> None:
    async with world() as place:
        phone = Phone()
        phone.there = False
        place.switch.attach(phone)
        call_id, peer = await place.answered("PJSIP/7000")
        assert place.switch.calls()[0].callee == "books_tuesday"
        assert place.ami.events("DialState", call_id)[0]["DialStatus"] == "RINGING"
        heard = place.engines.spoken(await place.listen(peer, 3000))
        assert heard[:1] == place.engines.sentences[:1] != []
        assert not phone.rings.is_set()
        waiting = await place.dial("PJSIP/7000")
        await place.ami.wait(lambda: place.ami.events("DialBegin", waiting))
        place.ticker.advance(200)
        await place.ami.send("Hangup", ("Channel", waiting))
        await place.ami.wait(lambda: place.ami.events("Hangup", waiting))


async def test_a_phone_that_breaks_in_a_call_ends_that_call_only() -> None:
    class Broken(Phone):
        def next_frame(self, call_id: str) -> bytes | None:
            raise RuntimeError("no microphone")

        def ended(self, call_id: str) -> None:
            raise RuntimeError("no screen either")

    async with world() as place:
        other, peer = await place.answered(trunk(TONE))
        phone = Broken()
        call_id = await ring(place, phone)
        phone.decision.set_result(CallDecision.ACCEPT)
        for _ in range(50):
            await place.listen(peer, 20)
        await place.ami.wait(lambda: place.ami.events("Hangup", call_id))
        assert place.ami.events("Hangup", call_id)[0]["Cause"] == "38"
        assert [call.call_id for call in place.switch.calls()] == [other]


async def test_stop_ends_everything_and_may_be_called_twice() -> None:
    async with world() as place:
        _, peer = await place.answered(trunk(TONE))
        await place.switch.stop()
        await place.switch.stop()
        await place.peer.wait(lambda: peer.closed)
        await place.ami.wait(lambda: place.ami.closed)
        assert place.switch.calls() == ()
