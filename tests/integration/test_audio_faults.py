"""What goes wrong around a live call: strangers on the AudioSocket, a provider that closes, stalls or talks nonsense,
lost messages, a shutdown. The call ends cleanly, its rows are written, nothing else suffers."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from opendeep.audio_processing_service.audiosocket_codec import audio_frame
from opendeep.audio_processing_service.audiosocket_connection import (
    MAX_EARLY_FRAMES,
    AudioSocketConnection,
    ConnectionLimits,
)
from opendeep.audio_processing_service.line_sentences import LineSentence, line_sound
from opendeep.audio_processing_service.ticker import Ticker
from opendeep.audio_processing_service.voice_services import CallTimes
from opendeep.common.data_models import CallStatus
from tests.integration.audio_realtime import FakeRealtime, FakeSession, fake_realtime
from tests.integration.audio_world import (
    DTMF,
    ERROR,
    HANG_UP,
    NAME,
    SLIN24,
    FakeAsterisk,
    MediaWorld,
    mark,
    media_world,
    until,
)
from tests.support.audio import mulaw_encode, tone

ONE_MOMENT = LineSentence.ONE_MOMENT
ONE_MOMENT_SOUND = line_sound(ONE_MOMENT, "en")
SHORT = ConnectionLimits(name_s=0.2, adopt_s=0.5, max_unnamed=4)
FAST_TIMES = CallTimes(reopen_s=1.0, farewell_quiet_s=0.5)


def speech(ms: int) -> bytes:
    return mulaw_encode(tone(440, ms)).replace(b"\xff", b"\xfe")


@pytest_asyncio.fixture
async def voice() -> AsyncIterator[FakeRealtime]:
    async with fake_realtime() as fake:
        yield fake


async def talking(world: MediaWorld, voice: FakeRealtime) -> tuple[FakeAsterisk, FakeSession]:
    """A call in which the AI has said hello and the callee has answered."""
    line = await world.answer()
    session = await voice.session()
    await session.begun()
    await session.speak("r1", "Hello.", speech(60))
    await line.wait(lambda: len(line.loud()) >= 3 and not any(line.heard[-1]))
    await session.callee_starts("u1", 200)
    await session.callee_stops("u1", 600, "Good morning.")
    return line, session


# -- strangers


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x01\x00\x10short" + bytes(5000), b"\xff" * 64])
async def test_garbage_is_dropped_and_the_call_goes_on(voice: FakeRealtime, tmp_path: Path, garbage: bytes) -> None:
    async with media_world(tmp_path, voice.url, limits=SHORT) as world:
        line, _ = await talking(world, voice)
        stranger = await FakeAsterisk.connect(world.server.port, None)
        stranger.writer.write(garbage)
        await asyncio.wait_for(stranger.closed.wait(), 5)
        frames = len(line.heard)
        await line.wait(lambda: len(line.heard) > frames + 5)
        assert world.server.counters["garbage"] + world.server.counters["unknown_call"] == 1


async def test_an_unknown_call_and_an_ended_call_are_refused(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        stranger = await world.connect(uuid4())
        await asyncio.wait_for(stranger.closed.wait(), 5)
        await mark(world, CallStatus.NO_ANSWER)
        late = await world.connect()
        await asyncio.wait_for(late.closed.wait(), 5)
        assert world.server.counters["unknown_call"] == world.server.counters["ended_call"] == 1
        assert voice.sessions == []


async def test_a_second_connection_for_a_call_is_refused(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line, _ = await talking(world, voice)
        second = await world.connect()
        await asyncio.wait_for(second.closed.wait(), 5)
        frames = len(line.heard)
        await line.wait(lambda: len(line.heard) > frames + 5)
        assert world.server.counters["second_connection"] == 1


async def test_peers_that_say_nothing_are_dropped(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, limits=SHORT) as world:
        line, _ = await talking(world, voice)
        silent = [await FakeAsterisk.connect(world.server.port, None) for _ in range(10)]
        await asyncio.gather(*(asyncio.wait_for(peer.closed.wait(), 5) for peer in silent))
        assert world.server.counters["silent_peer"] == 4
        assert world.server.counters["too_many_unnamed"] == 6
        assert not line.closed.is_set()


async def test_audio_before_its_call_is_known_is_bounded(tmp_path: Path) -> None:
    """A stranger who names a call and then sends as fast as the network takes it."""
    heard: list[bytes] = []

    class Board:
        def __init__(self) -> None:
            self.counters: Counter[str] = Counter()

        def opened(self, connection: AudioSocketConnection) -> None: ...
        def named(self, connection: AudioSocketConnection, call_id: UUID) -> None: ...
        def closed(self, connection: AudioSocketConnection) -> None: ...

    class Call:
        def hear(self, pcm: bytes, rate_hz: int) -> None:
            heard.append(pcm)

        def tick(self, frames: int) -> None: ...
        def digit(self, digit: str) -> None: ...
        def line_closed(self, reason: str) -> None: ...

    connection = AudioSocketConnection(Board(), Ticker(), ConnectionLimits())
    near, far = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(lambda: connection, sock=near)
    connection.data_received(b"\x01\x00\x10" + uuid4().bytes)
    for number in range(2 * MAX_EARLY_FRAMES):
        connection.data_received(audio_frame(number.to_bytes(2, "little") * 160))
    connection.adopt(Call())
    assert len(heard) == MAX_EARLY_FRAMES
    assert heard[-1][:2] == (2 * MAX_EARLY_FRAMES - 1).to_bytes(2, "little")
    transport.abort()
    far.close()


async def test_a_peer_that_does_not_read_is_dropped_and_its_call_ends(voice: FakeRealtime, tmp_path: Path) -> None:
    """What the kernel takes is not ours to bound, therefore the smallest window that there is."""
    limits = ConnectionLimits(max_unsent_bytes=640, unread_s=0.1)
    async with media_world(tmp_path, voice.url, limits=limits) as world:
        await world.expect()
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            deaf.connect(("127.0.0.1", world.server.port))
            deaf.sendall(b"\x01\x00\x10" + world.call.id.bytes)
            assert (await world.ended())["reason"] == "unread_peer"
        assert world.server.counters["slow_peer"] == world.server.counters["unread_peer"] == 1
        assert world.server.counters["frame_dropped"] > 0


async def test_odd_frames_cost_nothing(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line, session = await talking(world, voice)
        line.send(0x42, b"unknown kind")
        line.send(DTMF, b"!")
        line.send(NAME, uuid4().bytes)
        heard = len(session.audio)
        line.speak(tone(500, 40))
        line.send(SLIN24, bytes(960))
        await session.wait(lambda: len(session.audio) >= heard + 320)
        assert world.server.counters["ignored_frame"] == 3
        assert world.server.counters["wrong_rate"] == 1


@pytest.mark.parametrize(("kind", "reason"), [(HANG_UP, "ended by the switch"), (ERROR, "switch error 02")])
async def test_the_switch_ends_the_call_by_a_frame(voice: FakeRealtime, tmp_path: Path, kind: int, reason: str) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line, _ = await talking(world, voice)
        line.send(kind, b"\x02" if kind == ERROR else b"")
        assert (await world.ended())["reason"] == reason
        assert line.closed.is_set()


# -- lost messages


async def test_the_line_alone_starts_a_call_that_the_database_knows(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line = await world.connect()  # no expect, no ringing, no answered
        session = await voice.session()
        await session.begun()
        await line.wait(lambda: line.heard)
        assert world.server.counters["unannounced_call"] == 1
        await line.hang_up()
        await world.ended()


async def test_an_end_that_nobody_told_is_seen_in_the_row(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, times=CallTimes(look_s=0.1)) as world:
        await world.expect()
        await world.tell("ringing")
        session = await voice.session()
        await mark(world, CallStatus.NO_ANSWER)
        await asyncio.wait_for(session.closed.wait(), 5)
        await until(lambda: not world.server.live_calls)


async def test_nobody_answers(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        await world.expect()
        await world.tell("ringing")
        session = await voice.session()
        await session.received_event("session.update")
        await world.tell("ended", status="NO_ANSWER")
        await asyncio.wait_for(session.closed.wait(), 5)
        await until(lambda: not world.server.live_calls)
        assert [event["type"] for event in session.received] == ["session.update"]


# -- the provider


async def test_a_session_that_closes_is_replaced_with_what_was_said(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line, session = await talking(world, voice)
        await session.socket.close(1011, "internal error")
        second = await voice.session(2)
        await second.begun()
        roles = [event["item"]["role"] for event in second.received if event["type"] == "conversation.item.create"]
        texts = [
            event["item"]["content"][0]["text"]
            for event in second.received
            if event["type"] == "conversation.item.create"
        ]
        assert roles == ["assistant", "user", "system"]
        assert texts[:2] == ["Hello.", "Good morning."]
        assert ONE_MOMENT.words["en"] in texts[2]
        await second.speak("r9", "I am back.", speech(100))
        await line.wait(lambda: ONE_MOMENT_SOUND + speech(100) in mulaw_encode(b"".join(line.heard)))
        await line.hang_up()
        await world.ended()
        assert [turn.text for turn in await world.turns()][:2] == ["Hello.", "Good morning."]
        [lost] = await world.events("call.voice_lost")
        assert "1011" in lost.data["reason"]
        assert ONE_MOMENT.words["en"] in lost.detail
        assert (await world.row()).usage["sessions"] == 2


async def test_without_a_second_session_the_call_ends_cleanly(tmp_path: Path) -> None:
    async with (
        fake_realtime(refuse_after=1) as voice,
        media_world(tmp_path, voice.url, times=FAST_TIMES) as world,
    ):
        line, session = await talking(world, voice)
        await session.socket.close(1011, "internal error")
        assert (await world.said("hangup"))["reason"] == "provider_failed"
        assert (await world.ended())["reason"] == "provider_failed"
        assert line.kinds[-1] == HANG_UP
        heard = mulaw_encode(b"".join(line.heard))
        assert ONE_MOMENT_SOUND + line_sound(LineSentence.LINE_IS_LOST, "en") in heard


async def test_a_provider_that_never_greets_is_given_up(tmp_path: Path) -> None:
    async with (
        fake_realtime(greets=False) as voice,
        media_world(tmp_path, voice.url, times=CallTimes(reopen_s=0.3)) as world,
    ):
        line = await world.answer()
        assert (await world.ended())["reason"] == "voice_unavailable"
        assert ONE_MOMENT_SOUND in mulaw_encode(b"".join(line.heard))  # never a dead line
        assert len(await world.events("call.voice_lost")) == 2


async def test_nobody_listens_at_the_provider(tmp_path: Path) -> None:
    async with media_world(tmp_path, "ws://127.0.0.1:9/v1/realtime", times=FAST_TIMES) as world:
        line = await world.answer()
        assert (await world.ended())["reason"] == "voice_unavailable"
        assert line.kinds[-1] == HANG_UP


async def test_a_fatal_error_is_not_tried_again(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, times=FAST_TIMES) as world:
        _, session = await talking(world, voice)
        await session.send(
            "error", error={"type": "invalid_request_error", "code": "insufficient_quota", "message": "x"}
        )
        assert (await world.ended())["reason"] == "provider_failed"
        assert [session for session in voice.sessions if session.received] == [session]  # others are probes


async def test_refused_instructions_end_the_call_before_a_word(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, times=FAST_TIMES) as world:
        await world.answer()
        session = await voice.session()
        await session.begun()
        error = {"type": "invalid_request_error", "code": "invalid_value", "message": "x", "event_id": "session-full"}
        await session.send("error", error=error)
        assert (await world.ended())["reason"] == "provider_failed"


async def test_nonsense_is_counted_and_too_much_of_it_is_a_lost_session(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line, session = await talking(world, voice)
        for message in ("{", "[]", "null", '{"type": 7}', '{"type":"response.done"}', '{"type":"no.such.event"}'):
            await session.socket.send(message)
        await session.socket.send(b"\x00\x01")
        await session.send("response.output_audio.delta", response_id="r2", item_id="i", delta="not base64!")
        await session.speak("r3", "Still here.", speech(100))
        await line.wait(lambda: len(line.loud()) >= 8)
        for _ in range(30):
            await session.socket.send("nonsense")
        second = await voice.session(2)
        await second.begun()


async def test_a_fragmented_event_is_put_together(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        _, session = await talking(world, voice)

        async def parts() -> AsyncIterator[str]:
            yield '{"type":"response.output_item.done","item":{"type":"function_call",'
            yield '"status":"completed","call_id":"c1","name":"nothing",'
            yield '"arguments":"{}"}}'

        await session.socket.send(parts())
        await session.received_event("conversation.item.create")


async def test_a_failed_response_is_tried_again_once(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        _, session = await talking(world, voice)
        details = {
            "type": "failed",
            "error": {"type": "server_error", "code": "rate_limit_exceeded", "message": "slow"},
        }
        await session.begin_response("r2")
        await session.end_response("r2", "failed", status_details=details)
        await session.received_event("response.create", 2)
        await session.begin_response("r3")
        await session.end_response("r3", "failed", status_details=details)
        await voice.session(2)


# -- our own end


async def test_a_shutdown_closes_the_call_and_writes_its_rows(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line, _ = await talking(world, voice)
        [task] = [t for t in asyncio.all_tasks() if t.get_name() == "audiosocket-server"]
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.cancelled()
        await asyncio.wait_for(line.closed.wait(), 5)
        assert [turn.text for turn in await world.turns()] == ["Hello.", "Good morning."]
        assert (await world.row()).usage["responses"] == 1


async def test_the_telephony_side_ends_the_call(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line, session = await talking(world, voice)
        await world.tell("ended", status="COMPLETED")
        assert (await world.ended())["reason"] == "ended"
        await asyncio.wait_for(line.closed.wait(), 5)
        await asyncio.wait_for(session.closed.wait(), 5)


async def test_words_that_are_still_recognised_when_the_callee_hangs_up(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        line, session = await talking(world, voice)
        await session.callee_starts("u2", 900)
        await session.call_tool("r1", "c1", "nothing", {})
        await session.received_event("conversation.item.create")  # so the speech has arrived
        await line.hang_up()
        await session.received_event("input_audio_buffer.commit")
        await session.send("input_audio_buffer.committed", item_id="u2b", previous_item_id=None)
        await session.transcribe("u2b", "Goodbye.")
        await world.ended()
        assert [turn.text for turn in await world.turns()] == ["Hello.", "Good morning.", "Goodbye."]
