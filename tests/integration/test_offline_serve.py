"""`opendeep offline serve` as a process, used by clients that know nothing of us: the vendor's SDK, a plain socket."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from opendeep.offline import g711
from opendeep.offline.minds.small_talk import GREETING, NOT_UNDERSTOOD
from opendeep.offline.server import OfflineServer
from opendeep.offline.speech.synthesizer import LocalSynthesizer, discover_engines
from tests.unit.offline.realtime.harness import SERVER_EVENTS
from tests.unit.offline.realtime.test_connection import FakeEngines

DEADLINE_S = 120.0
TAIL_MS = 900
CLOCK = {
    "type": "function",
    "name": "tell_opening_hours",
    "description": "Opening hours of the practice.",
    "parameters": {"type": "object", "properties": {}},
}

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Served:
    """A serving process: the lines it printed, and its address."""

    def __init__(self, process: asyncio.subprocess.Process, lines: list[str]) -> None:
        self.process = process
        self.lines = lines
        self.url = lines[-1].removeprefix("OPENDEEP offline ready ")
        self.base_url = self.url.replace("ws://", "http://").removesuffix("/realtime")

    def recogniser(self) -> psutil.Process:
        """The process that understands speech."""
        [worker] = [
            child
            for child in psutil.Process(self.process.pid).children()
            if "speech.worker" in " ".join(child.cmdline())
        ]
        return worker


async def start(folder: Path) -> Served:
    settings = {key: value for key, value in os.environ.items() if not key.startswith("OFFLINE_")}
    settings["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, sys.path))  # the child starts in another folder
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "opendeep", "offline", "serve", "--port", "0",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=folder, env=settings,
    )  # fmt: skip
    lines: list[str] = []
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        while not (lines and lines[-1].startswith("OPENDEEP offline ready ")):
            line = await process.stdout.readline()
            assert line, "the server ended before it was ready"
            lines.append(line.decode().rstrip())
    return Served(process, lines)


async def stop(served: Served) -> int:
    served.process.send_signal(signal.SIGINT)
    async with asyncio.timeout(DEADLINE_S):
        return await served.process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    served = await start(tmp_path_factory.mktemp("serve"))
    yield served
    if served.process.returncode is None:
        served.process.kill()
        await served.process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def voice() -> AsyncIterator[LocalSynthesizer]:
    """The voice of whoever calls the server."""
    voice = LocalSynthesizer(await asyncio.to_thread(discover_engines))
    yield voice
    await voice.close()


class Stranger:
    """A client as somebody else would write it: JSON over a WebSocket, every event checked against the SDK's types."""

    def __init__(self, connection: Any, voice: LocalSynthesizer, rate: int = 24_000) -> None:
        self._connection = connection
        self._voice = voice
        self._rate = rate
        self.seen: list[dict[str, Any]] = []

    async def send(self, kind: str, **fields: Any) -> None:
        text = orjson.dumps({"type": kind, **fields}).decode()
        await (
            self._connection.send(text)
            if isinstance(self._connection, ClientConnection)
            else self._connection.send_raw(text)
        )

    async def say(self, text: str, *, tail_ms: int = TAIL_MS, encode: Callable[[bytes], bytes] = bytes) -> None:
        pcm = await self._voice.synthesize(text, sample_rate=self._rate)
        quiet = bytes(self._rate // 1_000 * 2)
        wire = encode(quiet * 200 + pcm + quiet * tail_ms)
        for start in range(0, len(wire), 9_600):
            await self.send("input_audio_buffer.append", audio=base64.b64encode(wire[start : start + 9_600]).decode())

    async def until(self, kind: str) -> dict[str, Any]:
        """The next event of that type."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                raw = await (
                    self._connection.recv()
                    if isinstance(self._connection, ClientConnection)
                    else self._connection.recv_bytes()
                )
                SERVER_EVENTS.validate_json(raw)
                event: dict[str, Any] = orjson.loads(raw)
                self.seen.append(event)
                assert event["type"] != "error" or kind == "error", event
                if event["type"] == kind:
                    return event

    async def answer(self) -> str:
        """What the next response says; its calls are in `seen`."""
        response = (await self.until("response.done"))["response"]
        parts = [part for item in response["output"] for part in item.get("content", ())]
        return " ".join(part.get("transcript") or part.get("text") or "" for part in parts)


@pytest.mark.natural_voice
async def test_the_sdk_holds_a_whole_conversation(served: Served, voice: LocalSynthesizer) -> None:
    """Greeting, spoken words, barge-in with truncate, a tool call and its follow-up: server turn detection, 24 kHz."""
    async with (
        AsyncOpenAI(base_url=served.base_url, api_key="none") as client,
        client.realtime.connect(model="gpt-realtime-2.1") as connection,
    ):
        caller = Stranger(connection, voice)
        await caller.until("session.created")
        transcription: Any = {"transcription": {"model": "gpt-transcribe"}}
        tools: Any = [CLOCK]
        await connection.session.update(session={"type": "realtime", "audio": {"input": transcription}, "tools": tools})
        await caller.until("session.updated")
        await connection.response.create()
        assert await caller.answer() == GREETING
        await caller.say("yes tuesday at ten works for me")
        heard = await caller.until("conversation.item.input_audio_transcription.completed")
        assert "yes tuesday at ten" in heard["transcript"]
        assert await caller.answer() == f"I understood: {heard['transcript']}."
        await connection.response.create()
        item_id = (await caller.until("response.output_audio.delta"))["item_id"]
        await connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=100)
        await caller.until("conversation.item.truncated")
        await caller.say("please tell me the opening hours")
        call = await caller.until("response.function_call_arguments.done")
        assert call["name"] == "tell_opening_hours"
        await caller.until("response.done")
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": '{"hours": "nine to five"}'}
        await connection.conversation.item.create(item=output)  # type: ignore[arg-type]
        await connection.response.create()
        assert await caller.answer() == "The answer of tell opening hours is: hours nine to five."


@pytest.mark.natural_voice
async def test_speech_over_the_voice_stops_it(served: Served, voice: LocalSynthesizer) -> None:
    async with connect(served.url) as connection:
        caller = Stranger(connection, voice)
        content = [{"type": "input_text", "text": "word " * 70}]
        await caller.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await caller.send("response.create")
        await caller.until("response.output_audio.delta")
        await caller.say("hello who is this please")
        await caller.until("input_audio_buffer.speech_started")
        done = (await caller.until("response.done"))["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        assert (await caller.answer()).startswith("I am the offline voice")


@pytest.mark.natural_voice
async def test_a_plain_socket_takes_turns_by_hand_in_a_law(served: Served, voice: LocalSynthesizer) -> None:
    pcma = {"format": {"type": "audio/pcma"}}
    async with connect(served.url) as connection:
        caller = Stranger(connection, voice, rate=8_000)
        session = {"type": "realtime", "audio": {"input": {**pcma, "turn_detection": None}, "output": pcma}}
        await caller.send("session.update", session=session)
        await caller.say("yes tuesday at ten works for me", encode=g711.linear_to_alaw)
        await caller.send("input_audio_buffer.commit")
        await caller.send("response.create", response={"metadata": {"turn": "1"}})
        assert "yes tuesday at ten" in await caller.answer()
        delta = next(event for event in caller.seen if event["type"] == "response.output_audio.delta")
        assert max(abs(byte - 0x55) for byte in base64.b64decode(delta["delta"])) > 0
        assert len(base64.b64decode(delta["delta"])) == 8 * 200
        assert caller.seen[-1]["response"]["metadata"] == {"turn": "1"}


@pytest.mark.natural_voice
async def test_a_recogniser_that_dies_in_an_utterance_is_replaced(served: Served, voice: LocalSynthesizer) -> None:
    """Stopped while it decodes, so that the kill surely falls into the utterance."""
    async with connect(served.url) as connection:
        caller = Stranger(connection, voice)
        wish = {"input": {"transcription": {"model": "any"}}}
        await caller.send("session.update", session={"type": "realtime", "audio": wish})
        await caller.say("yes tuesday at ten works for me")
        assert "yes tuesday at ten" in await caller.answer()
        worker = served.recogniser()
        worker.suspend()
        await caller.say("yes tuesday at ten works for me")
        await caller.until("response.created")
        worker.kill()  # all that it was asked before is answered, so what is lost is this utterance
        heard = await caller.until("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == ""
        assert await caller.answer() == NOT_UNDERSTOOD
        await caller.say("yes tuesday at ten works for me")
        assert "yes tuesday at ten" in await caller.answer()
        assert served.recogniser().pid != worker.pid


async def test_sessions_at_once_keep_apart(served: Served, voice: LocalSynthesizer) -> None:
    async def converse(number: int) -> str:
        async with connect(served.url) as connection:
            caller = Stranger(connection, voice)
            content = [{"type": "input_text", "text": f"I am caller {number}"}]
            await caller.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
            await caller.send("response.create")
            return await caller.answer()

    answers = await asyncio.gather(*(converse(number) for number in range(6)))
    assert answers == [f"I understood: I am caller {number}." for number in range(6)]


async def test_a_mistake_names_the_clients_event_and_the_session_goes_on(
    served: Served, voice: LocalSynthesizer
) -> None:
    async with connect(served.url) as connection:
        caller = Stranger(connection, voice)
        await caller.send("session.update", event_id="mine", session={"type": "realtime", "temperature": 0.8})
        error = (await caller.until("error"))["error"]
        assert (error["code"], error["param"], error["event_id"]) == (
            "unknown_parameter",
            "session.temperature",
            "mine",
        )
        await caller.send("session.update", session={"type": "realtime", "output_modalities": ["text"]})
        await caller.until("session.updated")
        await caller.send("response.create")
        assert await caller.answer() == GREETING


async def test_it_says_what_runs_listens_on_this_machine_only_and_ends_cleanly(served: Served) -> None:
    assert served.url.startswith("ws://127.0.0.1:")
    assert any(line.startswith("ok") and "recogniser" in line for line in served.lines)
    assert any("faster-whisper" in line and "pip install" in line for line in served.lines)
    assert not any(line.startswith("warn") for line in served.lines)
    port = int(served.url.split(":")[2].split("/")[0])
    listening = [place for place in psutil.Process(served.process.pid).net_connections() if place.status == "LISTEN"]
    assert [(place.laddr.ip, place.laddr.port) for place in listening] == [("127.0.0.1", port)]


async def test_without_the_key_the_handshake_is_refused_and_sessions_are_bounded() -> None:
    shown = {"Authorization": "Bearer sesame"}
    async with OfflineServer(engines=FakeEngines(), api_key="sesame", max_sessions=1, text_routes=()) as server:
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.realtime_url)
        assert refused.value.response.status_code == 401
        async with connect(server.realtime_url, additional_headers=shown) as first:
            await first.recv()
            browser = [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.sesame")]
            async with connect(server.realtime_url, subprotocols=browser) as second:
                assert second.subprotocol == "realtime"
                with pytest.raises(ConnectionClosed) as closed:
                    await second.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013


async def test_ctrl_c_ends_it_with_zero_also_while_somebody_talks(served: Served) -> None:
    async with connect(served.url) as connection:
        await connection.recv()
        assert await stop(served) == 0
        with pytest.raises(ConnectionClosed):
            await connection.recv()
