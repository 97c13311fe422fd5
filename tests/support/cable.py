"""A TCP connection that a test can cut: a proxy on loopback that goes deaf and dumb, or closes its door."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self


class Cable:
    """Leads from a free port to another. Use as a context manager."""

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self._far_end = host, port
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Drop every connection and refuse new ones."""
        self._cut = True
        for end in tuple(self._ends):
            end.transport.abort()

    def mend(self) -> None:
        self._cut = False

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if not self._cut:
                far_reader, far_writer = await asyncio.open_connection(*self._far_end)
                self._ends |= {writer, far_writer}
                await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))
                self._ends -= {writer, far_writer}
        finally:
            writer.transport.abort()
            self._tasks.discard(task)


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.transport.abort()
