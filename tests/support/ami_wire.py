"""AMI from the wire for tests: send actions, collect events, wait for one of them. Shares nothing with the product."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

DEADLINE_S = 60.0
Message = dict[str, str]


def parse(block: bytes) -> Message:
    """One AMI message without its empty line. A key that repeats keeps its last value."""
    lines = block.decode("utf-8", "replace").splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


class WireAmi:
    """A logged-in AMI session (without ``log_in``: only connected) that remembers every event in its order."""

    def __init__(self, host: str, port: int, username: str, secret: str, *, log_in: bool = True) -> None:
        self.events: list[Message] = []
        self.raw_events: list[str] = []
        self.banner = ""
        self.closed = False
        self._address, self._username, self._secret = (host, port), username, secret
        self._log_in = log_in
        self._responses: dict[str, Message] = {}
        self._changed = asyncio.Condition()
        self._next_id = 0
        self._reader_task: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        reader, self._writer = await asyncio.open_connection(*self._address)
        self.banner = (await reader.readline()).decode().strip()
        self._reader_task = asyncio.create_task(self._read(reader), name="wire-ami")
        if not self._log_in:
            return self
        answer = await self.send("Login", Username=self._username, Secret=self._secret)
        if answer["Response"] != "Success":
            await self.__aexit__(None, None, None)
            raise PermissionError(answer["Message"])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._writer is not None
        assert self._reader_task is not None
        self._writer.close()
        self._reader_task.cancel()
        await asyncio.gather(self._reader_task, return_exceptions=True)

    async def send(self, action: str, **headers: str) -> Message:
        """Send an action and return its response."""
        self._next_id += 1
        action_id = f"wire-{self._next_id}"
        lines = [f"Action: {action}", f"ActionID: {action_id}", *(f"{key}: {value}" for key, value in headers.items())]
        assert self._writer is not None
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await self.until(lambda: action_id in self._responses)
        return self._responses.pop(action_id)

    async def originate(self, channel: str, call_id: str, audio_port: int, timeout_ms: int = 5_000) -> Message:
        """Originate as the product does; ``audio_port`` is an AudioSocket server on loopback."""
        return await self.send(
            "Originate", Channel=channel, ChannelId=call_id, Application="AudioSocket",
            Data=f"{call_id},127.0.0.1:{audio_port}", Variable=f"CALL_ATTEMPT_ID={call_id}",
            CallerID='"OpenDeep" <+4930123456>', Timeout=str(timeout_ms), Async="true",
        )  # fmt: skip

    async def event(self, name: str, *, timeout_s: float = DEADLINE_S, **fields: str) -> Message:
        """The first event of that name, past or future, whose fields have these values."""

        def found() -> Message | None:
            wanted = {"Event": name, **fields}
            return next((event for event in self.events if wanted.items() <= event.items()), None)

        await self.until(lambda: found() is not None, timeout_s)
        event = found()
        assert event is not None
        return event

    async def connection_lost(self) -> None:
        """Wait until the other side is gone."""
        await self.until(lambda: self.closed)

    async def until(self, condition: Callable[[], bool], timeout_s: float = DEADLINE_S) -> None:
        """Wait for a condition that messages make true."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(condition)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                block = await reader.readuntil(b"\r\n\r\n")
                await self._take(block)
        except (asyncio.IncompleteReadError, OSError):
            async with self._changed:
                self.closed = True
                self._changed.notify_all()

    async def _take(self, block: bytes) -> None:
        message = parse(block)
        async with self._changed:
            if "Event" in message:
                self.events.append(message)
                self.raw_events.append(block.decode("utf-8", "replace").replace("\r\n", "\n"))
            else:
                self._responses[message.get("ActionID", "")] = message
            self._changed.notify_all()
