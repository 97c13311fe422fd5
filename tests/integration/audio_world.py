"""A live call's surroundings for tests of the media side: database, doorbell, server, and a small Asterisk on the wire.

The Realtime side is either `FakeRealtime` (`audio_realtime`) or the offline server. Nothing of the product's codecs is
used here: frames are packed by hand.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from opendeep.audio_processing_service.audio_socket_server import AudioSocketServer
from opendeep.audio_processing_service.audiosocket_connection import ConnectionLimits
from opendeep.audio_processing_service.call_lookups import Lookups
from opendeep.audio_processing_service.hold_watch import HoldLimits
from opendeep.audio_processing_service.openai_realtime_client import OpenAIRealtimeClient
from opendeep.audio_processing_service.realtime_protocol import RealtimeSettings
from opendeep.audio_processing_service.recorder import RecordingDisk
from opendeep.audio_processing_service.ticker import Ticker
from opendeep.audio_processing_service.tool_ground import ToolLimits
from opendeep.audio_processing_service.voice_format import VoiceFormat
from opendeep.audio_processing_service.voice_services import CallTimes, VoiceServices
from opendeep.audio_processing_service.voices import scripted_voice
from opendeep.common.channels import call_commands, node_calls, user_events
from opendeep.common.clock import SystemClock
from opendeep.common.data_models import Call, CallCreate, CallEvent, CallStatus, TaskStatus, TranscriptTurn
from opendeep.common.redis_client import Doorbell, InProcessDoorbell, Subscription
from opendeep.common.voice_prices import ModelPrice, Rate
from opendeep.config.app_config import AppConfig
from opendeep.database.db_manager import DatabaseManager
from tests.support.database import add_campaign, add_user, sample_plan, sqlite_url

NODE = "node-under-test"
DEADLINE_S = 60.0
ENDED_S = 60.0  # a line that has lost its voice AI says two sentences first
HEADER = struct.Struct("!BH")
FRAME_BYTES = 320
HANG_UP, NAME, DTMF, SLIN8, SLIN24, ERROR = 0x00, 0x01, 0x03, 0x10, 0x13, 0xFF
SOUND = range(0x10, 0x19)
PRICES = {"a-model": ModelPrice(Rate(32.0, 0.4, 64.0), Rate(4.0, 0.4, 24.0))}
API_KEY = "sk-secret-of-the-test"


async def until(condition: Callable[[], Any], deadline_s: float = DEADLINE_S) -> Any:
    """Poll a plain fact of this process; for facts that have no event of their own."""
    async with asyncio.timeout(deadline_s):
        while not (found := condition()):  # noqa: ASYNC110  # nothing signals these facts
            await asyncio.sleep(0.005)
        return found


@dataclass
class FakeAsterisk:
    """One AudioSocket connection as Asterisk opens it. `heard` is the PCM that came, frame by frame."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: list[bytes] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _task: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, port: int, call_id: UUID | None) -> FakeAsterisk:
        self = cls(*await asyncio.open_connection("127.0.0.1", port))
        if call_id is not None:
            self.send(NAME, call_id.bytes)
        self._task = asyncio.create_task(self._read(), name="fake-asterisk")
        return self

    def send(self, kind: int, payload: bytes = b"") -> None:
        self.writer.write(HEADER.pack(kind, len(payload)) + payload)

    def speak(self, pcm: bytes) -> None:
        """20 ms frames, as fast as the socket takes them."""
        for at in range(0, len(pcm), FRAME_BYTES):
            self.send(SLIN8, pcm[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\0"))

    async def wait(self, condition: Callable[[], Any], deadline_s: float = DEADLINE_S) -> Any:
        async with asyncio.timeout(deadline_s), self._changed:
            return await self._changed.wait_for(condition)

    def loud(self) -> list[bytes]:
        """Frames that are not silence."""
        return [frame for frame in self.heard if any(frame)]

    async def hang_up(self) -> None:
        """As Asterisk does: just close."""
        self.writer.close()
        if self._task is not None:
            await self._task

    async def _read(self) -> None:
        try:
            while True:
                kind, length = HEADER.unpack(await self.reader.readexactly(HEADER.size))
                payload = await self.reader.readexactly(length)
                async with self._changed:
                    self.kinds.append(kind)
                    if kind in SOUND:
                        self.heard.append(payload)
                    self._changed.notify_all()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.writer.close()
            self.closed.set()


@dataclass
class MediaWorld:
    """Everything around one call. `channel` hears what is said between the two sides of the call."""

    db: DatabaseManager
    bell: Doorbell
    server: AudioSocketServer
    ticker: Ticker
    call: Call
    channel: Subscription
    data_dir: Path
    peers: list[FakeAsterisk] = field(default_factory=list)

    async def expect(self) -> None:
        await self.bell.ring(node_calls(NODE), {"type": "expect", "call_id": str(self.call.id)})
        await until(lambda: self.server.live_calls)

    async def tell(self, kind: str, **data: Any) -> None:
        await self.bell.ring(call_commands(self.call.id), {"type": kind, **data})

    async def connect(self, call_id: UUID | None = None) -> FakeAsterisk:
        peer = await FakeAsterisk.connect(self.server.port, call_id or self.call.id)
        self.peers.append(peer)
        return peer

    async def answer(self) -> FakeAsterisk:
        """expect, ringing, answered, and the line."""
        await self.expect()
        await self.tell("ringing")
        await self.tell("answered")
        return await self.connect()

    async def said(self, kind: str, deadline_s: float = ENDED_S) -> dict[str, Any]:
        """The next message of this type on the call's channel."""
        async with asyncio.timeout(deadline_s):
            while True:
                message = await self.channel.next()
                if message is not None and message.data.get("type") == kind:
                    return dict(message.data)

    async def ended(self, deadline_s: float = ENDED_S) -> dict[str, Any]:
        """The media side has written everything."""
        message = await self.said("media_ended", deadline_s)
        await until(lambda: not self.server.live_calls)
        return message

    async def turns(self) -> list[TranscriptTurn]:
        async with self.db.read() as work:
            return await work.transcripts.of_call(self.call.user_id, self.call.id)

    async def events(self, kind: str = "") -> list[CallEvent]:
        async with self.db.read() as work:
            found = await work.events.of_call(self.call.user_id, self.call.id)
        return [event for event in found if not kind or event.kind == kind]

    async def row(self) -> Call:
        return await self.db.get_call_by_id(self.call.id)

    def pages(self) -> Subscription:
        return self.bell.listen(user_events(self.call.user_id))


async def add_call(db: DatabaseManager, number: str = "+12025550101", **plan: object) -> Call:
    """A task in progress with a live call on this node."""
    user = await add_user(db)
    _, tasks = await add_campaign(db, user.id, sample_plan([number], **plan))
    async with db.transaction() as work:
        await work.tasks.transition(tasks[0].id, TaskStatus.QUEUED_FOR_CALL, "test")
        await work.tasks.transition(tasks[0].id, TaskStatus.CALL_IN_PROGRESS, "test")
        return await work.calls.create_call_attempt(
            CallCreate(user.id, tasks[0].campaign_id, tasks[0].id, number, None, NODE), 60.0
        )


@asynccontextmanager
async def media_world(
    tmp_path: Path,
    url: str,
    *,
    times: CallTimes | None = None,
    tools: ToolLimits | None = None,
    hold: HoldLimits | None = None,
    limits: ConnectionLimits | None = None,
    audio: VoiceFormat = VoiceFormat.PCMU,
    lookups: Lookups | None = None,
    number: str = "+12025550101",
    bell: Doorbell | None = None,
    scripted: str | None = None,
    **plan: object,
) -> AsyncIterator[MediaWorld]:
    """The server in a task of its own over real SQLite; `url` is the Realtime socket's address, `scripted` that of the
    voice for calls held word for word."""
    bell = bell or InProcessDoorbell()
    db = DatabaseManager(sqlite_url(tmp_path), bell)
    await db.upgrade()
    call = await add_call(db, number, **plan)
    settings = RealtimeSettings(url, "a-model", "marin", "a-transcriber", API_KEY, audio, PRICES)
    ticker = Ticker()
    services = VoiceServices(
        db=db,
        bell=bell,
        clock=SystemClock(),
        ticker=ticker,
        realtime=lambda on_event, on_end: OpenAIRealtimeClient(settings, on_event, on_end),
        settings=settings,
        tools=tools or ToolLimits(),
        hold=hold or HoldLimits(),
        lookups=lookups,
        recordings=RecordingDisk(tmp_path),
        times=times or CallTimes(),
        scripted=scripted_voice(AppConfig(_env_file=None, scripted_base_url=scripted), settings) if scripted else None,  # type: ignore[call-arg]
    )
    server = AudioSocketServer("127.0.0.1", 0, NODE, services, limits)
    task = asyncio.create_task(server.run(), name="audiosocket-server")
    started = asyncio.create_task(server.started.wait(), name="audiosocket-started")
    try:
        await asyncio.wait({task, started}, timeout=DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        async with bell.listen(call_commands(call.id)) as channel:
            world = MediaWorld(db, bell, server, ticker, call, channel, tmp_path)
            yield world
            for peer in world.peers:
                await peer.hang_up()
    finally:
        started.cancel()
        task.cancel()
        await asyncio.gather(task, started, return_exceptions=True)
        await db.close()


async def mark(world: MediaWorld, status: CallStatus) -> None:
    """Move the call's row, as the telephony side would."""
    await world.db.update_call_status(world.call.id, status)
