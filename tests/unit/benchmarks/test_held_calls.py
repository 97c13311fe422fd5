"""What the held calls count is what the call was given, in whatever pieces the network brought it."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from uuid import uuid4

import pytest
from benchmarks.held_calls import CountingConnection

from opendeep.audio_processing_service.audiosocket_connection import ConnectionLimits
from opendeep.audio_processing_service.ticker import Ticker

FRAME = struct.pack("!BH", 0x10, 320) + bytes(320)
FRAMES = 12


class Wire(asyncio.Transport):
    """Takes everything."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def write(self, data: object) -> None: ...


class Board:
    """The server's part of a connection."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()

    def opened(self, connection: object) -> None: ...
    def named(self, connection: object, call_id: object) -> None: ...

    def closed(self, connection: object) -> None: ...


class Call:
    """The call's part."""

    heard = 0

    def hear(self, pcm: bytes, rate_hz: int) -> None:
        self.heard += len(pcm) // 320

    def tick(self, frames: int) -> None: ...

    def digit(self, digit: str) -> None: ...

    def line_closed(self, reason: str) -> None: ...


@pytest.mark.parametrize("piece_bytes", [len(FRAME), 100, 1000])
async def test_every_frame_counts_once(piece_bytes: int) -> None:
    """Among them one frame that came before its call: whole frames take a shorter way through the product."""
    connection, call = CountingConnection(Board(), Ticker(), ConnectionLimits()), Call()
    connection.connection_made(Wire())
    connection.data_received(struct.pack("!BH", 0x01, 16) + uuid4().bytes + FRAME)
    connection.adopt(call)
    sound = FRAME * FRAMES
    for start in range(0, len(sound), piece_bytes):
        connection.data_received(sound[start : start + piece_bytes])
    assert connection.count is not None
    assert connection.count.heard == call.heard == FRAMES + 1
    connection.connection_lost(None)
