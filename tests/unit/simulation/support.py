"""Partners for the simulated switch in tests: speech engines that need no engine, an AMI client, an AudioSocket server.

The client and the server are written from the protocol pages, with code of their own, so that they prove something.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from opendeep.simulation import Callee, SimulatedSwitch
from opendeep.simulation.speech_seam import LineRecognizer, LineSynthesizer
from opendeep.simulation.ticker import ManualTicker

DEADLINE_S = 60.0
FRAME = 320
USERNAME, SECRET = "tester", "hush"
Packet = list[tuple[str, str]]


@dataclass(frozen=True)
class Understood:
    text: str


class FakeEngines:
    """Says a sentence as a buzz (60 ms a word) whose first sample numbers it, and understands its own sentences."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.voices: list[str | None] = []

    async def synthesize(self, text: str, *, voice: str | None = None, sample_rate: int = 8000) -> bytes:
        self.voices.append(voice)
        return self.speech(text)

    def speech(self, text: str, ms: int | None = None) -> bytes:
        if text not in self.sentences:
            self.sentences.append(text)
        count = (ms or 60 * len(text.split()) + 60) * 8
        wave = np.where(np.arange(count) % 16 < 8, 5000, -5000).astype("<i2")
        wave[::160] = 20_000 + self.sentences.index(text)
        return wave.tobytes()

    def spoken(self, pcm: bytes) -> list[str]:
        """Return the sentences that begin in `pcm`, in order."""
        samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2")
        numbers = [int(value) - 20_000 for value in samples[samples >= 20_000]]
        found: list[str] = []
        for number in numbers:
            if not found or found[-1] != self.sentences[number]:
                found.append(self.sentences[number])
        return found

    async def recognize(
        self, pcm: bytes, *, sample_rate: int = 8000, expects: str = "any", hints: tuple[str, ...] = ()
    ) -> Understood:
        return Understood(" ".join(self.spoken(pcm)))


class AmiTester:
    """A raw AMI client: remembers every packet in order and waits for one with a deadline."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._changed = asyncio.Condition()
        self._numbers = 0
        self.banner = ""
        self.packets: list[Packet] = []
        self.closed = False
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        self.banner = (await self._reader.readline()).decode()
        self._task = asyncio.create_task(self._read(), name="ami-tester")

    async def _read(self) -> None:
        packet: Packet = []
        with suppress(ConnectionError):
            while line := await self._reader.readline():
                name, _, value = line.decode().rstrip("\r\n").partition(": ")
                if name:
                    packet.append((name, value))
                    continue
                async with self._changed:
                    self.packets.append(packet)
                    self._changed.notify_all()
                packet = []
        async with self._changed:
            self.closed = True
            self._changed.notify_all()

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def wait(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(holds)

    async def send(self, action: str, *headers: tuple[str, str]) -> dict[str, str]:
        """Send one action and return its response."""
        self._numbers += 1
        identity = f"t{self._numbers}"
        lines = [f"Action: {action}", f"ActionID: {identity}", *(f"{name}: {value}" for name, value in headers)]
        await self.write(("\r\n".join(lines) + "\r\n\r\n").encode())

        def found() -> list[dict[str, str]]:
            packets = [dict(packet) for packet in self.packets]
            return [p for p in packets if "Response" in p and "Event" not in p and p.get("ActionID") == identity]

        await self.wait(found)
        return found()[0]

    async def login(self, secret: str = SECRET, *headers: tuple[str, str]) -> dict[str, str]:
        return await self.send("Login", ("Username", USERNAME), ("Secret", secret), *headers)

    async def originate(self, channel: str, call_id: str, *headers: tuple[str, str]) -> dict[str, str]:
        fixed = [("Channel", channel), ("ChannelId", call_id), ("Async", "true")]
        if not any(name == "Application" for name, _ in headers):
            fixed.append(("Application", "AudioSocket"))
        return await self.send("Originate", *fixed, *headers)

    def events(self, name: str = "", uniqueid: str = "") -> list[dict[str, str]]:
        """Return the events so far, optionally only those with this name and about this channel."""
        found = [dict(packet) for packet in self.packets if packet and packet[0][0] == "Event"]
        if name:
            found = [event for event in found if event["Event"] == name]
        if uniqueid:
            found = [event for event in found if uniqueid in (event.get("Uniqueid"), event.get("DestUniqueid"))]
        return found

    def names(self, uniqueid: str) -> list[str]:
        return [event["Event"] for event in self.events(uniqueid=uniqueid)]

    async def close(self) -> None:
        self._writer.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@dataclass
class PeerCall:
    """One AudioSocket connection as our server sees it."""

    writer: asyncio.StreamWriter
    call_id: uuid.UUID | None = None
    frames: list[bytes] = field(default_factory=list)
    digits: str = ""
    kinds: list[int] = field(default_factory=list)
    closed: bool = False

    @property
    def pcm(self) -> bytes:
        return b"".join(self.frames)

    def say(self, frame: bytes) -> None:
        self.writer.write(b"\x10\x01\x40" + frame)

    def write(self, data: bytes) -> None:
        self.writer.write(data)


class AudioPeer:
    """An AudioSocket server that keeps what it gets."""

    def __init__(self) -> None:
        self.calls: list[PeerCall] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        call = PeerCall(writer)
        self.calls.append(call)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readexactly(3)
                payload = await reader.readexactly(int.from_bytes(head[1:], "big"))
                async with self._changed:
                    self._take(call, head[0], payload)
                    self._changed.notify_all()
        writer.close()
        async with self._changed:
            call.closed = True
            self._changed.notify_all()

    @staticmethod
    def _take(call: PeerCall, kind: int, payload: bytes) -> None:
        call.kinds.append(kind)
        if kind == 0x01:
            call.call_id = uuid.UUID(bytes=payload)
        elif kind == 0x03:
            call.digits += payload.decode()
        elif kind == 0x10:
            call.frames.append(payload)

    async def wait(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(holds)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _has_frames(call: PeerCall, count: int) -> bool:
    return len(call.frames) >= count or call.closed


@dataclass
class World:
    """A switch with a clock that the test moves, its engines, one logged-in client and an AudioSocket server."""

    switch: SimulatedSwitch
    ticker: ManualTicker
    engines: FakeEngines
    ami: AmiTester
    peer: AudioPeer

    def data(self, call_id: str) -> tuple[str, str]:
        return ("Data", f"{call_id},127.0.0.1:{self.peer.port}")

    async def client(self) -> AmiTester:
        reader, writer = await asyncio.open_connection(*self.switch.ami_address)
        client = AmiTester(reader, writer)
        await client.begin()
        return client

    async def dial(self, channel: str, *headers: tuple[str, str]) -> str:
        call_id = str(uuid.uuid4())
        response = await self.ami.originate(channel, call_id, self.data(call_id), *headers)
        assert response["Response"] == "Success", response
        return call_id

    async def answered(self, channel: str, *headers: tuple[str, str]) -> tuple[str, PeerCall]:
        """Dial and let it ring until the AudioSocket connection stands."""
        before = len(self.peer.calls)
        call_id = await self.dial(channel, *headers)
        await self.ami.wait(lambda: self.ami.events("DialBegin", call_id))
        for _ in range(400):
            if any(call.call_id == call_id and call.phase == "up" for call in self.switch.calls()):
                break
            self.ticker.advance(20)
        await self.peer.wait(lambda: len(self.peer.calls) > before and self.peer.calls[-1].call_id is not None)
        return call_id, self.peer.calls[-1]

    async def talk(self, call: PeerCall, pcm: bytes) -> bytes:
        """Say `pcm` (20 ms a tick, silence when empty) and return what was heard meanwhile, in step with the switch."""
        begin = len(call.frames)
        for offset in range(0, len(pcm), FRAME):
            call.say(pcm[offset : offset + FRAME].ljust(FRAME, b"\0"))
            self.ticker.advance(20)
            expected = begin + offset // FRAME + 1
            await self.peer.wait(partial(_has_frames, call, expected))
            if call.closed:
                break
        return b"".join(call.frames[begin:])

    async def listen(self, call: PeerCall, ms: int) -> bytes:
        return await self.talk(call, bytes(ms * 16))


@asynccontextmanager
async def world(
    callees: list[Callee] | None = None,
    speech: tuple[LineSynthesizer, LineRecognizer] | None = None,
    **options: object,
) -> AsyncIterator[World]:
    """Start everything; `speech` replaces the fake engines, `options` go to the switch."""
    ticker, engines, peer = ManualTicker(), FakeEngines(), AudioPeer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    synthesizer, recognizer = speech or (engines, engines)
    switch = SimulatedSwitch(
        synthesizer=synthesizer,
        recognizer=recognizer,
        username=USERNAME,
        secret=SECRET,
        callees=callees,
        ticker=ticker,
        **options,  # type: ignore[arg-type]
    )
    async with switch:
        reader, writer = await asyncio.open_connection(*switch.ami_address)
        ami = AmiTester(reader, writer)
        await ami.begin()
        await ami.login()
        try:
            yield World(switch, ticker, engines, ami, peer)
        finally:
            await ami.close()
            await peer.close()
            server.close()
            await server.wait_closed()
