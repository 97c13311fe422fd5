"""The sound of one SIP call: RTP with µ-law and telephone events, one socket (RFC 3550, 3551, 4733).

Sends what it is given, when it is given it: the clock is the caller's. What arrives goes into a jitter buffer of one
second; packets that are no RTP are dropped.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections import deque
from typing import cast

from opendeep.simulation.audiosocket_wire import FRAME_BYTES
from opendeep.simulation.g711_wire import mulaw_to_pcm, pcm_to_mulaw
from opendeep.simulation.sip_wire import PCMU
from opendeep.simulation.sound import JitterBuffer

HEADER = struct.Struct("!BBHII")
EVENT = struct.Struct("!BBH")
KEYS = "0123456789*#ABCD"
FRAME_SAMPLES = FRAME_BYTES // 2
EVENT_FRAMES = 6  # 120 ms
END_REPEATS = 3  # RFC 4733 §2.5.1.4
EVENT_VOLUME = 10
MARKER = 0x80
MAX_KEYS = 64

Address = tuple[str, int]


class RtpLeg(asyncio.DatagramProtocol):
    """One call's sound. `event_type`: the payload type of keys."""

    def __init__(self) -> None:
        self.jitter = JitterBuffer()
        self.event_type = 101
        self._remote: Address | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._sequence = random.randrange(1 << 15)  # noqa: S311 (RFC 3550 §5.1 wants it unpredictable, not secret)
        self._source = random.randrange(1 << 32)  # noqa: S311
        self._timestamp = 0
        self._pressing: deque[tuple[int, bytes, bool]] = deque()
        self._keys: deque[str] = deque(maxlen=MAX_KEYS)
        self._last_key_at: int | None = None

    @classmethod
    async def open(cls, host: str) -> RtpLeg:
        """Bind a free port. Raises OSError."""
        _, leg = await asyncio.get_running_loop().create_datagram_endpoint(cls, local_addr=(host, 0))
        return leg

    @property
    def port(self) -> int:
        if self._transport is None:
            raise RuntimeError("the socket is not open")
        return int(self._transport.get_extra_info("sockname")[1])

    def connect(self, remote: Address, event_type: int) -> None:
        """Where our sound goes from now on."""
        self._remote, self.event_type = remote, event_type

    def send(self, frames: tuple[bytes, ...]) -> None:
        """Send the frames of this tick (320 bytes of s16le each). A key being pressed replaces the sound."""
        if self._pressing:
            timestamp, payload, first = self._pressing.popleft()
            self._packet(self.event_type, payload, timestamp or self._timestamp, first)
            self._timestamp += FRAME_SAMPLES
            return
        for frame in frames:
            self._packet(PCMU, pcm_to_mulaw(frame), self._timestamp, self._timestamp == 0)
            self._timestamp += FRAME_SAMPLES
        if not frames:  # a lost frame still takes its time
            self._timestamp += FRAME_SAMPLES

    def press(self, key: str) -> None:
        """Send a key in the next ticks."""
        code, began = KEYS.index(key), self._timestamp + len(self._pressing) * FRAME_SAMPLES
        for number in range(1, EVENT_FRAMES + END_REPEATS):
            end = 0x80 if number >= EVENT_FRAMES else 0
            duration = min(number, EVENT_FRAMES) * FRAME_SAMPLES
            self._pressing.append((began, EVENT.pack(code, end | EVENT_VOLUME, duration), number == 1))

    def take_keys(self) -> list[str]:
        """The keys that arrived since the last call."""
        keys = list(self._keys)
        self._keys.clear()
        return keys

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if len(data) <= HEADER.size or data[0] >> 6 != 2:
            return
        kind, timestamp = data[1] & 0x7F, int.from_bytes(data[4:8], "big")
        payload = data[HEADER.size + 4 * (data[0] & 0x0F) :]
        if kind == PCMU:
            self.jitter.push(mulaw_to_pcm(payload))
        elif kind == self.event_type and len(payload) >= EVENT.size:
            self._hear_key(timestamp, payload)

    def _hear_key(self, timestamp: int, payload: bytes) -> None:
        """A key counts at its end, once: all packets of one press carry the time at which it began."""
        if payload[1] & 0x80 and timestamp != self._last_key_at and payload[0] < len(KEYS):
            self._last_key_at = timestamp
            self._keys.append(KEYS[payload[0]])

    def _packet(self, kind: int, payload: bytes, timestamp: int, first: bool) -> None:
        if self._transport is None or self._remote is None or self._transport.is_closing():
            return
        marked = (MARKER if first else 0) | kind
        header = HEADER.pack(0x80, marked, self._sequence & 0xFFFF, timestamp & 0xFFFFFFFF, self._source)
        self._sequence += 1
        self._transport.sendto(header + payload, self._remote)
