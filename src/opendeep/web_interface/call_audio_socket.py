"""`WS /ws/calls/{id}/audio`: the sound of a live call to a browser, and its microphone back (docs/live-control.md).

Binary messages are audio, text messages JSON. Owns what a browser may send and how fast; what it hears and how much may
be on its way is `CallListener`'s. A browser that breaks the rules is told why in the close reason.
"""

from typing import Any, Final, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, WebSocket
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocketDisconnect

from opendeep.audio_processing_service.call_listener import CallListener, Heard, ListenerGone, MicrophoneFormat
from opendeep.audio_processing_service.live_messages import BATCH_MS, LEASE_S, MAX_MICROPHONE_BYTES, Side
from opendeep.web_interface.dependencies import services_of, user_or_none
from opendeep.web_interface.events_socket import NOT_SIGNED_IN, TOO_MANY_PAGES, PageCounter
from opendeep.web_interface.socket_rules import (
    BROKE_THE_RULES,
    CLOSED_WELL,
    MAX_AUDIOS_A_SECOND,
    MAX_TEXTS_A_SECOND,
    Pace,
    RuleBroken,
    close,
    receive,
    send_json,
    send_sound,
    until_either_ends,
)

log = structlog.get_logger(__name__)

LEVELS_EVERY: Final = 2  # batches: five times a second

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
    reading, relay = _read(socket, listener, mic), _relay(socket, listener, mic, call_id)
    error = await until_either_ends(reading, relay, f"call-listener-{listener.id}")
    log.info("listener.left", call_id=str(call_id), lost=listener.lost, refused_ms=round(listener.refused_ms))
    if isinstance(error, WebSocketDisconnect | OSError):
        return
    if isinstance(error, RuleBroken | ListenerGone):
        await close(socket, BROKE_THE_RULES, str(error))
    elif isinstance(error, TimeoutError):
        await close(socket, TOO_MANY_PAGES, "too slow")
    elif error is not None:
        raise error
    else:
        await close(socket, CLOSED_WELL, "the call has ended")


# -- from the browser


async def _read(socket: WebSocket, listener: CallListener, mic: MicrophoneFormat) -> None:
    """Raises `RuleBroken`, and `WebSocketDisconnect` when the page goes."""
    texts, audios = Pace(MAX_TEXTS_A_SECOND), Pace(MAX_AUDIOS_A_SECOND)
    while True:
        message = await receive(socket, texts, audios)
        if isinstance(message, bytes):
            await listener.speak(_checked(message, mic), mic)
        else:
            await _obey(message, listener)


def _checked(audio: bytes, mic: MicrophoneFormat) -> bytes:
    width = 2 if mic is MicrophoneFormat.PCM16 else 1
    if len(audio) > MAX_MICROPHONE_BYTES * width:
        raise RuleBroken("send at most 200 ms of microphone at once")
    if len(audio) % width:
        raise RuleBroken("send whole samples of 16 bits")
    return audio


async def _obey(text: str, listener: CallListener) -> None:
    try:
        words = _Words.validate_json(text)
    except ValidationError:
        raise RuleBroken("no such message; see docs/live-control.md") from None
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
    await send_json(socket, hello)
    batches, speaker = 0, None
    while (heard := await listener.next()) is not None:
        if (now_speaks := _speaker(heard)) != speaker:
            speaker = now_speaks
            await send_json(socket, {"type": "speaker", "speaker": speaker, "you": heard.by_me})
        if heard.sound is not None:
            await send_sound(socket, heard.sound)
        batches += 1
        if batches % LEVELS_EVERY == 0:
            await send_json(socket, _levels(heard, listener))
    await send_json(socket, {"type": "ended"})


def _speaker(heard: Heard) -> str:
    return "user" if heard.taken_over else "ai"


def _levels(heard: Heard, listener: CallListener) -> dict[str, Any]:
    levels = {"type": "levels", "at_ms": heard.at_ms, "callee": heard.callee_db, "ours": heard.ours_db}
    return levels | {"lost": listener.lost}
