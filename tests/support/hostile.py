"""Providers that misbehave on purpose: a Realtime server and a relay before the text model. Nothing of the product.

A test chooses how, and changes its mind while the product runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

MEGABYTE = 1_000_000
OVERSIZED = 9 * MEGABYTE  # more than any event may have
MANY = 30
TALK_MS = 900
OBJECT = re.compile(r"<call_brief>\s*(\{.*\})\s*</call_brief>", re.DOTALL)


class Greeting(StrEnum):
    """How a connection begins."""

    GREETS = "greets"
    REFUSES = "refuses the key"
    CLOSES = "closes at once"
    SAYS_NOTHING = "says nothing at all"


class Manner(StrEnum):
    """What happens once the instructions of a call are known."""

    CLOSES = "closes"
    STALLS = "stalls"
    NOT_JSON = "is not JSON"
    WRONG_TYPES = "has wrong types"
    GARBAGE = "is a megabyte of garbage"
    OVERSIZED = "is larger than allowed"
    UNKNOWN = "has unknown events only"
    TALKS = "hears the callee say yes and ends the call"


@dataclass
class HostileRealtime:
    """`manners` by the contact's name; `greeting` holds for new connections."""

    url: str = ""
    greeting: Greeting = Greeting.GREETS
    manners: dict[str, Manner] = field(default_factory=dict)
    connections: int = 0

    async def _check(self, socket: ServerConnection, _: Request) -> Response | None:
        self.connections += 1
        if self.greeting is Greeting.REFUSES:
            return socket.respond(HTTPStatus.UNAUTHORIZED, "no such key\n")
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            match self.greeting:
                case Greeting.CLOSES:
                    await socket.close(1011, "going away")
                case Greeting.SAYS_NOTHING:
                    await socket.wait_closed()
                case _:
                    await _send(socket, "session.created", session={"type": "realtime", "id": "sess-1"})
                    await self._misbehave(socket, await _contact(socket))

    async def _misbehave(self, socket: ServerConnection, contact: str) -> None:
        await _MANNERS[self.manners[contact]](socket)
        async for _ in socket:  # take what comes, answer nothing
            pass


@contextlib.asynccontextmanager
async def hostile_realtime() -> AsyncIterator[HostileRealtime]:
    """Serve on a free port."""
    server = HostileRealtime()
    async with serve(server._serve, "127.0.0.1", 0, process_request=server._check, max_size=None) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        server.url = f"ws://127.0.0.1:{port}/v1/realtime"
        yield server


async def _contact(socket: ServerConnection) -> str:
    """The contact's name in the brief of the instructions."""
    async for message in socket:
        event = json.loads(message)
        found = OBJECT.search(event.get("session", {}).get("instructions", ""))
        if found:
            return str(json.loads(found[1])["contact"]["name"])
    raise ConnectionError("closed before it gave instructions")


async def _send(socket: ServerConnection, kind: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": kind, "event_id": f"event-{kind}", **fields}))


async def _closes(socket: ServerConnection) -> None:
    await socket.close(1011, "overloaded")


async def _stalls(socket: ServerConnection) -> None:
    await _send(socket, "session.updated", session={})


async def _not_json(socket: ServerConnection) -> None:
    for _ in range(MANY):
        await socket.send("<html>502 Bad Gateway</html>")
        await socket.send(b"\x00\xff")


async def _wrong_types(socket: ServerConnection) -> None:
    misshapen: tuple[Any, ...] = ([], None, {"type": 7}, 3.5, "session.created")
    for event in misshapen:
        await socket.send(json.dumps(event))
    for _ in range(MANY):
        await _send(socket, "response.created", response="none")
        await _send(socket, "response.output_audio.delta", response_id=4, item_id=[], delta={"not": "base64"})
        await _send(socket, "response.output_audio.delta", response_id="a", item_id="b", delta="§§§")
        await _send(socket, "input_audio_buffer.speech_started", item_id=None, audio_start_ms="soon")
        await _send(socket, "response.done", response=[])


async def _garbage(socket: ServerConnection) -> None:
    for _ in range(MANY):
        await socket.send(os.urandom(MEGABYTE // 2).hex())


async def _oversized(socket: ServerConnection) -> None:
    await _send(socket, "session.updated", session={"padding": "x" * OVERSIZED})


async def _unknown(socket: ServerConnection) -> None:
    for number in range(MANY * 10):
        await _send(socket, f"future.event_{number}", payload={"deep": [number] * 50})


async def _talks(socket: ServerConnection) -> None:
    """Enough of a conversation for the text model to have something to judge."""
    await _send(socket, "response.created", response={"id": "r1", "status": "in_progress"})
    await _send(socket, "input_audio_buffer.speech_started", item_id="i1", audio_start_ms=0)
    await _send(socket, "input_audio_buffer.speech_stopped", item_id="i1", audio_end_ms=TALK_MS)
    await _send(socket, "input_audio_buffer.committed", item_id="i1", previous_item_id=None)
    words = {"item_id": "i1", "content_index": 0, "transcript": "yes tuesday at ten works for me"}
    await _send(socket, "conversation.item.input_audio_transcription.completed", **words)
    await _send(socket, "response.done", response={"id": "r1", "status": "cancelled", "output": []})
    await _send(socket, "response.created", response={"id": "r2", "status": "in_progress"})
    tool = {"id": "t1", "type": "function_call", "status": "completed", "call_id": "c1", "name": "end_call"}
    item = tool | {"arguments": json.dumps({"reason": "completed"})}
    await _send(socket, "response.output_item.done", response_id="r2", output_index=0, item=item)
    await _send(socket, "response.done", response={"id": "r2", "status": "completed", "output": [item]})


_MANNERS: dict[Manner, Callable[[ServerConnection], Awaitable[None]]] = {
    Manner.CLOSES: _closes,
    Manner.STALLS: _stalls,
    Manner.NOT_JSON: _not_json,
    Manner.WRONG_TYPES: _wrong_types,
    Manner.GARBAGE: _garbage,
    Manner.OVERSIZED: _oversized,
    Manner.UNKNOWN: _unknown,
    Manner.TALKS: _talks,
}


class Relaying(StrEnum):
    """What the relay does with a request."""

    PASSES = "passes it on"
    CLOSES = "closes the connection"
    STALLS = "never answers"
    BYTES = "answers with bytes that are no HTTP"
    PAGE = "answers 200 with a page"
    EMPTY = "answers 200 with an object of another kind"
    FAILS = "answers 500"


_ANSWERS = {
    Relaying.BYTES: os.urandom(4_000),
    Relaying.PAGE: b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>",
    Relaying.EMPTY: b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"choices": 7}',
    Relaying.FAILS: b"HTTP/1.1 500 Oops\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
}


class HostileRelay:
    """A TCP relay before a good server (`port` of loopback). Changing `manner` cuts every connection."""

    def __init__(self, port: int) -> None:
        self.requests = 0  # that were not passed on
        self._behind = port
        self._manner = Relaying.PASSES
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def manner(self) -> Relaying:
        return self._manner

    @manner.setter
    def manner(self, manner: Relaying) -> None:
        self._manner = manner
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def __aenter__(self) -> HostileRelay:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.manner = Relaying.CLOSES
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._manner is Relaying.PASSES:
            await self._pass_on(reader, writer)
            return
        if not await reader.read(1):
            return
        self.requests += 1
        if self._manner is Relaying.STALLS:
            while await reader.read(MEGABYTE):
                pass
        elif self._manner in _ANSWERS:
            await _read_request(reader)
            writer.write(_ANSWERS[self._manner])
            await writer.drain()
            writer.write_eof()
            while await reader.read(MEGABYTE):
                pass

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        self._writers.add(behind_writer)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, behind_writer), name="relay:there")
                group.create_task(_copy(behind_reader, writer), name="relay:back")
        finally:
            self._writers.discard(behind_writer)
            behind_writer.transport.abort()


async def _read_request(reader: asyncio.StreamReader) -> None:
    """Its head and its body, so that nothing of it is left unread."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    await reader.readexactly(int(length[1]) if length else 0)


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(MEGABYTE):
            sink.write(data)
            await sink.drain()
    sink.transport.abort()
