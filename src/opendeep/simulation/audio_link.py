"""One TCP connection to an AudioSocket server, from the switch's end.

Owns the socket and its two buffers; framing lives in `audiosocket_wire`, what is said and heard in the callee. At the
end the socket is closed without a frame, as Asterisk does.
"""

from __future__ import annotations

import asyncio
from typing import cast

from opendeep.simulation.audiosocket_wire import PeerAudio, PeerReader, audio_frame, dtmf_frame, uuid_frame
from opendeep.simulation.originate import AudioSocketTarget
from opendeep.simulation.sound import JitterBuffer, to_8khz

CONNECT_DEADLINE_S = 2.0  # MAX_CONNECT_TIMEOUT_MSEC of res_audiosocket
MAX_UNSENT_BYTES = 64_000  # about four seconds of frames: Asterisk's write fails then, and the channel ends


class AudioLink(asyncio.Protocol):
    """Frames out, audio in. `ended` names why the call must end, None while it goes on."""

    def __init__(self, target: AudioSocketTarget) -> None:
        self._target = target
        self._reader = PeerReader()
        self._transport: asyncio.Transport | None = None
        self._active = False
        self._got_bytes = False
        self.jitter = JitterBuffer()
        self.ended: str | None = None

    @classmethod
    async def connect(cls, target: AudioSocketTarget) -> AudioLink:
        """Connect and send the UUID. Raises OSError or TimeoutError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_DEADLINE_S):
            _, link = await loop.create_connection(lambda: cls(target), target.host, target.port)
        return link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(uuid_frame(self._target.call_id))

    def data_received(self, data: bytes) -> None:
        self._got_bytes = True
        for message in self._reader.receive_data(data):
            if isinstance(message, PeerAudio):
                self.jitter.push(to_8khz(message.pcm, message.rate_hz))
                self._active = True
            else:
                self._end(message.reason)

    def eof_received(self) -> None:
        self._end("peer_closed")

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("peer_closed")

    def take_activity(self) -> bool:
        """Tell whether audio arrived since the last call, 20 ms ago.

        Asterisk waits 5 ms for the rest of a frame that has begun and ends the call without it; here a whole tick
        must pass without a byte.
        """
        active, self._active = self._active, False
        if self._reader.lacks_payload and not self._got_bytes:
            self._end("incomplete_frame")
        self._got_bytes = False
        return active

    def send_audio(self, frame: bytes) -> None:
        """Send 20 ms (320 bytes)."""
        self._send(audio_frame(frame))

    def send_digit(self, digit: str) -> None:
        self._send(dtmf_frame(digit))

    def close(self) -> None:
        """Close at once: what the peer has not read by now is dropped, so no socket lingers."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() > 0:
            self._transport.abort()
        else:
            self._transport.close()
        self._transport = None

    def _send(self, data: bytes) -> None:
        if self._transport is None or self.ended is not None:
            return
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self._end("peer_does_not_read")
            return
        self._transport.write(data)

    def _end(self, reason: str) -> None:
        if self.ended is None:
            self.ended = reason
