"""Any bytes from the network into the AudioSocket decoder, cut anywhere, against a reading that is as plain as can be.

The plain one knows all bytes beforehand and shares nothing with the decoder. Each of `TARGETS` raises `AssertionError`
where the two differ, and nothing else may ever be raised.
"""

from __future__ import annotations

import struct
import uuid
from itertools import pairwise
from pathlib import Path

from opendeep.audio_processing_service.audiosocket_codec import (
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    AudioHeard,
    AudioSocketDecoder,
    AudioSocketError,
    CallNamed,
    DigitPressed,
    FrameIgnored,
    Message,
    PeerFailed,
    PeerHungUp,
)

CAPTURES = sorted((Path(__file__).parent.parent / "captures" / "audiosocket").glob("*.bin"))
RATES_HZ = (8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000)  # of the kinds 0x10, 0x11, …
LARGEST = 16_384


def check(stream: bytes, cuts: list[int]) -> None:
    """`stream` arrives in pieces that end at `cuts` (any integers)."""
    expected, broken = plainly_read(stream)
    points = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    decoder = AudioSocketDecoder()
    got: list[Message] = []
    refused = False
    for begin, end in pairwise(points):
        try:
            got += received(decoder, stream[begin:end])
        except AudioSocketError:
            refused = True
            break
        assert len(decoder._buffer) < HEADER_BYTES + MAX_PAYLOAD_BYTES
    assert refused == broken
    # Refused bytes take what came with them along: the connection is dropped, so that nobody misses it.
    assert got == expected if not refused else got == expected[: len(got)]


def received(decoder: AudioSocketDecoder, piece: bytes) -> list[Message]:
    """As `AudioSocketConnection` does it: whole frames of audio go the short way."""
    rate_hz = decoder.rate_of_frame(piece)
    return decoder.receive_data(piece) if rate_hz is None else [AudioHeard(rate_hz, piece[HEADER_BYTES:])]


def plainly_read(stream: bytes) -> tuple[list[Message], bool]:
    """What a stream means, and whether it must be refused."""
    messages: list[Message] = []
    if stream and stream[0] != 1:
        return messages, True
    while len(stream) >= 3:
        kind, length = struct.unpack("!BH", stream[:3])
        if length > LARGEST or (not messages and (kind, length) != (1, 16)):
            return messages, True
        if len(stream) < 3 + length:
            break
        messages.append(meaning(kind, stream[3 : 3 + length], first=not messages))
        stream = stream[3 + length :]
    return messages, False


def meaning(kind: int, payload: bytes, *, first: bool) -> Message:
    """Of one whole frame."""
    if first:
        return CallNamed(uuid.UUID(bytes=payload))
    if 0x10 <= kind <= 0x18 and payload and len(payload) % 2 == 0:
        return AudioHeard(RATES_HZ[kind - 0x10], payload)
    if kind == 0x03 and len(payload) == 1 and payload in b"0123456789*#ABCD":
        return DigitPressed(payload.decode())
    if kind == 0x00:
        return PeerHungUp()
    if kind == 0xFF:
        return PeerFailed("".join(f"{byte:02x}" for byte in payload[:8]))
    return FrameIgnored(kind, len(payload))


def check_bytes(data: bytes) -> None:
    """For a fuzzer: the first byte counts the cuts, two bytes are one cut each, the rest is the stream."""
    count = data[0] % 16 if data else 0
    head = 1 + 2 * count
    cuts = [int.from_bytes(data[at : at + 2], "big") for at in range(1, head, 2)]
    check(data[head:], cuts)
