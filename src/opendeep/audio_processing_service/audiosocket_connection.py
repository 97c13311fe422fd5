"""One AudioSocket connection: the asyncio shell around the codec.

Owns the socket, its deadlines and its silence until a call takes it over. Which call that is, the server decides
(`Switchboard`); what is said, the call's handler. A peer that says nothing, speaks nonsense or does not read is
dropped and counted, nothing else suffers.
"""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass
from typing import Final, Protocol, cast
from uuid import UUID

import structlog

from opendeep.audio_processing_service.audiosocket_codec import (
    HEADER_BYTES,
    AudioHeard,
    AudioSocketDecoder,
    AudioSocketError,
    CallNamed,
    DigitPressed,
    Message,
    PeerFailed,
    PeerHungUp,
    hangup_frame,
    silence_frame,
)
from opendeep.audio_processing_service.ticker import Ticker

log = structlog.get_logger(__name__)

SILENCE: Final = silence_frame()
MAX_EARLY_FRAMES: Final = 250  # 5 s; a peer that sends faster than real time loses the oldest


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Seconds and bytes. A peer that leaves more than `max_unsent_bytes` unread gets no frames, and is dropped when
    that lasts `unread_s`."""

    name_s: float = 5.0  # until the first frame
    adopt_s: float = 5.0  # until a call takes the connection over
    close_s: float = 2.0  # until our hang-up must have closed the socket
    max_unsent_bytes: int = 32 * 1024  # 2 s of frames
    unread_s: float = 5.0
    max_unnamed: int = 2_048  # beyond it the oldest goes: Asterisk names its call at once, a stranger never does


class Listener(Protocol):
    """The call behind a connection. (Crosses the wall between the server's part and the call's; fakes stand in.)"""

    def hear(self, pcm: bytes, rate_hz: int) -> None: ...
    def tick(self, frames: int) -> None: ...
    def digit(self, digit: str) -> None: ...
    def line_closed(self, reason: str) -> None: ...


class Switchboard(Protocol):
    """What a connection needs of the server."""

    counters: Counter[str]

    def opened(self, connection: "AudioSocketConnection") -> None: ...
    def named(self, connection: "AudioSocketConnection", call_id: UUID) -> None: ...
    def closed(self, connection: "AudioSocketConnection") -> None: ...


class AudioSocketConnection(asyncio.Protocol):
    """From accept to close. Silence goes out from the moment the call is named."""

    def __init__(self, board: Switchboard, ticker: Ticker, limits: ConnectionLimits) -> None:
        self._board = board
        self._ticker = ticker
        self._limits = limits
        self._decoder = AudioSocketDecoder()
        self._transport: asyncio.Transport | None = None
        self._listener: Listener | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._early: deque[AudioHeard] = deque(maxlen=MAX_EARLY_FRAMES)  # heard before a call took over
        self._ended = self._dropped = False
        self._reason = "line closed"

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)  # uvloop's is none of its subclasses
        self._transport = stream
        stream.set_write_buffer_limits(high=self._limits.max_unsent_bytes)
        self._arm(self._limits.name_s, "silent_peer")
        self._board.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if self._listener is not None and (rate_hz := self._decoder.rate_of_frame(data)) is not None:
            self._listener.hear(data[HEADER_BYTES:], rate_hz)
            return
        try:
            messages = self._decoder.receive_data(data)
        except AudioSocketError as error:
            log.warning("audiosocket.garbage", error=str(error))
            self.drop("garbage")
            return
        for message in messages:
            self._receive(message)

    def eof_received(self) -> bool:
        return False  # close our side at once: leftovers in CLOSE_WAIT have frozen Asterisk

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        self._ticker.remove(self._silence)
        for handle in (self._deadline, self._unread):
            if handle is not None:
                handle.cancel()
        self._board.closed(self)
        if self._listener is not None:
            self._listener.line_closed(self._reason)

    def pause_writing(self) -> None:
        self._board.counters["slow_peer"] += 1
        loop = asyncio.get_running_loop()
        self._unread = loop.call_later(self._limits.unread_s, self.drop, "unread_peer")

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    # -- for the server and the call

    def adopt(self, listener: Listener) -> None:
        """A call takes over: its `tick` gets the beat and sends every frame; it leaves the ticker itself."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._ticker.replace(self._silence, listener.tick)
        self._listener = listener
        while self._early:
            self._receive(self._early.popleft())

    def send(self, frames: bytes) -> bool:
        """Send whole frames; False when they were dropped because the peer does not read."""
        if self._transport is None or self._ended or self._unread is not None:
            return False
        self._transport.write(frames)
        return True

    def hang_up(self) -> None:
        """End the channel: hang-up frame, then close, both bounded. Idempotent."""
        if self._transport is None or self._ended:
            return
        self._end()
        self._reason = "hung up by us"
        self._transport.write(hangup_frame())
        self._transport.close()
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(self._limits.close_s, self._transport.abort)

    def drop(self, counter: str) -> None:
        """Close without a word and count why; the first reason counts."""
        if not self._dropped:
            self._dropped = True
            self._board.counters[counter] += 1
            self._reason = counter
        self._end()
        if self._transport is not None:
            self._transport.abort()

    # -- inside

    def _receive(self, message: Message) -> None:
        if isinstance(message, AudioHeard):
            if self._listener is not None:
                self._listener.hear(message.pcm, message.rate_hz)
            else:
                self._early.append(message)
        elif isinstance(message, CallNamed):
            self._ticker.add(self._silence)
            self._arm(self._limits.adopt_s, "not_adopted")
            self._board.named(self, message.call_id)
        elif isinstance(message, DigitPressed):
            if self._listener is not None:
                self._listener.digit(message.digit)
        elif isinstance(message, PeerHungUp | PeerFailed):
            self._reason = "ended by the switch" if isinstance(message, PeerHungUp) else f"switch error {message.code}"
            self._end()
            if self._transport is not None:
                self._transport.close()
        else:
            self._board.counters["ignored_frame"] += 1

    def _silence(self, frames: int) -> None:
        self.send(SILENCE * frames)

    def _arm(self, seconds: float, counter: str) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.drop, counter)

    def _end(self) -> None:
        self._ended = True
        self._ticker.remove(self._silence)
