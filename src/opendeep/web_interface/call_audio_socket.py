"""`WS /ws/calls/{id}/audio`: the sound of a live call to a browser, and its microphone back (docs/live-control.md).

Binary messages are audio, text messages JSON. Owns what a browser may send and how fast; what it hears and how much may
be on its way is `CallListener`'s. A browser that breaks the rules is told why in the close reason.
"""

import asyncio
from typing import Any, Final, Literal
from uuid import UUID

import orjson
import structlog
from fastapi import APIRouter, WebSocket
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocketDisconnect

from opendeep.audio_processing_service.call_listener import CallListener, Heard, ListenerGone, MicrophoneFormat
from opendeep.audio_processing_service.live_messages import BATCH_MS, LEASE_S, MAX_MICROPHONE_BYTES, Side
from opendeep.web_interface.dependencies import services_of, user_or_none
from opendeep.web_interface.events_socket import NOT_SIGNED_IN, TOO_MANY_PAGES, PageCounter

log = structlog.get_logger(__name__)

SEND_DEADLINE_S: Final = 5.0
LEVELS_EVERY: Final = 2  # batches: five times a second
MAX_TEXT_CHARS: Final = 1_000
MAX_TEXTS_A_SECOND: Final = 20
MAX_AUDIOS_A_SECOND: Final = 120  # 20 ms each, twice as fast as they are spoken
CALL_HAS_ENDED: Final = 1000
BROKE_THE_RULES: Final = 1008

router = APIRouter()


class _Renew(BaseModel):
    """The page lives, and has got so many binary messages."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["renew"]
    received: int = Field(default=0, ge=0, le=1 << 53)


class _Hear(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: Literal["hear"]
    side: Side


_Words = TypeAdapter[_Renew | _Hear](_Renew | _Hear)


class _RuleBroken(Exception):
    """The reason is for the close frame: at most 123 bytes."""


@router.websocket("/ws/calls/{call_id}/audio")
async def call_audio(
    socket: WebSocket, call_id: UUID, side: Side = Side.BOTH, mic: MicrophoneFormat = MicrophoneFormat.PCMU
) -> None:
    """Refused before it is accepted: strangers 403, calls that are not theirs 404, calls that have ended 409."""
    user = await user_or_none(socket)
    if user is None:
        await socket.close(NOT_SIGNED_IN)
        return
    listener = await services_of(socket).control.listener(user.id, call_id, side)
    ears: PageCounter = socket.app.state.ears
    if not ears.enter(user.id):
        await socket.close(TOO_MANY_PAGES)
        return
    try:
        await socket.accept()
        async with listener:
            await _serve(socket, listener, mic, call_id)
    finally:
        ears.leave(user.id)


async def _serve(socket: WebSocket, listener: CallListener, mic: MicrophoneFormat, call_id: UUID) -> None:
    """Ends with whichever ends first: the page, or the call."""
    reading = asyncio.create_task(_read(socket, listener, mic), name=f"call-listener-{listener.id}")
    relay = asyncio.create_task(_relay(socket, listener, mic, call_id), name=f"call-sound-{listener.id}")
    try:
        await asyncio.wait({reading, relay}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (reading, relay):
            task.cancel()
        results = await asyncio.gather(reading, relay, return_exceptions=True)
    log.info("listener.left", call_id=str(call_id), lost=listener.lost, refused_ms=round(listener.refused_ms))
    error = next((each for each in results if isinstance(each, Exception)), None)
    if isinstance(error, WebSocketDisconnect | OSError):
        return
    if isinstance(error, _RuleBroken | ListenerGone):
        await _close(socket, BROKE_THE_RULES, str(error))
    elif isinstance(error, TimeoutError):
        await _close(socket, TOO_MANY_PAGES, "too slow")
    elif error is not None:
        raise error
    else:
        await _close(socket, CALL_HAS_ENDED, "the call has ended")


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    try:
        async with asyncio.timeout(SEND_DEADLINE_S):
            await socket.close(code, reason)
    except (RuntimeError, WebSocketDisconnect, OSError, TimeoutError):
        log.debug("listener.gone_before_close")


# -- from the browser


async def _read(socket: WebSocket, listener: CallListener, mic: MicrophoneFormat) -> None:
    """Raises `_RuleBroken`, and `WebSocketDisconnect` when the page goes."""
    texts, audios = _Pace(MAX_TEXTS_A_SECOND), _Pace(MAX_AUDIOS_A_SECOND)
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1006))
        audio = message.get("bytes")
        (texts if audio is None else audios).count()
        if audio is not None:
            await listener.speak(_checked(audio, mic), mic)
        else:
            await _obey(message.get("text") or "", listener)


class _Pace:
    """At most so many messages in a second of the clock."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._second = self._seen = 0

    def count(self) -> None:
        """One more. Raises `_RuleBroken`."""
        second = int(asyncio.get_running_loop().time())
        self._second, self._seen = second, self._seen + 1 if second == self._second else 1
        if self._seen > self._most:
            raise _RuleBroken("too many messages in a second")


def _checked(audio: bytes, mic: MicrophoneFormat) -> bytes:
    width = 2 if mic is MicrophoneFormat.PCM16 else 1
    if len(audio) > MAX_MICROPHONE_BYTES * width:
        raise _RuleBroken("send at most 200 ms of microphone at once")
    if len(audio) % width:
        raise _RuleBroken("send whole samples of 16 bits")
    return audio


async def _obey(text: str, listener: CallListener) -> None:
    if len(text) > MAX_TEXT_CHARS:
        raise _RuleBroken("this message is too long")
    try:
        words = _Words.validate_json(text)
    except ValidationError:
        raise _RuleBroken("no such message; see docs/live-control.md") from None
    if isinstance(words, _Renew):
        listener.alive(words.received)
    else:
        await listener.hear(words.side)


# -- to the browser


async def _relay(socket: WebSocket, listener: CallListener, mic: MicrophoneFormat, call_id: UUID) -> None:
    hello = {
        "type": "hello",
        "listener": listener.id,
        "call_id": str(call_id),
        "side": listener.side.value,
        "mic": mic.value,
        "rate_hz": 8_000,
        "batch_ms": BATCH_MS,
        "lease_s": LEASE_S,
    }
    await _send(socket, hello)
    batches, speaker = 0, None
    while (heard := await listener.next()) is not None:
        if (now_speaks := _speaker(heard)) != speaker:
            speaker = now_speaks
            await _send(socket, {"type": "speaker", "speaker": speaker, "you": heard.by_me})
        if heard.sound is not None:
            async with asyncio.timeout(SEND_DEADLINE_S):
                await socket.send_bytes(heard.sound)
        batches += 1
        if batches % LEVELS_EVERY == 0:
            await _send(socket, _levels(heard, listener))
    await _send(socket, {"type": "ended"})


def _speaker(heard: Heard) -> str:
    return "user" if heard.taken_over else "ai"


def _levels(heard: Heard, listener: CallListener) -> dict[str, Any]:
    levels = {"type": "levels", "at_ms": heard.at_ms, "callee": heard.callee_db, "ours": heard.ours_db}
    return levels | {"lost": listener.lost}


async def _send(socket: WebSocket, data: Any) -> None:
    async with asyncio.timeout(SEND_DEADLINE_S):
        await socket.send_text(orjson.dumps(data).decode())
