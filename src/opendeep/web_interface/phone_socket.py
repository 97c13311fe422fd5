"""`WS /ws/phone`: a page of the signed-in user as a telephone, extension 7000 of the simulated switch (docs/phone.md).

Binary messages are sound (µ-law at 8 kHz, 20 ms each), text messages JSON. Owns what a page may send and how fast; what
rings where is the switch's.
"""

from typing import Annotated, Final, Literal

import structlog
from fastapi import APIRouter, WebSocket
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocketDisconnect

from opendeep.common.errors import NotFound
from opendeep.web_interface.dependencies import services_of, user_or_none
from opendeep.web_interface.events_socket import HEARTBEAT_S, NOT_SIGNED_IN, TOO_MANY_PAGES, PageCounter
from opendeep.web_interface.services import PagePhone
from opendeep.web_interface.socket_rules import (
    BROKE_THE_RULES,
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

FRAME_MS: Final = 20
RATE_HZ: Final = 8_000
MAX_MICROPHONE_BYTES: Final = 1_600  # 200 ms
NO_PHONE: Final = "There is no phone in the browser here: only the simulated telephone network has one."

router = APIRouter()

CallId = Annotated[str, Field(min_length=1, max_length=150)]


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Decision(_Words):
    type: Literal["answer", "decline", "hang_up"]
    call_id: CallId


class _Key(_Words):
    type: Literal["key"]
    digit: Annotated[str, Field(pattern=r"^[0-9*#]$")]


_AnyWords = TypeAdapter[_Decision | _Key](_Decision | _Key)


@router.websocket("/ws/phone")
async def phone(socket: WebSocket) -> None:
    """Refused before it is accepted: strangers 403, and 404 where the telephone network is not the simulated one."""
    user = await user_or_none(socket)
    if user is None:
        await socket.close(NOT_SIGNED_IN)
        return
    phones = services_of(socket).phones
    if phones is None:
        raise NotFound(NO_PHONE)
    counter: PageCounter = socket.app.state.phones
    if not counter.enter(user.id):
        await socket.close(TOO_MANY_PAGES)
        return
    try:
        await socket.accept()
        async with phones.connect(user.id) as handset:
            await _serve(socket, handset, phones.extension)
    finally:
        counter.leave(user.id)


async def _serve(socket: WebSocket, handset: PagePhone, extension: str) -> None:
    """Ends with the page, or when it does not take what it is told."""
    error = await until_either_ends(_read(socket, handset), _relay(socket, handset, extension), "phone")
    if isinstance(error, RuleBroken):
        await close(socket, BROKE_THE_RULES, str(error))
    elif isinstance(error, TimeoutError):
        await close(socket, TOO_MANY_PAGES, "too slow")
    elif error is not None and not isinstance(error, WebSocketDisconnect | OSError):
        raise error


async def _read(socket: WebSocket, handset: PagePhone) -> None:
    """Raises `RuleBroken`, and `WebSocketDisconnect` when the page goes."""
    texts, audios = Pace(MAX_TEXTS_A_SECOND), Pace(MAX_AUDIOS_A_SECOND)
    while True:
        message = await receive(socket, texts, audios)
        if isinstance(message, str):
            _obey(message, handset)
        elif len(message) > MAX_MICROPHONE_BYTES:
            raise RuleBroken("send at most 200 ms of microphone at once")
        else:
            handset.speak(message)


def _obey(text: str, handset: PagePhone) -> None:
    try:
        words = _AnyWords.validate_json(text)
    except ValidationError:
        raise RuleBroken("no such message; see docs/phone.md") from None
    if isinstance(words, _Key):
        handset.press(words.digit)
    elif words.type == "answer":
        handset.answer(words.call_id)
    elif words.type == "decline":
        handset.decline(words.call_id)
    else:
        handset.hang_up(words.call_id)


async def _relay(socket: WebSocket, handset: PagePhone, extension: str) -> None:
    hello = {"type": "hello", "extension": extension, "rate_hz": RATE_HZ, "frame_ms": FRAME_MS}
    await send_json(socket, hello | {"heartbeat_s": HEARTBEAT_S})
    while True:
        news = await handset.next(HEARTBEAT_S)
        if isinstance(news, bytes):
            await send_sound(socket, news)
        else:
            await send_json(socket, {"type": "heartbeat"} if news is None else news)
