"""The server side of AudioSocket for tests, from the wire: speak PCM, keep what is heard.

Shares nothing with the product.
Frame: kind (1 byte), length (2 bytes, big endian), payload (Asterisk ``res_audiosocket``).
"""

from __future__ import annotations

import asyncio
import struct
import uuid
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.support.audio import FRAME_BYTES, FRAME_MS

HANG_UP, UUID, DTMF, SLIN = 0x00, 0x01, 0x03, 0x10
HEADER = struct.Struct("!BH")
DEADLINE_S = 60.0


class WireAudioSocket:
    """Serves one call after the other and speaks from the first millisecond, silence when there is nothing to say."""

    def __init__(self, *, speaks: bool = True) -> None:
        self.call_id: str | None = None
        self.digits = ""
        self.heard = bytearray()
        self.closed = asyncio.Event()  # Asterisk closed the connection
        self.speaks = speaks
        self.frames: list[str] = []  # what arrived, without repeats: "uuid", "sound 320", "key 5"
        self.sound_frames = 0
        self.ticks = 0  # 20 ms that passed on the connection, whether something was sent in them or not
        self.ticks_at_first_sound = 0
        self.ticks_at_last_sound = 0  # in either direction
        self.left = False  # we ended the connection, or asked for its end
        self._to_play: deque[bytes] = deque()
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._handlers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Listen no more, and cut off who is connected. Idempotent."""
        assert self._server is not None
        self._server.close()
        if self._writer is not None:
            self._writer.transport.abort()
        await asyncio.gather(*self._handlers)
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """The TCP port to name in ``Data``."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def play(self, pcm: bytes) -> None:
        """Queue PCM (8 kHz) to speak to the callee."""
        self._to_play.extend(pcm[start : start + FRAME_BYTES] for start in range(0, len(pcm), FRAME_BYTES))

    def hang_up(self) -> None:
        """Send the hang-up frame."""
        self.write(HEADER.pack(HANG_UP, 0))

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        assert self._writer is not None
        self._writer.write(data)

    def disconnect(self) -> None:
        """Close the connection without a word."""
        assert self._writer is not None
        self.left = True
        self._writer.close()

    async def connected(self) -> str:
        """Wait for Asterisk and return the call id that it named."""
        await self.until(lambda: self.call_id is not None)
        assert self.call_id is not None
        return self.call_id

    async def heard_ms(self, ms: int, timeout_s: float = DEADLINE_S) -> bytes:
        """Wait until that much sound was heard in total, and return all of it."""
        await self.until(lambda: len(self.heard) >= ms * FRAME_BYTES // FRAME_MS, timeout_s)
        return bytes(self.heard)

    async def pressed(self, count: int) -> str:
        """Wait for ``count`` keys of the callee."""
        await self.until(lambda: len(self.digits) >= count)
        return self.digits

    async def until(self, condition: Callable[[], bool], timeout_s: float = DEADLINE_S) -> None:
        """Wait for a condition that frames, sent or received, make true."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(condition)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self._writer = writer
        speaker = asyncio.create_task(self._speak(writer), name="wire-audiosocket-speaker")
        try:
            await self._listen(reader)
        except (asyncio.IncompleteReadError, OSError):
            self.closed.set()
        finally:
            speaker.cancel()
            await asyncio.gather(speaker, return_exceptions=True)
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            self._handlers.discard(task)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while True:
            kind, length = HEADER.unpack(await reader.readexactly(HEADER.size))
            payload = await reader.readexactly(length)
            async with self._changed:
                self._take(kind, payload)
                self._changed.notify_all()

    def _take(self, kind: int, payload: bytes) -> None:
        name = f"0x{kind:02x} {payload.hex()}"
        if kind == UUID:
            self.call_id, name = str(uuid.UUID(bytes=payload)), "uuid"
        elif kind == DTMF:
            self.digits += payload.decode()
            name = f"key {payload.decode()}"
        elif kind == SLIN:
            self.heard += payload
            name = f"sound {len(payload)}"
            self.ticks_at_first_sound = self.ticks_at_first_sound if self.sound_frames else self.ticks
            self.sound_frames += 1
            self.ticks_at_last_sound = self.ticks
        if self.frames[-1:] != [name]:
            self.frames.append(name)

    async def _speak(self, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        started, ticks = loop.time(), 0
        while True:
            if self.speaks:
                frame = self._to_play.popleft() if self._to_play else bytes(FRAME_BYTES)
                writer.write(HEADER.pack(SLIN, len(frame)) + frame)
                self.ticks_at_last_sound = ticks
            ticks += 1
            async with self._changed:
                self.ticks = ticks
                self._changed.notify_all()
            await asyncio.sleep(started + ticks * FRAME_MS / 1_000 - loop.time())
