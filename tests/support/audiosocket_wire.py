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
DEADLINE_S = 10.0


class WireAudioSocket:
    """Serves one call after the other and speaks from the first millisecond, silence when there is nothing to say."""

    def __init__(self, *, speaks: bool = True) -> None:
        self.call_id: str | None = None
        self.digits = ""
        self.heard = bytearray()
        self.closed = asyncio.Event()  # Asterisk closed the connection
        self._speaks = speaks
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
        assert self._writer is not None
        self._writer.write(HEADER.pack(HANG_UP, 0))

    def disconnect(self) -> None:
        """Close the connection without a word."""
        assert self._writer is not None
        self._writer.close()

    async def connected(self) -> str:
        """Wait for Asterisk and return the call id that it named."""
        await self._until(lambda: self.call_id is not None)
        assert self.call_id is not None
        return self.call_id

    async def heard_ms(self, ms: int, timeout_s: float = DEADLINE_S) -> bytes:
        """Wait until that much sound was heard in total, and return all of it."""
        await self._until(lambda: len(self.heard) >= ms * FRAME_BYTES // FRAME_MS, timeout_s)
        return bytes(self.heard)

    async def pressed(self, count: int) -> str:
        """Wait for ``count`` keys of the callee."""
        await self._until(lambda: len(self.digits) >= count)
        return self.digits

    async def _until(self, condition: Callable[[], bool], timeout_s: float = DEADLINE_S) -> None:
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
                if kind == UUID:
                    self.call_id = str(uuid.UUID(bytes=payload))
                elif kind == DTMF:
                    self.digits += payload.decode()
                elif kind == SLIN:
                    self.heard += payload
                self._changed.notify_all()

    async def _speak(self, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        started, ticks = loop.time(), 0
        while self._speaks:
            frame = self._to_play.popleft() if self._to_play else bytes(FRAME_BYTES)
            writer.write(HEADER.pack(SLIN, len(frame)) + frame)
            ticks += 1
            await asyncio.sleep(started + ticks * FRAME_MS / 1_000 - loop.time())
