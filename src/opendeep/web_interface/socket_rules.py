"""What all sockets that carry sound share: how fast a page may send, how a message goes out, how a socket closes."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import orjson
import structlog
from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

log = structlog.get_logger(__name__)

SEND_DEADLINE_S: Final = 5.0
MAX_TEXT_CHARS: Final = 1_000
MAX_TEXTS_A_SECOND: Final = 20
MAX_AUDIOS_A_SECOND: Final = 120  # 20 ms each, twice as fast as they are spoken
CLOSED_WELL: Final = 1000
BROKE_THE_RULES: Final = 1008


class RuleBroken(Exception):
    """The reason is for the close frame: at most 123 bytes."""


class Pace:
    """At most so many messages in a second of the clock."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._second = self._seen = 0

    def count(self) -> None:
        """One more. Raises `RuleBroken`."""
        second = int(asyncio.get_running_loop().time())
        self._second, self._seen = second, self._seen + 1 if second == self._second else 1
        if self._seen > self._most:
            raise RuleBroken("too many messages in a second")


async def receive(socket: WebSocket, texts: Pace, audios: Pace) -> bytes | str:
    """The page's next message: audio or text. Raises `RuleBroken`, and `WebSocketDisconnect` when the page goes."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    audio: bytes | None = message.get("bytes")
    (texts if audio is None else audios).count()
    if audio is not None:
        return audio
    text: str = message.get("text") or ""
    if len(text) > MAX_TEXT_CHARS:
        raise RuleBroken("this message is too long")
    return text


async def until_either_ends(
    reading: Coroutine[Any, Any, None], relay: Coroutine[Any, Any, None], name: str
) -> Exception | None:
    """Both ways of a socket, until one of them ends; the other is cancelled. Returns the first error of the two."""
    ways = [
        asyncio.create_task(reading, name=f"{name}-reading"),
        asyncio.create_task(relay, name=f"{name}-relay"),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        results = await asyncio.gather(*ways, return_exceptions=True)
    return next((each for each in results if isinstance(each, Exception)), None)


async def send_json(socket: WebSocket, data: Any) -> None:
    """Raises `TimeoutError` for a page that takes nothing any more."""
    async with asyncio.timeout(SEND_DEADLINE_S):
        await socket.send_text(orjson.dumps(data).decode())


async def send_sound(socket: WebSocket, sound: bytes) -> None:
    """Raises `TimeoutError` for a page that takes nothing any more."""
    async with asyncio.timeout(SEND_DEADLINE_S):
        await socket.send_bytes(sound)


async def close(socket: WebSocket, code: int, reason: str) -> None:
    """Close a socket that may be gone already; `reason` is at most 123 bytes."""
    try:
        async with asyncio.timeout(SEND_DEADLINE_S):
            await socket.close(code, reason)
    except (RuntimeError, WebSocketDisconnect, OSError, TimeoutError):
        log.debug("socket.gone_before_close")
