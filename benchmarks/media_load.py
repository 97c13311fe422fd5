"""The load generator of `benchmarks.media`, a process of its own: many Asterisks and a Realtime server on loopback.

Talks to its parent in JSON lines: prints its Realtime port, reads the AudioSocket port and the calls, runs the phases
(first word, first audio, barge-in, steady load), prints their figures. Its own lateness is reported beside them. A
certificate with its key (a PEM file) as the only argument: the Realtime server speaks TLS 1.3.
"""

from __future__ import annotations

import asyncio
import random
import re
import ssl
import struct
import sys
import time
from base64 import b64encode
from functools import partial
from typing import Any, cast
from uuid import UUID

import orjson
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

FRAME_S = 0.020
HEADER = struct.Struct("!BH")
SLIN8, NAME = 0x10, 0x01
LOUD_ULAW = bytes([0x10])
NOISE = HEADER.pack(SLIN8, 320) + struct.pack("<160h", *(random.randint(-9_000, 9_000) for _ in range(160)))
LINE_NAME = re.compile(rb'\\"name\\":\\"line-(\d+)\\"')
DELTA_MS = 100
SETTLED_S = 2.0
APPEND = re.compile(rb'\{"type": ?"input_audio_buffer\.append", ?"audio": ?"')
CREATE = re.compile(rb'\{"type": ?"response\.create"')


def event(kind: str, **fields: object) -> bytes:
    return orjson.dumps({"type": kind, "event_id": "e", **fields})


def delta(response: str, ms: int) -> bytes:
    return event(
        "response.output_audio.delta",
        response_id=response,
        item_id=f"{response}-item",
        output_index=0,
        content_index=0,
        delta=b64encode(LOUD_ULAW * 8 * ms).decode(),
    )


class Provider(WSListener):
    """One Realtime session. Speaks only when a phase wants it to; answers `response.create` with `on_create`."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.transport: WSTransport | None = None
        self.appends = 0
        self.appended_ms = 0.0
        self.count = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self.send(event("session.created", session={"type": "realtime"}))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        payload = frame.get_payload_as_bytes()
        append = APPEND.match(payload)
        if append:
            self.appends += 1
            self.appended_ms += (len(payload) - append.end() - 2) * 3 / 4 / 8  # base64 of 8 bytes a ms
            return
        name = LINE_NAME.search(payload)
        if name:
            self.load.providers[int(name.group(1))] = self
        elif CREATE.match(payload):
            self.say(200) if self.load.greeting else self.say(0)

    def send(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.send(WSMsgType.TEXT, data)

    def begin(self) -> str:
        self.count += 1
        response = f"r{self.count}"
        self.send(event("response.created", response={"id": response}))
        return response

    def finish(self, response: str) -> None:
        self.send(event("response.output_audio.done", response_id=response, item_id=f"{response}-item"))
        self.send(event("response.done", response={"id": response, "status": "completed", "output": []}))

    def say(self, ms: int) -> None:
        response = self.begin()
        if ms:
            self.send(delta(response, ms))
        self.finish(response)

    def callee_speaks(self) -> None:
        self.count += 1
        where = {"item_id": f"u{self.count}"}
        self.send(event("input_audio_buffer.speech_started", audio_start_ms=0, **where))
        self.send(event("input_audio_buffer.speech_stopped", audio_end_ms=0, **where))
        self.say(0)


class Line(asyncio.Protocol):
    """One Asterisk. Notes when frames come and whether they are loud."""

    def __init__(self, call_id: str) -> None:
        self.call_id = UUID(call_id)
        self.buffer = b""
        self.last_frame_s = 0.0
        self.gaps: list[float] | None = None
        self.frames = 0
        self.loud_frames = 0
        self.last_loud_s = 0.0
        self.wait_loud: asyncio.Future[float] | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclass of it
        self.transport.write(HEADER.pack(NAME, 16) + self.call_id.bytes)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self.buffer += data
        while len(self.buffer) >= 323:
            frame, self.buffer = self.buffer[:323], self.buffer[323:]
            self.frames += 1
            if self.gaps is not None and self.last_frame_s:
                self.gaps.append(now - self.last_frame_s)
            self.last_frame_s = now
            if frame[4] or frame[3]:
                self.loud_frames += 1
                self.last_loud_s = now
                if self.wait_loud is not None and not self.wait_loud.done():
                    self.wait_loud.set_result(now)

    async def first_loud(self, since_s: float) -> float:
        """Milliseconds from `since_s` to the next loud frame."""
        self.wait_loud = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(5):
            return (await self.wait_loud - since_s) * 1000


class Load:
    """The phases over all lines."""

    def __init__(self) -> None:
        self.providers: dict[int, Provider] = {}
        self.lines: list[Line] = []
        self.greeting = True
        self.lateness: list[float] = []

    async def first_words(self, port: int, calls: list[str]) -> list[float]:
        """Answer one call after the other: connection made to the first loud frame, the provider thinks 0 ms."""
        found = []
        for call_id in calls:
            line = Line(call_id)
            self.lines.append(line)
            since = time.perf_counter()
            waiting = asyncio.create_task(line.first_loud(since))
            await asyncio.sleep(0)
            await asyncio.get_running_loop().create_connection(partial(_same, line), "127.0.0.1", port)
            found.append(await waiting)
            await asyncio.sleep(random.uniform(0, FRAME_S))
        await asyncio.sleep(0.3)
        self.greeting = False
        return found

    async def first_audio(self, rounds: int) -> list[float]:
        return [value for _ in range(rounds) for value in await self._over_lines(self._one_first_audio)]

    async def barge_in(self) -> list[float]:
        return await self._over_lines(self._one_barge_in)

    async def steady(self, seconds: float) -> dict[str, Any]:
        """Both directions always busy."""
        loop = asyncio.get_running_loop()
        responses = [self.providers[number].begin() for number in range(len(self.lines))]
        for number, response in enumerate(responses):
            self.providers[number].send(delta(response, 300))
        self._start_counting()
        appended_ms, appends = self._appended()
        heard = sum(line.loud_frames for line in self.lines)
        start, ticks = loop.time(), 0
        while ticks * FRAME_S < seconds:
            ticks += 1
            await asyncio.sleep(max(0.0, start + ticks * FRAME_S - loop.time()))
            self.lateness.append(loop.time() - start - ticks * FRAME_S)
            for number, line in enumerate(self.lines):
                line.transport.write(NOISE)
                if ticks % (DELTA_MS // 20) == number % (DELTA_MS // 20):
                    self.providers[number].send(delta(responses[number], DELTA_MS))
        elapsed = loop.time() - start
        gaps = [gap * 1000 for line in self.lines for gap in line.gaps or ()]
        frames = elapsed / FRAME_S * len(self.lines)
        sent_ms, sent = self._appended()
        return {
            "gaps_ms": gaps,
            "lateness_ms": [late * 1000 for late in self.lateness],
            "delivered_in": (sent_ms - appended_ms) / (elapsed * 1000 * len(self.lines)),
            "append_ms": (sent_ms - appended_ms) / max(1, sent - appends),
            "delivered_out": (sum(line.loud_frames for line in self.lines) - heard) / frames,
            "closed_lines": sum(line.closed for line in self.lines),
        }

    def _appended(self) -> tuple[float, int]:
        """Audio that the provider was sent, in ms and in messages."""
        sessions = self.providers.values()
        return sum(session.appended_ms for session in sessions), sum(session.appends for session in sessions)

    def _start_counting(self) -> None:
        for line in self.lines:
            line.gaps, line.last_frame_s = [], 0.0

    async def _over_lines(self, measure: Any) -> list[float]:
        """Ten lines at once, at random moments."""
        found: list[float] = []
        for at in range(0, len(self.lines), 10):
            numbers = range(at, min(at + 10, len(self.lines)))
            found += await asyncio.gather(*(measure(number) for number in numbers))
        return found

    async def _one_first_audio(self, number: int) -> float:
        provider, line = self.providers[number], self.lines[number]
        provider.callee_speaks()
        await asyncio.sleep(0.05 + random.uniform(0, FRAME_S))
        response = provider.begin()
        since = time.perf_counter()
        provider.send(delta(response, 60))
        provider.finish(response)
        took = await line.first_loud(since)
        await asyncio.sleep(0.1)
        return took

    async def _one_barge_in(self, number: int) -> float:
        provider, line = self.providers[number], self.lines[number]
        response = provider.begin()
        provider.send(delta(response, 3_000))
        await asyncio.sleep(0.3 + random.uniform(0, FRAME_S))
        since = time.perf_counter()
        provider.callee_speaks()
        await asyncio.sleep(0.2)
        return max(0.0, (line.last_loud_s - since) * 1000)


def _same(line: Line) -> Line:
    return line


def tell(**fields: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(fields) + b"\n")
    sys.stdout.flush()


async def read_line() -> dict[str, Any]:
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.readline)
    if not line:
        raise SystemExit(1)  # the parent is gone
    return dict(orjson.loads(line))


async def main() -> None:
    load = Load()
    tls = None
    if len(sys.argv) > 1:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.minimum_version = ssl.TLSVersion.TLSv1_3
        tls.load_cert_chain(sys.argv[1])
    server = await ws_create_server(lambda _request: Provider(load), "127.0.0.1", 0, ssl=tls)
    tell(realtime_port=server.sockets[0].getsockname()[1])
    order = await read_line()
    tell(phase="first_word_ms", values=await load.first_words(order["port"], order["calls"]))
    tell(phase="first_audio_ms", values=await load.first_audio(order["rounds"]))
    tell(phase="barge_in_stop_ms", values=await load.barge_in())
    await asyncio.sleep(SETTLED_S)  # what callees said last is in doubt for a second, and would cut what is said next
    tell(phase="steady_begins")
    await read_line()
    tell(phase="steady", **await load.steady(order["seconds"]))
    await read_line()
    server.close()


if __name__ == "__main__":
    uvloop.run(main())
