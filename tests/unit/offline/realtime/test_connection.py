"""The shell around a session: pacing, cancelling, engines that fail, expiry. Fakes at the wire and at the engines."""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from opendeep.offline import g711
from opendeep.offline.realtime.connection import LEAD_MS, ConnectionLimits, Pacer, RealtimeConnection
from opendeep.offline.realtime.ports import Disconnected
from opendeep.offline.realtime.settings import TurnSettings
from opendeep.offline.speech.types import Recognition
from tests.unit.offline.briefs import instructions
from tests.unit.offline.realtime.harness import SERVER_EVENTS, TOOLS, LoudnessActivity, silence, tone

DEADLINE_S = 60.0
PCMU = {"format": {"type": "audio/pcmu"}}
SESSION = {
    "type": "realtime",
    "instructions": instructions(),
    "tools": TOOLS,
    "audio": {"input": {**PCMU, "transcription": {"model": "x"}}, "output": PCMU},
}


class FakeEngines:
    """Speaks a tone as long as the text, understands what it is told to."""

    def __init__(self) -> None:
        self.synthesizer = self
        self.recognizer = self
        self.name = "fake"
        self.understands: list[str | Exception] = []
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.spoken: list[tuple[str, str | None, int]] = []
        self.prepared: list[tuple[str, tuple[str, ...]]] = []
        self.mute: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def synthesize(self, text: str, *, voice: str | None = None, sample_rate: int = 8_000) -> bytes:
        await self.gate.wait()
        if self.mute:
            raise self.mute
        self.spoken.append((text, voice, sample_rate))
        return bytes(sample_rate // 50 * 2 * len(text) // 2)

    async def prepare(self, *, expects: str = "any", hints: tuple[str, ...] = ()) -> None:
        self.prepared.append((expects, hints))

    async def recognize(
        self, pcm: bytes, *, sample_rate: int = 8_000, expects: str = "any", hints: tuple[str, ...] = ()
    ) -> Recognition:
        self.asked.append((expects, hints))
        words = self.understands.pop(0)
        if isinstance(words, Exception):
            raise words
        return Recognition(words, 0.9, (), ())

    def voice_activity(
        self, *, threshold: float, prefix_padding_ms: int, silence_duration_ms: int, sample_rate: int
    ) -> LoudnessActivity:
        assert sample_rate == 8_000
        return LoudnessActivity(TurnSettings(threshold, prefix_padding_ms, silence_duration_ms))


class FakeSocket:
    """Both ends of a WebSocket in memory."""

    def __init__(self) -> None:
        self.to_server: asyncio.Queue[str | None] = asyncio.Queue()
        self.events: list[dict[str, Any]] = []
        self.changed = asyncio.Condition()
        self.closed: tuple[int, str] | None = None
        self.gone = asyncio.Event()

    async def receive(self) -> str:
        message = await self.to_server.get()
        if message is None:
            raise Disconnected
        return message

    async def send(self, text: str) -> None:
        SERVER_EVENTS.validate_json(text)
        async with self.changed:
            self.events.append(orjson.loads(text))
            self.changed.notify_all()

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)
        self.gone.set()
        self.to_server.put_nowait(None)

    def client_sends(self, kind: str, **fields: Any) -> None:
        self.to_server.put_nowait(orjson.dumps({"type": kind, **fields}).decode())

    def client_speaks(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 640):
            wire = g711.linear_to_ulaw(pcm[start : start + 640])
            self.client_sends("input_audio_buffer.append", audio=base64.b64encode(wire).decode())

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first event that fits, from now on or before."""
        async with asyncio.timeout(DEADLINE_S), self.changed:
            await self.changed.wait_for(lambda: any(wanted(event) for event in self.events))
        return next(event for event in self.events if wanted(event))

    async def done(self, number: int = 1) -> dict[str, Any]:
        """The `number`th `response.done`."""
        async with asyncio.timeout(DEADLINE_S), self.changed:
            await self.changed.wait_for(lambda: len(self.of("response.done")) >= number)
        response: dict[str, Any] = self.of("response.done")[number - 1]["response"]
        return response

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]


@asynccontextmanager
async def connected(
    engines: FakeEngines | None = None, *, pace: float = math.inf, lifetime_s: float = 3_600.0
) -> AsyncIterator[tuple[FakeSocket, FakeEngines]]:
    engines, socket = engines or FakeEngines(), FakeSocket()
    limits = ConnectionLimits(lifetime_s=lifetime_s, pace=pace)
    connection = RealtimeConnection(socket, engines, model="m", stem="test", now_s=1_000.0, limits=limits)
    running = asyncio.create_task(connection.run(), name="connection-under-test")
    socket.client_sends("session.update", session=SESSION)
    yield socket, engines
    socket.to_server.put_nowait(None)
    async with asyncio.timeout(DEADLINE_S):
        await running


async def test_a_turn_from_sound_to_sound() -> None:
    async with connected() as (socket, engines):
        engines.understands = ["hello"]
        socket.client_sends("response.create")
        await socket.done()
        socket.client_speaks(tone(400) + silence(600))
        response = await socket.done(2)
    assert "Does Tuesday at ten work for you?" in response["output"][0]["content"][0]["transcript"]
    assert engines.asked == [("any", ("Harbour Dental Practice", "facilities"))]
    assert all(voice is None and rate == 8_000 for _, voice, rate in engines.spoken)
    completed = socket.of("conversation.item.input_audio_transcription.completed")
    assert [event["transcript"] for event in completed] == ["hello"]


async def test_the_recogniser_is_told_what_the_question_expects() -> None:
    async with connected() as (socket, engines):
        engines.understands = ["hello", "yes that works"]
        socket.client_sends("response.create")
        await socket.done()
        for number in (2, 3):
            socket.client_speaks(tone(400) + silence(600))
            response = await socket.done(number)
    assert engines.asked[1] == ("yes_no", ())
    assert engines.prepared[:2] == [("any", ("Harbour Dental Practice", "facilities")), ("yes_no", ())]
    assert response["output"][1]["name"] == "end_call"


async def test_a_callee_who_interrupts_stops_the_voice_and_no_event_is_lost() -> None:
    async with connected(pace=1.0) as (socket, engines):
        engines.understands = ["hello", "yes hello"]
        socket.client_sends("response.create")
        await socket.done()
        socket.client_speaks(tone(400) + silence(600))
        await socket.until(lambda _: len(socket.of("response.created")) == 2)
        response_id = socket.of("response.created")[1]["response"]["id"]
        await socket.until(
            lambda event: event["type"] == "response.output_audio.delta" and event["response_id"] == response_id
        )
        socket.client_speaks(tone(100))
        response = await socket.done(2)
        assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        socket.client_speaks(silence(700))
        again = await socket.done(3)
    assert again["output"][0]["content"][0]["transcript"].startswith("This is an AI assistant")
    mine = [event for event in socket.events if event.get("response_id") == response_id]
    assert [event["type"] for event in mine][-4:] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
    ]
    numbers = [int(event["event_id"].rsplit("_", 1)[1]) for event in socket.events]
    assert numbers == sorted(numbers)


async def test_a_voice_that_fails_ends_the_response_and_not_the_session() -> None:
    async with connected() as (socket, engines):
        engines.mute = OSError("no voice")
        socket.client_sends("response.create")
        response = await socket.done()
        assert response["status"] == "failed"
        assert response["status_details"]["error"]["code"] == "offline_voice_failed"
        engines.mute = None
        socket.client_sends("response.create")
        assert (await socket.done(2))["status"] == "completed"


async def test_what_comes_first_is_ready_before_it_is_needed() -> None:
    async with connected() as (socket, engines):
        await socket.until(lambda event: event["type"] == "session.updated")
        async with asyncio.timeout(DEADLINE_S):
            while len(engines.spoken) < 4:  # noqa: ASYNC110 - the engine is a fake without events
                await asyncio.sleep(0)
    assert [text for text, _, _ in engines.spoken] == [
        "Hello.",
        "This is an AI assistant calling on behalf of Maria Keller.",
        "I am calling to arrange the yearly boiler inspection.",
        "Does Tuesday at ten work for you?",
    ]


async def test_a_recogniser_that_fails_is_an_utterance_not_understood() -> None:
    async with connected() as (socket, engines):
        engines.understands = [RuntimeError("worker died")]
        socket.client_sends("response.create")
        await socket.done()
        socket.client_speaks(tone(400) + silence(600))
        response = await socket.done(2)
    assert "This is an AI assistant" in response["output"][0]["content"][0]["transcript"]
    assert len(socket.of("conversation.item.input_audio_transcription.failed")) == 1


async def test_free_instructions_out_of_band_fail_and_say_why() -> None:
    async with connected() as (socket, _):
        socket.client_sends("response.create", response={"conversation": "none", "instructions": "Classify the call."})
        response = await socket.done()
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["code"] == "offline_no_model"


async def test_a_message_waits_for_the_beep() -> None:
    async with connected() as (socket, engines):
        engines.understands = ["please leave a message after the tone"]
        socket.client_sends("response.create")
        await socket.done()
        socket.client_speaks(tone(400) + silence(600))
        await socket.until(lambda event: event["type"].endswith("transcription.completed"))
        assert len(socket.of("response.done")) == 1
        socket.client_speaks(tone(300, 1_000, level=450) + silence(200))
        response = await socket.done(2)
    assert response["output"][0]["content"][0]["transcript"] == "Hello, this is a message for Harbour Dental."
    assert response["output"][1]["arguments"] == '{"reason":"voicemail","note":"leave_message"}'


async def test_a_greeting_that_goes_on_holds_the_message_back() -> None:
    async with connected() as (socket, engines):
        engines.understands = ["please leave a message after the tone", "we will get back to you"]
        socket.client_sends("response.create")
        await socket.done()
        socket.client_speaks(tone(400) + silence(600))
        await socket.until(lambda event: event["type"].endswith("transcription.completed"))
        socket.client_speaks(tone(400))
        assert (await socket.done(2))["status"] == "cancelled"
        socket.client_speaks(silence(2_600))
        response = await socket.done(3)
    assert response["output"][1]["name"] == "end_call"
    assert [text for text, _, _ in engines.spoken].count("Hello, this is a message for Harbour Dental.") == 1


async def test_a_long_append_is_heard_in_full() -> None:
    async with connected() as (socket, engines):
        engines.understands = ["hello", "hello"]
        wire = g711.linear_to_ulaw((silence(9_000) + tone(400) + silence(600)) * 2)
        socket.client_sends("input_audio_buffer.append", audio=base64.b64encode(wire).decode())
        await socket.until(lambda event: len(socket.of("input_audio_buffer.committed")) == 2)


async def test_a_session_expires_with_an_error_and_the_vendors_close_code() -> None:
    async with connected(lifetime_s=0.05) as (socket, _):
        error = await socket.until(lambda event: event["type"] == "error")
        assert error["error"]["code"] == "session_expired"
        async with asyncio.timeout(DEADLINE_S):
            await socket.gone.wait()
    assert socket.closed is not None
    assert socket.closed[0] == 1001


async def test_a_client_that_leaves_takes_all_tasks_along() -> None:
    engines = FakeEngines()
    engines.gate.clear()
    async with connected(engines) as (socket, _):
        socket.client_sends("response.create")
        await socket.until(lambda event: event["type"] == "response.created")
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("realtime-")]


def test_audio_leaves_in_advance_then_at_the_pace() -> None:
    pacer = Pacer(2.0)
    delays = [pacer.delay_s(100.0, 200.0) for _ in range(5)]
    assert delays[: LEAD_MS // 200 + 1] == [0.0] * (LEAD_MS // 200 + 1)
    assert delays[3:] == pytest.approx([0.1, 0.2])
    assert pacer.delay_s(200.0, 200.0) == 0.0


async def test_a_faster_voice_takes_less_time() -> None:
    lengths = []
    for speed in (1.0, 1.5):
        async with connected() as (socket, _):
            output = {"format": {"type": "audio/pcmu"}, "speed": speed}
            socket.client_sends("session.update", session={"type": "realtime", "audio": {"output": output}})
            wish = {"conversation": "none", "instructions": "Say exactly: The line works, it works."}
            socket.client_sends("response.create", response=wish)
            await socket.done()
            lengths.append(
                sum(len(base64.b64decode(event["delta"])) for event in socket.of("response.output_audio.delta"))
            )
    assert lengths[1] < lengths[0]
