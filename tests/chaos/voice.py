"""The lightest honest AI: a Realtime server that speaks, is answered and hangs up, and the rule-based text minds.

No sound is recognised: what the callee "says" is part of each session's course, drawn from the seed. Everything crosses
the same sockets, in the same events, as with the provider.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from opendeep.offline import minds
from tests.chaos.moments import Moment, Moments
from tests.integration.audio_realtime import FakeSession

QUESTION = "Does Tuesday at ten work for you?"
GREETING = f"Hello, this is an AI assistant calling about the yearly inspection. {QUESTION}"
FAREWELL = "Thank you very much. Goodbye."
BYTES_PER_MS = 8  # µ-law at 8 kHz
TONE = bytes([0x9E, 0x8E, 0x8B, 0x8E, 0x9E, 0x1E, 0x0E, 0x0B, 0x0E, 0x1E]) * 4
FAREWELL_MS = 300
ANSWER_MS = 400
QUIET_MS = 300  # of the line, between the end of what we say and the callee's answer: these callees echo
APPEND = '{"type":"input_audio_buffer.append"'
START_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class Course:
    """What will happen in one session. Without `answer` the AI gives up; `ends` False: it never says goodbye."""

    greeting_ms: int
    answer: str | None
    ends: bool

    @classmethod
    def draw(cls, dice: random.Random) -> Course:
        kind = dice.random()
        answer = "yes tuesday at ten works for me" if kind < 0.7 else None
        return cls(dice.randrange(400, 5_000), answer, ends=kind < 0.95)


class Session(FakeSession):
    """A session that only counts the callee's audio: twenty calls send a thousand pieces of it each second."""

    heard_ms = 0
    _heard_until: tuple[int, asyncio.Event] | None = None

    async def line_time(self, ms: int) -> None:
        """Wait until so much more of the callee's audio has come: time as it passes on the line."""
        passed = asyncio.Event()
        self._heard_until = self.heard_ms + ms, passed
        await passed.wait()

    async def read(self) -> None:
        try:
            async for message in self.socket:
                text = message if isinstance(message, str) else message.decode()
                if text.startswith(APPEND):
                    self.heard_ms += (len(text) - len(APPEND) - len(',"audio":""}')) * 3 // 4 // BYTES_PER_MS
                    if self._heard_until is not None and self.heard_ms >= self._heard_until[0]:
                        self._heard_until[1].set()
                    continue
                async with self._changed:
                    self.received.append(orjson.loads(text))
                    self._changed.notify_all()
        except ConnectionClosed:
            pass
        finally:
            self.closed.set()


@dataclass
class ChaosVoice:
    """Both servers. `async with chaos_voice(...)` gives it with its addresses."""

    moments: Moments
    seed: int
    realtime_url: str = ""
    base_url: str = ""
    sessions: int = 0
    judgements: int = 0
    failures: list[BaseException] = field(default_factory=list)

    async def attend(self, connection: ServerConnection) -> None:
        """One Realtime client from its handshake to its close."""
        self.sessions += 1
        course = Course.draw(random.Random(f"{self.seed}:{self.sessions}"))
        session = Session(connection)
        self.moments.announce(Moment.RINGING)
        talk = asyncio.create_task(self._talk(session, course), name="chaos-voice-talk")
        try:
            await session.read()
        finally:
            talk.cancel()
            (result,) = await asyncio.gather(talk, return_exceptions=True)
            if isinstance(result, Exception) and not isinstance(result, ConnectionClosed):
                self.failures.append(result)

    async def _talk(self, session: Session, course: Course) -> None:
        await session.send("session.created", session={"type": "realtime", "id": f"session-{self.sessions}"})
        await session.wait(lambda: any(event["type"] == "response.create" for event in session.received), 600)
        self.moments.announce(Moment.TALKING)
        await session.speak("greeting", GREETING, tone(course.greeting_ms))
        await session.line_time(course.greeting_ms + QUIET_MS)
        if not course.ends:
            return
        if course.answer is not None:
            await session.callee_starts("answer", session.heard_ms)
            await session.line_time(ANSWER_MS)
            await session.callee_stops("answer", session.heard_ms, course.answer)
        self.moments.announce(Moment.FAREWELL)
        await session.speak("farewell", FAREWELL, tone(FAREWELL_MS), done=False)
        reason = "completed" if course.answer else "no_progress"
        await session.call_tool("farewell", "end-1", "end_call", {"reason": reason})
        await session.end_response("farewell")

    # -- the text minds

    async def analyse(self, request: Request) -> Response:
        """Chat Completions as the offline minds answer it."""
        self.judgements += 1
        self.moments.announce(Moment.ANALYSIS)
        response: Response = await _completions(request)
        return response

    def text_app(self) -> Starlette:
        async def models(_: Request) -> JSONResponse:
            return JSONResponse({"object": "list", "data": []})

        return Starlette(
            routes=[
                Route("/v1/chat/completions", self.analyse, methods=["POST"]),
                Route("/v1/models", models),
            ]
        )


def tone(ms: int) -> bytes:
    """A tone, µ-law at 8 kHz."""
    return (TONE * (ms * BYTES_PER_MS // len(TONE) + 1))[: ms * BYTES_PER_MS]


_completions: Any = next(route.endpoint for route in minds.routes() if route.path == "/v1/chat/completions")


class _Uvicorn(uvicorn.Server):
    """Leaves the signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def chaos_voice(moments: Moments, seed: int) -> AsyncIterator[ChaosVoice]:
    """Serve both on free ports. A session's course that failed by itself fails the run at the end."""
    voice = ChaosVoice(moments, seed)
    listener = socket.create_server(("127.0.0.1", 0))
    voice.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    config = uvicorn.Config(voice.text_app(), log_config=None, access_log=False, lifespan="off")
    text = _Uvicorn(config)
    serving = asyncio.create_task(text.serve(sockets=[listener]), name="chaos-text-minds")
    try:
        async with serve(voice.attend, "127.0.0.1", 0, compression=None, close_timeout=1) as realtime:
            voice.realtime_url = f"ws://127.0.0.1:{next(iter(realtime.sockets)).getsockname()[1]}/v1/realtime"
            yield voice
    finally:
        text.should_exit = True
        text.force_exit = True
        async with asyncio.timeout(START_DEADLINE_S):
            await serving
