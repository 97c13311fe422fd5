"""`AudioSocketServer`: where Asterisk brings the audio of this node's calls.

Owns the listening socket, the ticker's lifetime, and which handler belongs to which call: announced by `expect` on the
node's channel, or, when that was lost, found by the id in the first frame if the database says the call is live. A
second line of a call is known by an id of its own.
Unknown ids, second connections and strangers are refused with a counter. A call's failure never leaves its own task.
"""

import asyncio
import socket
from collections import Counter, OrderedDict
from typing import Any
from uuid import UUID

import structlog

from opendeep.audio_processing_service.audio_socket_handler import AudioSocketHandler
from opendeep.audio_processing_service.audiosocket_connection import AudioSocketConnection, ConnectionLimits
from opendeep.audio_processing_service.call_lookups import Lookups
from opendeep.audio_processing_service.hold_watch import HoldLimits
from opendeep.audio_processing_service.realtime_protocol import settings_from
from opendeep.audio_processing_service.recorder import RecordingDisk
from opendeep.audio_processing_service.ticker import Ticker
from opendeep.audio_processing_service.tool_ground import ToolLimits
from opendeep.audio_processing_service.voice_health import VoiceHealth
from opendeep.audio_processing_service.voice_services import Voice, VoiceServices
from opendeep.audio_processing_service.voices import scripted_voice, speaking_realtime
from opendeep.common.callee_place import ZoneRules
from opendeep.common.channels import node_calls
from opendeep.common.clock import Clock
from opendeep.common.errors import DatabaseUnavailable, NotFound
from opendeep.common.redis_client import Doorbell
from opendeep.config.app_config import AppConfig
from opendeep.database.db_manager import DatabaseManager

log = structlog.get_logger(__name__)

MAX_REMEMBERED = 1_000  # ended calls whose late connections are refused
MAX_LOOKUPS = 8  # unknown ids being looked up at once; more are refused
BACKLOG = 1_024
KERNEL_UNSENT_BYTES = 32 * 1024  # of frames that a peer does not read; left alone, the kernel takes minutes of them


class AudioSocketServer:
    """The worker of the voice role. `await run()`; `started` is set when it listens on `port`."""

    def __init__(
        self, host: str, port: int, node_id: str, services: VoiceServices, limits: ConnectionLimits | None = None
    ) -> None:
        self._host = host
        self._port = port
        self._node_id = node_id
        self._services = services
        self._limits = limits or ConnectionLimits()
        self._voices = [services.freely, *([services.scripted] if services.scripted else [])]
        self._handlers: dict[UUID, AudioSocketHandler] = {}
        self._ended: OrderedDict[UUID, None] = OrderedDict()
        self._connections: set[AudioSocketConnection] = set()
        self._unnamed: dict[AudioSocketConnection, None] = {}  # the oldest first
        self._tasks: set[asyncio.Task[None]] = set()
        self._lookups = 0
        self.counters: Counter[str] = Counter()
        self.started = asyncio.Event()

    @property
    def port(self) -> int:
        """The port that is really listened on (after `started`)."""
        return self._port

    @property
    def live_calls(self) -> int:
        """Calls that have a handler now."""
        return len(self._handlers)

    def voice_paused_because(self) -> str | None:
        """Why nobody should be called: a voice that some calls need cannot be talked to. None while all can."""
        reasons = (voice.breaker.paused_because() for voice in self._voices)
        return next((reason for reason in reasons if reason), None)

    async def run(self) -> None:
        """Serve until cancelled; then every call is closed, with its rows written."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: AudioSocketConnection(self, self._services.ticker, self._limits),
            sock=self._listen(),
            backlog=BACKLOG,
        )
        try:
            async with asyncio.TaskGroup() as group:  # a ticker that dies ends the server, not just all sound
                parts = [
                    group.create_task(self._services.ticker.run(), name="audio-ticker"),
                    *(
                        group.create_task(self._health(voice).run(), name=f"voice-health:{voice.settings.model}")
                        for voice in self._voices
                    ),
                ]
                try:
                    await self._serve()
                finally:
                    server.close()
                    await self._close_all()
                    for part in parts:
                        part.cancel()
        finally:
            server.close()
            if self._services.recordings is not None:
                self._services.recordings.close()
            await server.wait_closed()

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listening = socket.create_server((self._host, self._port), family=family, backlog=BACKLOG)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_UNSENT_BYTES)  # its connections inherit it
        self._port = listening.getsockname()[1]
        return listening

    async def _serve(self) -> None:
        """Learn of calls before their audio comes."""
        async with self._services.bell.listen(node_calls(self._node_id)) as inbox:
            log.info("audiosocket.listening", host=self._host, port=self._port)
            self.started.set()
            while True:
                message = await inbox.next()
                if message is not None and message.data.get("type") == "expect":
                    self._expect(message.data.get("call_id"))

    # -- for the connections

    def opened(self, connection: AudioSocketConnection) -> None:
        """Room for who comes: whoever has waited longest without naming a call goes."""
        self.counters["accepted"] += 1
        if len(self._unnamed) >= self._limits.max_unnamed:
            oldest = next(iter(self._unnamed))
            del self._unnamed[oldest]
            oldest.drop("too_many_unnamed")
        self._connections.add(connection)
        self._unnamed[connection] = None

    def named(self, connection: AudioSocketConnection, call_id: UUID) -> None:
        """The first frame has come: give the line to its call, or refuse it."""
        self._unnamed.pop(connection, None)
        owner = self._handlers.get(call_id) or self._services.second_lines.get(call_id)
        if owner is not None:
            if not owner.attach(connection):
                connection.drop("second_connection")
        elif call_id in self._ended:
            connection.drop("ended_call")
        elif self._lookups >= MAX_LOOKUPS:
            connection.drop("too_many_lookups")
        else:
            self._spawn(self._look_up(connection, call_id), f"audiosocket-lookup:{call_id}")

    def closed(self, connection: AudioSocketConnection) -> None:
        self._connections.discard(connection)
        self._unnamed.pop(connection, None)

    # -- calls

    def _expect(self, call_id: Any) -> None:
        try:
            known = UUID(str(call_id))
        except ValueError:
            log.warning("audiosocket.bad_expect")
            return
        if known not in self._handlers and known not in self._ended:
            self._start(known)

    async def _look_up(self, connection: AudioSocketConnection, call_id: UUID) -> None:
        """An id that nobody announced: the row decides."""
        self._lookups += 1
        try:
            call = await self._services.db.get_call_by_id(call_id)
        except NotFound:
            connection.drop("unknown_call")
            return
        except DatabaseUnavailable as error:
            log.warning("audiosocket.lookup_failed", error=str(error))
            connection.drop("lookup_failed")
            return
        finally:
            self._lookups -= 1
        if not call.live:
            connection.drop("ended_call")
            return
        self.counters["unannounced_call"] += 1
        handler = self._handlers.get(call_id) or self._start(call_id)
        if not handler.attach(connection):
            connection.drop("second_connection")

    def _start(self, call_id: UUID) -> AudioSocketHandler:
        handler = AudioSocketHandler(call_id, self._services, self.counters)
        self._handlers[call_id] = handler
        self._spawn(self._hold(handler), f"call:{call_id}")
        return handler

    async def _hold(self, handler: AudioSocketHandler) -> None:
        try:
            await handler.run()
        except Exception:  # boundary: one call
            self.counters["call_failed"] += 1
            log.exception("call.failed", call_id=str(handler.call_id))
        finally:
            handler.close_line()
            self._handlers.pop(handler.call_id, None)
            self._ended[handler.call_id] = None
            while len(self._ended) > MAX_REMEMBERED:
                self._ended.popitem(last=False)

    async def _close_all(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in tuple(self._connections):
            connection.drop("shutdown")

    def _health(self, voice: Voice) -> VoiceHealth:
        async def probe() -> None:
            """Open a session and close it: no audio, no response, no cost. Raises `ProviderFault`."""
            client = voice.make(lambda _: None, lambda _: None)
            try:
                await client.connect()
            finally:
                await client.close()

        return VoiceHealth(voice.breaker, probe, self._services.bell, self._services.clock)

    def _spawn(self, work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def build_audio_socket_server(
    config: AppConfig,
    db: DatabaseManager,
    bell: Doorbell,
    clock: Clock,
    lookups: Lookups | None = None,
    *,
    openai_base_url: str | None = None,
) -> AudioSocketServer:
    """From the settings. `openai_base_url` (http://…/v1) is the offline server's, when that stands in."""
    settings = settings_from(config, openai_base_url)
    services = VoiceServices(
        db=db,
        bell=bell,
        clock=clock,
        ticker=Ticker(),
        realtime=speaking_realtime(settings),
        settings=settings,
        scripted=scripted_voice(config, settings),
        hold=HoldLimits(round(config.max_hold_minutes * 60_000), config.price_per_minute, config.max_hold_spend),
        zones=ZoneRules(config.default_region, config.internal_extensions, config.default_timezone),
        tools=ToolLimits(
            config.feedback_timeout_s,
            config.max_feedback_per_call,
            config.global_dnd_threshold,
            tuple(config.transfer_places),
        ),
        lookups=lookups,
        recordings=RecordingDisk(config.data_dir) if config.record_calls else None,
    )
    return AudioSocketServer(config.audiosocket_host, config.audiosocket_port, config.node_id, services)
