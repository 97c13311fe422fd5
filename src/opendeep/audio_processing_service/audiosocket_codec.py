"""The AudioSocket protocol, sans-I/O: bytes in, messages out, and the bytes of what we send.

Frame: kind (1 byte), length (2 bytes, big endian), payload (Asterisk `res_audiosocket`, seen on Asterisk 22). The
first frame names the call. Audio is s16le mono, 20 ms a frame. No sockets, no clock, no calls here.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final
from uuid import UUID

from opendeep.common.errors import PeerFault

HEADER_BYTES: Final = 3
UUID_BYTES: Final = 16
FRAME_MS: Final = 20
MAX_PAYLOAD_BYTES: Final = 16 * 1024  # 40 ms at 192 kHz; Asterisk sends 320 bytes at 8 kHz
DTMF_DIGITS: Final = frozenset("0123456789*#ABCD")


class Kind(IntEnum):
    """Frame kinds of `res_audiosocket`."""

    HANGUP = 0x00
    UUID = 0x01
    DTMF = 0x03
    SLIN8 = 0x10
    SLIN12 = 0x11
    SLIN16 = 0x12
    SLIN24 = 0x13
    SLIN32 = 0x14
    SLIN44 = 0x15
    SLIN48 = 0x16
    SLIN96 = 0x17
    SLIN192 = 0x18
    ERROR = 0xFF


RATE_HZ: Final[dict[int, int]] = {
    Kind.SLIN8: 8_000,
    Kind.SLIN12: 12_000,
    Kind.SLIN16: 16_000,
    Kind.SLIN24: 24_000,
    Kind.SLIN32: 32_000,
    Kind.SLIN44: 44_100,
    Kind.SLIN48: 48_000,
    Kind.SLIN96: 96_000,
    Kind.SLIN192: 192_000,
}


class AudioSocketError(PeerFault):
    """The peer does not speak AudioSocket; its connection is of no further use."""


@dataclass(frozen=True, slots=True)
class CallNamed:
    """The first frame: which call this is."""

    call_id: UUID


@dataclass(frozen=True, slots=True)
class AudioHeard:
    """s16le mono at `rate_hz`, usually 20 ms."""

    rate_hz: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """One key of the callee: 0-9, *, #, A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class PeerHungUp:
    """Asterisk ends the call by a frame (it usually just closes)."""


@dataclass(frozen=True, slots=True)
class PeerFailed:
    """Asterisk reports an error; `code` as it came, in hexadecimal."""

    code: str


@dataclass(frozen=True, slots=True)
class FrameIgnored:
    """A frame that is well formed on the outside but means nothing: counted, never fatal."""

    kind: int
    length: int


Message = CallNamed | AudioHeard | DigitPressed | PeerHungUp | PeerFailed | FrameIgnored


class AudioSocketDecoder:
    """One direction of one connection. After `AudioSocketError` it must not be used again."""

    def __init__(self, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self._buffer = bytearray()  # bounded: less than one frame stays in it
        self._max_payload = max_payload_bytes
        self._named = False

    def rate_of_frame(self, data: bytes) -> int | None:
        """The usual case, for which nothing is built: the sampling rate in Hz when `data` is exactly one frame of audio
        (its payload begins at `HEADER_BYTES`), else None, and `receive_data` must take it."""
        size = len(data)
        if self._buffer or not self._named or not HEADER_BYTES < size <= HEADER_BYTES + self._max_payload:
            return None
        if (data[1] << 8 | data[2]) != size - HEADER_BYTES or not size & 1:  # whole samples after an odd header
            return None
        return RATE_HZ.get(data[0])

    def receive_data(self, data: bytes) -> list[Message]:
        """Take what the socket gave; return the messages that are complete now.

        Raises `AudioSocketError` for a first frame that names no call and for an oversized frame.
        """
        if self._buffer:
            self._buffer += data
            data = bytes(self._buffer)
            self._buffer.clear()
        messages: list[Message] = []
        at, end = 0, len(data)
        while end - at >= HEADER_BYTES:
            kind = data[at]
            length = data[at + 1] << 8 | data[at + 2]
            self._check(kind, length)
            after = at + HEADER_BYTES + length
            if after > end:
                break
            messages.append(self._message(kind, data[at + HEADER_BYTES : after]))
            at = after
        if at < end:
            self._check(data[at], UUID_BYTES)  # a wrong first byte is enough to know
            self._buffer += data[at:]
        return messages

    def _check(self, kind: int, length: int) -> None:
        if not self._named and (kind != Kind.UUID or length != UUID_BYTES):
            raise AudioSocketError(f"The first frame must name the call, this one has kind 0x{kind:02x}.")
        if length > self._max_payload:
            raise AudioSocketError(f"A frame of {length} bytes is larger than {self._max_payload}.")

    def _message(self, kind: int, payload: bytes) -> Message:
        rate = RATE_HZ.get(kind)
        if rate is not None and payload and not len(payload) & 1:
            return AudioHeard(rate, payload)
        if kind == Kind.UUID and not self._named:
            self._named = True
            return CallNamed(UUID(bytes=payload))
        if kind == Kind.DTMF and len(payload) == 1 and chr(payload[0]) in DTMF_DIGITS:
            return DigitPressed(chr(payload[0]))
        if kind == Kind.HANGUP:
            return PeerHungUp()
        if kind == Kind.ERROR:
            return PeerFailed(payload[:8].hex())
        return FrameIgnored(kind, len(payload))


def audio_frame(pcm: bytes, kind: Kind = Kind.SLIN8) -> bytes:
    """A frame of s16le audio. Raises `ValueError` beyond 65,535 bytes."""
    if len(pcm) > 0xFFFF:
        raise ValueError(f"{len(pcm)} bytes do not fit into one frame")
    return bytes((kind, len(pcm) >> 8, len(pcm) & 0xFF)) + pcm


def hangup_frame() -> bytes:
    """The frame that ends the channel."""
    return bytes((Kind.HANGUP, 0, 0))


def silence_frame(kind: Kind = Kind.SLIN8) -> bytes:
    """20 ms of silence."""
    return audio_frame(bytes(RATE_HZ[kind] * 2 * FRAME_MS // 1000), kind)
