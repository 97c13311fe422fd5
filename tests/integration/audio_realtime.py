"""A Realtime server for tests of the media side: a real WebSocket, the GA events, and a script that the test drives.

It says only what the test tells it to say, and keeps every client event, each validated by the SDK's types.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from openai.types.realtime import RealtimeClientEvent
from pydantic import Field, TypeAdapter
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Event = dict[str, Any]
DEADLINE_S = 60.0
CLIENT_EVENTS: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeClientEvent, Field(discriminator="type")])


@dataclass
class FakeSession:
    """One connection. Ids of responses and items are `{name}`, chosen by the test."""

    socket: ServerConnection
    received: list[Event] = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _count: int = 0

    @property
    def headers(self) -> dict[str, str]:
        assert self.socket.request is not None
        return {name.lower(): value for name, value in self.socket.request.headers.raw_items()}

    @property
    def path(self) -> str:
        assert self.socket.request is not None
        return self.socket.request.path

    async def send(self, kind: str, **fields: Any) -> None:
        self._count += 1
        await self.socket.send(orjson.dumps({"type": kind, "event_id": f"event-{self._count}", **fields}).decode())

    async def wait(self, condition: Callable[[], Any], deadline_s: float = DEADLINE_S) -> Any:
        async with asyncio.timeout(deadline_s), self._changed:
            return await self._changed.wait_for(condition)

    async def received_event(
        self, kind: str, number: int = 1, *, deadline_s: float = DEADLINE_S, **fields: Any
    ) -> Event:
        """The `number`-th client event of this type (with these fields), past or future."""

        def found() -> Event | None:
            hits = [e for e in self.received if e["type"] == kind and fields.items() <= e.items()]
            return hits[number - 1] if len(hits) >= number else None

        event: Event = await self.wait(found, deadline_s)
        return event

    async def begun(self, responses: int = 1) -> Event:
        """Wait for the full instructions and that many `response.create`."""
        await self.received_event("session.update", 2)
        await self.received_event("response.create", responses)
        return self.received[-1]

    # -- what a server says

    async def speak(
        self, name: str, text: str, audio: bytes, *, pieces: int = 1, done: bool = True, **more: Any
    ) -> None:
        """A whole response with one spoken item: `name` is the response, `name`-item the item."""
        await self.begin_response(name, **more)
        size = -(-len(audio) // pieces)
        for at in range(0, len(audio), size):
            await self.audio_delta(name, audio[at : at + size])
        await self.words(name, text)
        if done:
            await self.end_response(name)

    async def aside(self, audio: bytes, number: int = 1) -> str:
        """Say this when it is asked for out of band for the `number`-th time; returns the instructions."""
        asked = (await self.received_event("response.create", event_id=f"aside-{number}"))["response"]
        await self.speak(f"a{number}", "…", audio, metadata=asked["metadata"], conversation_id=None)
        return str(asked["instructions"])

    async def begin_response(self, name: str, **more: Any) -> None:
        response = {"id": name, "object": "realtime.response", "status": "in_progress", **more}
        await self.send("response.created", response=response)

    async def audio_delta(self, name: str, audio: bytes, item: str = "item") -> None:
        await self.send(
            "response.output_audio.delta",
            response_id=name,
            item_id=f"{name}-{item}",
            output_index=0,
            content_index=0,
            delta=base64.b64encode(audio).decode(),
        )

    async def words(self, name: str, text: str, item: str = "item") -> None:
        where = {"response_id": name, "item_id": f"{name}-{item}", "output_index": 0, "content_index": 0}
        half = len(text) // 2
        for part in (text[:half], text[half:]):
            await self.send("response.output_audio_transcript.delta", **where, delta=part)
        await self.send("response.output_audio.done", **where)
        await self.send("response.output_audio_transcript.done", **where, transcript=text)

    async def call_tool(self, name: str, call_id: str, tool: str, arguments: object, status: str = "completed") -> None:
        text = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
        item = {"id": f"{call_id}-item", "type": "function_call", "status": status, "call_id": call_id, "name": tool}
        await self.send("response.output_item.done", response_id=name, output_index=1, item={**item, "arguments": text})

    async def end_response(self, name: str, status: str = "completed", **more: Any) -> None:
        usage = {
            "total_tokens": 30,
            "input_tokens": 10,
            "output_tokens": 20,
            "output_token_details": {"audio_tokens": 15},
        }
        response = {"id": name, "status": status, "output": [{"id": f"{name}-item"}], "usage": usage, **more}
        await self.send("response.done", response=response)

    async def callee_starts(self, item: str, at_ms: int) -> None:
        await self.send("input_audio_buffer.speech_started", item_id=item, audio_start_ms=at_ms)

    async def callee_stops(self, item: str, at_ms: int, text: str | None = None) -> None:
        await self.send("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=at_ms)
        await self.send("input_audio_buffer.committed", item_id=item, previous_item_id=None)
        if text is not None:
            await self.transcribe(item, text)

    async def transcribe(self, item: str, text: str) -> None:
        await self.send(
            "conversation.item.input_audio_transcription.completed",
            item_id=item,
            content_index=0,
            transcript=text,
            usage={"type": "duration", "seconds": 1.5},
        )

    async def read(self) -> None:
        try:
            async for message in self.socket:
                assert isinstance(message, str | bytes)
                event = orjson.loads(message)
                CLIENT_EVENTS.validate_python(event)
                async with self._changed:
                    if event["type"] == "input_audio_buffer.append":
                        self.audio += base64.b64decode(event["audio"])
                    else:
                        self.received.append(event)
                    self._changed.notify_all()
        except ConnectionClosed:
            pass
        finally:
            self.closed.set()


@dataclass
class FakeRealtime:
    """The server. `sessions` in the order of their connections; `greets` False: accepts and says nothing.

    `status`: the HTTP status with which connections are refused, None while they are taken. `first_error`: the code of
    an error that is sent instead of `session.created`.
    """

    url: str = ""
    sessions: list[FakeSession] = field(default_factory=list)
    greets: bool = True
    status: int | None = None
    first_error: str | None = None
    refuse_after: int | None = None  # connections from this number on are closed at once
    failures: list[BaseException] = field(default_factory=list)
    asked: int = 0  # connections, taken or not
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def session(self, number: int = 1, deadline_s: float = DEADLINE_S) -> FakeSession:
        """The `number`-th session, when it is there."""
        async with asyncio.timeout(deadline_s), self._changed:
            await self._changed.wait_for(lambda: len(self.sessions) >= number)
        return self.sessions[number - 1]

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        self.asked += 1
        return None if self.status is None else socket.respond(HTTPStatus(self.status), "no")

    async def _serve(self, socket: ServerConnection) -> None:
        session = FakeSession(socket)
        async with self._changed:
            self.sessions.append(session)
            self._changed.notify_all()
        if self.refuse_after is not None and len(self.sessions) > self.refuse_after:
            await socket.close(1013, "try later")
            return
        if self.first_error is not None:
            await session.send("error", error={"type": "invalid_request_error", "code": self.first_error})
        elif self.greets:
            await session.send("session.created", session={"type": "realtime", "id": "sess-1"})
        try:
            await session.read()
        except Exception as error:
            self.failures.append(error)
            raise


@asynccontextmanager
async def fake_realtime(**options: Any) -> AsyncIterator[FakeRealtime]:
    """Serve on a free port. A client event that the SDK's types refuse fails the test at the end."""
    fake = FakeRealtime(**options)
    async with serve(fake._serve, "127.0.0.1", 0, process_request=fake._admit) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        fake.url = f"ws://127.0.0.1:{port}/v1/realtime"
        yield fake
    assert fake.failures == []
