"""`OpenAIRealtimeClient`: one WebSocket session with a server that speaks the OpenAI Realtime protocol.

Owns the socket and nothing of the conversation: raw JSON in both directions, one reader (the event loop's callback,
no task wakes per event), a bounded writer, deadlines. What events mean is `live_conversation`'s, what they look like
`realtime_protocol`'s.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import orjson
import structlog
from picows import WSCloseCode, WSError, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

from opendeep.audio_processing_service import realtime_protocol as protocol
from opendeep.audio_processing_service.realtime_protocol import Event, RealtimeSettings, Severity
from opendeep.audio_processing_service.voice_provider import SessionEnd
from opendeep.common.errors import ProviderFault, ProviderRefused

log = structlog.get_logger(__name__)

CLOSE_DEADLINE_S: Final = 1.0
READ_BUFFER_BYTES: Final = 4 * 1024  # to begin with: half a second of G.711 in one event; picows takes 16 kB a call
HEADER_ROOM: Final = 14  # bytes that picows wants before a message
CLOSE_BETA_SHAPE: Final = "4000"


@dataclass(frozen=True, slots=True)
class RealtimeLimits:
    """Deadlines in s, sizes in bytes. A writer that stays full for `write_stall_s` means the session is lost."""

    connect_s: float = 3.0
    created_s: float = 3.0
    ping_idle_s: float = 3.0
    ping_reply_s: float = 3.0
    max_unsent_bytes: int = 128 * 1024  # 9 s of 20 ms appends; beyond it audio is dropped and counted
    max_frame_bytes: int = 8 * 1024 * 1024
    max_nonsense: int = 20


class OpenAIRealtimeClient:
    """A `VoiceProvider`: build, `connect()`, then `send` and `append_audio` until `on_end` was called or `close()`."""

    def __init__(
        self,
        settings: RealtimeSettings,
        on_event: Callable[[Event], None],
        on_end: Callable[[SessionEnd], None],
        *,
        tls: ssl.SSLContext | None = None,
        limits: RealtimeLimits | None = None,
    ) -> None:
        self._settings = settings
        self._on_event = on_event
        self._on_end = on_end
        self._tls = tls
        self._limits = limits or RealtimeLimits()
        self._transport: WSTransport | None = None
        self._created: asyncio.Future[None] | None = None
        self._fragments: list[bytes] = []
        self._fragment_bytes = 0
        self._end: SessionEnd | None = None
        self._closing = False
        self.nonsense = 0
        self.dropped_appends = 0

    # -- life

    async def connect(self) -> None:
        """Connect and wait for `session.created`.

        Raises `ProviderRefused` when the server will never take us (key, model), `ProviderFault` otherwise.
        """
        self._created = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._limits.connect_s):
                self._transport, _ = await ws_connect(
                    lambda: _Listener(self),
                    f"{self._settings.url}?model={quote(self._settings.model)}",
                    ssl_context=self._tls,
                    websocket_handshake_timeout=self._limits.connect_s,
                    enable_auto_ping=True,
                    auto_ping_idle_timeout=self._limits.ping_idle_s,
                    auto_ping_reply_timeout=self._limits.ping_reply_s,
                    max_frame_size=self._limits.max_frame_bytes,
                    read_buffer_init_size=READ_BUFFER_BYTES,
                    extra_headers=self._headers(),
                )
            async with asyncio.timeout(self._limits.created_s):
                await self._created
        except WSHandshakeError as error:
            raise _handshake_fault(error, self._settings.model) from error
        except TimeoutError as error:
            await self.close()
            raise ProviderFault("The voice AI cannot be reached: it did not open a session in time.") from error
        except (WSError, OSError, ssl.SSLError) as error:
            await self.close()
            raise ProviderFault(f"The voice AI cannot be reached: {error}") from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the session. Idempotent; does not call `on_end`."""
        self._closing = True
        transport, self._transport = self._transport, None
        if transport is None:
            return
        transport.send_close(WSCloseCode.OK)
        transport.disconnect()
        try:
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await transport.wait_disconnected()
        except TimeoutError:
            transport.disconnect(graceful=False)
        except WSError as error:
            log.debug("realtime.closed_badly", error=str(error))

    # -- sending

    def send(self, event: Event) -> bool:
        """Send one event; False when the session is over."""
        if self._transport is None or self._end is not None:
            return False
        _send_text(self._transport, orjson.dumps(event))
        return True

    def append_audio(self, audio: bytes) -> bool:
        """Send audio of the callee (the session's input format); False when it was dropped."""
        transport = self._transport
        if transport is None or self._end is not None:
            return False
        if transport.underlying_transport.get_write_buffer_size() > self._limits.max_unsent_bytes:
            self.dropped_appends += 1
            return False
        _send_text(transport, protocol.append_audio(audio))
        return True

    # -- receiving (called by the listener)

    def receive_frame(self, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind == WSMsgType.TEXT and frame.fin:
            self._receive(frame.get_payload_as_memoryview())
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._collect(frame)
        elif kind == WSMsgType.CLOSE:
            code, reason = f"{frame.get_close_code():d}", frame.get_close_reason() or ""
            final = code == CLOSE_BETA_SHAPE
            self._finish(SessionEnd(f"closed by the server ({code} {reason[:200]})", final, everywhere=final))
        elif kind == WSMsgType.BINARY:
            self._count_nonsense("binary frame")

    def connection_lost(self) -> None:
        self._finish(SessionEnd("connection lost"))

    def _collect(self, frame: WSFrame) -> None:
        self._fragments.append(frame.get_payload_as_bytes())
        self._fragment_bytes += len(self._fragments[-1])
        if self._fragment_bytes > self._limits.max_frame_bytes:
            self._fragments.clear()
            self._fragment_bytes = 0
            self._lose("an event larger than allowed")
        elif frame.fin:
            whole = b"".join(self._fragments)
            self._fragments.clear()
            self._fragment_bytes = 0
            self._receive(whole)

    def _receive(self, payload: bytes | memoryview) -> None:
        try:
            event = orjson.loads(payload)
        except orjson.JSONDecodeError:
            self._count_nonsense("not JSON")
            return
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            self._count_nonsense("no event")
            return
        if self._created is not None and not self._created.done():
            self._receive_first(event, self._created)
        if self._closing or self._end is not None:
            return
        try:
            self._on_event(event)
        except Exception:  # boundary: one event of one session; mostly a field that is missing or of another type
            log.exception("realtime.event_failed", event_type=event["type"][:80])
            self._count_nonsense(event["type"][:80])

    def _receive_first(self, event: Event, created: asyncio.Future[None]) -> None:
        """The session, or why there is none. The server's own sentence is left out: it may repeat parts of the key."""
        if event["type"] == "session.created":
            created.set_result(None)
        elif event["type"] == "error" and isinstance(error := event.get("error"), dict):
            final = protocol.severity(error) is Severity.FATAL
            why = str(error.get("code") or error.get("type") or "no reason given")[:80]
            self._finish(SessionEnd(f"The voice AI refused the session ({why}).", final, everywhere=final))

    def _count_nonsense(self, what: str) -> None:
        self.nonsense += 1
        log.warning("realtime.nonsense", what=what[:300], count=self.nonsense)
        if self.nonsense >= self._limits.max_nonsense:
            self._lose("the server sends nonsense")

    def _lose(self, reason: str) -> None:
        if self._transport is not None:
            self._transport.disconnect(graceful=False)
        self._finish(SessionEnd(reason))

    def _finish(self, end: SessionEnd) -> None:
        if self._end is not None:
            return
        self._end = end
        opened = self._created is not None and self._created.done()
        if self._created is not None and not self._created.done():
            fault: ProviderFault = ProviderRefused(end.reason) if end.fatal else ProviderFault(end.reason)
            self._created.set_exception(fault)
        if opened and not self._closing:
            self._on_end(end)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._settings.api_key}"} if self._settings.api_key else {}


class _Listener(WSListener):
    """picows' callbacks, handed on."""

    def __init__(self, client: OpenAIRealtimeClient) -> None:
        self._client = client

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        self._client.receive_frame(frame)
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: Any) -> None:
        self._client.connection_lost()


def _send_text(transport: WSTransport, message: bytes) -> None:
    """`transport.send` would copy into a buffer of its own, which keeps the size of the largest message for ever."""
    transport.send_reuse_external_bytearray(WSMsgType.TEXT, bytearray(HEADER_ROOM) + message, HEADER_ROOM)


def _handshake_fault(error: WSHandshakeError, model: str) -> ProviderFault:
    status = int(error.response.status) if error.response is not None else 0
    match status:
        case 401 | 403:
            return ProviderRefused(f"The voice AI refuses the key (HTTP {status}); check OPENAI_API_KEY.")
        case 404:
            return ProviderRefused(f"The voice AI does not know “{model}” (HTTP 404); check OPENAI_REALTIME_MODEL.")
        case 400:
            return ProviderRefused("The voice AI refuses our sessions (HTTP 400); check OPENAI_REALTIME_MODEL.")
        case 0:
            return ProviderFault("The voice AI cannot be reached: what answers there speaks no WebSocket.")
        case _:
            return ProviderFault(f"The voice AI cannot be reached: HTTP {status}.")
