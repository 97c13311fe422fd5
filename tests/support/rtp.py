"""One RTP stream in each direction: mu-law sound and telephone events, at the pace of a telephone.

Owns the UDP socket of a test callee. Wire facts: RFC 3550 (header), RFC 3551 (payload type 0), RFC 4733 (events). The
buffer of sound to play holds ten minutes and refuses more; what was received is kept for as long (the oldest goes).
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from typing import cast

from tests.support.audio import FRAME_BYTES, FRAME_MS, FRAME_SAMPLES, MULAW_SILENCE, mulaw_decode, mulaw_encode

PCMU = 0
TELEPHONE_EVENT = 101
MAX_FRAMES = 10 * 60 * 1_000 // FRAME_MS
EVENT_KEYS = "0123456789*#ABCD"
EVENT_FRAMES = 6  # 120 ms of key press
EVENT_REPEATS = 3  # RFC 4733 section 2.5.1.4: the end is sent three times
EVENT_VOLUME = 10
SSRC = 0x0DEE9

HEADER = struct.Struct("!BBHII")
EVENT = struct.Struct("!BBH")

Address = tuple[str, int]


class RtpStream(asyncio.DatagramProtocol):
    """Send a frame every 20 ms to ``remote`` (silence when there is nothing to say), keep what arrives."""

    def __init__(self) -> None:
        self.digits = ""
        self.echoes = False  # what is heard is played back
        self.digit_arrived = asyncio.Event()
        self.sound_arrived = asyncio.Event()
        self.played = asyncio.Event()
        self.played.set()
        self._received: deque[bytes] = deque(maxlen=MAX_FRAMES)
        self._to_play: deque[tuple[int, bytes, int]] = deque()
        self._transport: asyncio.DatagramTransport | None = None
        self._closed = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None
        self._remote: Address | None = None
        self._last_event_timestamp: int | None = None

    @property
    def port(self) -> int:
        """The UDP port on which sound is expected."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    async def open(self) -> None:
        """Bind a free port on loopback."""
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))

    def start(self, remote: Address) -> None:
        """Start to send; a second call (a re-INVITE) moves the stream if the address is new."""
        if self._sender is not None and remote == self._remote:
            return
        self.stop()
        self._remote = remote
        self._sender = asyncio.create_task(self._send_forever(remote), name=f"rtp-to-{remote[1]}")

    def stop(self) -> None:
        """Stop to send; what arrives is still kept."""
        if self._sender is not None:
            self._sender.cancel()
            self._sender = None

    async def close(self) -> None:
        """Stop and release the port."""
        self.stop()
        if self._transport is not None:
            self._transport.close()
            await self._closed.wait()

    def forget(self) -> None:
        """Drop everything heard so far."""
        self._received.clear()
        self.digits = ""
        self.sound_arrived.clear()
        self.digit_arrived.clear()

    def play(self, pcm: bytes) -> None:
        """Queue PCM; raises OverflowError beyond ten minutes."""
        for start in range(0, len(pcm), FRAME_BYTES):
            frame = pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
            self._enqueue(PCMU, mulaw_encode(frame), FRAME_SAMPLES)

    def press(self, digits: str) -> None:
        """Queue key presses, each 120 ms long with a pause of 100 ms after it."""
        for digit in digits:
            event = EVENT_KEYS.index(digit)
            for frame in range(1, EVENT_FRAMES + EVENT_REPEATS):
                end = 0x80 if frame >= EVENT_FRAMES else 0
                duration = min(frame, EVENT_FRAMES) * FRAME_SAMPLES
                self._enqueue(TELEPHONE_EVENT, EVENT.pack(event, end | EVENT_VOLUME, duration), 0)
            self.play(bytes(5 * FRAME_BYTES))

    def received(self) -> bytes:
        """All sound heard so far, as PCM."""
        return mulaw_decode(b"".join(self._received))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # 3.11's is not a subclass

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if len(data) <= HEADER.size:
            return
        payload_type, timestamp = data[1] & 0x7F, int.from_bytes(data[4:8], "big")
        payload = data[HEADER.size :]
        if payload_type == PCMU:
            self._received.append(payload)
            self.sound_arrived.set()
            if self.echoes and len(self._to_play) < MAX_FRAMES:
                self._to_play.append((PCMU, payload, FRAME_SAMPLES))
        elif payload_type == TELEPHONE_EVENT and timestamp != self._last_event_timestamp and payload[1] & 0x80:
            self._last_event_timestamp = timestamp
            self.digits += EVENT_KEYS[payload[0]]
            self.digit_arrived.set()

    def _enqueue(self, payload_type: int, payload: bytes, advance: int) -> None:
        if len(self._to_play) >= MAX_FRAMES:
            raise OverflowError("more than ten minutes are waiting to be played")
        self._to_play.append((payload_type, payload, advance))
        self.played.clear()

    async def _send_forever(self, remote: Address) -> None:
        loop = asyncio.get_running_loop()
        sequence, timestamp, started, ticks, event_ticks = 0, 0, loop.time(), 0, 0
        while True:
            payload_type, payload, advance = self._next_frame()
            # All packets of one key press carry the timestamp at which it began (RFC 4733 section 2.5.1.1).
            if payload_type == PCMU and event_ticks:
                timestamp, event_ticks = timestamp + event_ticks * FRAME_SAMPLES, 0
            marker = 0x80 if sequence == 0 or (payload_type != PCMU and event_ticks == 0) else 0
            header = HEADER.pack(0x80, marker | payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, SSRC)
            assert self._transport is not None
            self._transport.sendto(header + payload, remote)
            sequence, timestamp, ticks = sequence + 1, timestamp + advance, ticks + 1
            event_ticks += payload_type != PCMU
            await asyncio.sleep(started + ticks * FRAME_MS / 1_000 - loop.time())

    def _next_frame(self) -> tuple[int, bytes, int]:
        if self._to_play:
            return self._to_play.popleft()
        self.played.set()
        return PCMU, bytes([MULAW_SILENCE]) * FRAME_SAMPLES, FRAME_SAMPLES
