"""AudioSocket as Asterisk's end of it sees it: bytes in, frames out; frames to bytes.

Owns the framing (kind, 16-bit big-endian length, payload) and the rule which frames end a call; sockets and time must
not live here. Facts from `res_audiosocket.c` of Asterisk 22: the peer may send slin 8 kHz audio and a hang-up; any
other kind, or audio without a payload, ends the application and with it the channel.
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from enum import IntEnum

SAMPLE_RATE_HZ = 8000
FRAME_MS = 20
FRAME_SAMPLES = SAMPLE_RATE_HZ * FRAME_MS // 1000
FRAME_BYTES = FRAME_SAMPLES * 2
SILENCE_FRAME = bytes(FRAME_BYTES)
HEADER = struct.Struct(">BH")


class FrameKind(IntEnum):
    """First byte of a frame (`res_audiosocket.h`)."""

    HANGUP = 0x00
    UUID = 0x01
    DTMF = 0x03
    SLIN_8KHZ = 0x10
    ERROR = 0xFF


# Kinds of signed linear audio, `res_audiosocket.h` since Asterisk 22.8.
SLIN_RATES_HZ = {
    0x10: 8000,
    0x11: 12_000,
    0x12: 16_000,
    0x13: 24_000,
    0x14: 32_000,
    0x15: 44_100,
    0x16: 48_000,
    0x17: 96_000,
    0x18: 192_000,
}


@dataclass(frozen=True, slots=True)
class PeerAudio:
    """Audio from the peer: s16le at `rate_hz`, any length of at least one byte."""

    pcm: bytes
    rate_hz: int = SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class PeerEnd:
    """The peer ends the call; `reason` is `hangup_frame` or names what it sent wrongly."""

    reason: str


class PeerReader:
    """Cuts the peer's byte stream into audio and at most one end; bytes after the end are ignored."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._ended = False

    @property
    def lacks_payload(self) -> bool:
        """The head of a frame has arrived and its sound has not, or not all of it."""
        return not self._ended and len(self._buffer) >= HEADER.size

    def receive_data(self, data: bytes) -> list[PeerAudio | PeerEnd]:
        """Take any number of bytes; the buffer holds at most one incomplete frame (65,538 bytes)."""
        messages: list[PeerAudio | PeerEnd] = []
        self._buffer += data
        while not self._ended and (message := self._next_message()) is not None:
            messages.append(message)
            self._ended = isinstance(message, PeerEnd)
        if self._ended:
            self._buffer.clear()
        return messages

    def _next_message(self) -> PeerAudio | PeerEnd | None:
        if len(self._buffer) < HEADER.size:
            return None
        kind, length = HEADER.unpack_from(self._buffer)
        if kind == FrameKind.HANGUP:
            return PeerEnd("hangup_frame")
        rate = SLIN_RATES_HZ.get(kind)
        if rate is None:
            return PeerEnd(f"unexpected_kind_0x{kind:02x}")
        if length == 0:
            return PeerEnd("empty_audio_frame")
        if len(self._buffer) < HEADER.size + length:
            return None
        pcm = bytes(self._buffer[HEADER.size : HEADER.size + length])
        del self._buffer[: HEADER.size + length]
        return PeerAudio(pcm, rate)


AUDIO_HEADER = HEADER.pack(FrameKind.SLIN_8KHZ, FRAME_BYTES)


def uuid_frame(call_id: uuid.UUID) -> bytes:
    """Return the first frame of a connection."""
    return HEADER.pack(FrameKind.UUID, 16) + call_id.bytes


def audio_frame(pcm: bytes) -> bytes:
    """Return 20 ms of slin (320 bytes) as a frame."""
    if len(pcm) != FRAME_BYTES:
        raise ValueError(f"a frame holds {FRAME_BYTES} bytes, not {len(pcm)}")
    return AUDIO_HEADER + pcm


def dtmf_frame(digit: str) -> bytes:
    """Return one key (`0`-`9`, `*`, `#`, `A`-`D`) as a frame."""
    return HEADER.pack(FrameKind.DTMF, 1) + digit.encode("ascii")
