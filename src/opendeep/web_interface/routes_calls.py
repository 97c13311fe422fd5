"""`/api/calls/{id}/…`: what a user does to a live call. Each answers when the call has done it; 409 says why it cannot.

Sound and microphone are `call_audio_socket`'s.
"""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from opendeep.audio_processing_service.live_messages import MAX_ID_CHARS, MAX_WHISPER_CHARS
from opendeep.web_interface.api_models import Plain
from opendeep.web_interface.dependencies import SignedIn, TheServices
from opendeep.web_interface.routes_api import ERRORS

router = APIRouter(prefix="/api/calls", responses=ERRORS)


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Whisper(_Order):
    text: Annotated[str, Field(min_length=1, max_length=MAX_WHISPER_CHARS), Plain]


class Keys(_Order):
    digits: Annotated[str, Field(pattern=r"^[0-9*#A-D]{1,32}$")]


class TakeOver(_Order):
    """`listener` is the id from the `hello` of the call's audio socket: its microphone replaces the AI."""

    listener: Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS)]


class OrderDone(BaseModel):
    """The call has done it."""

    status: Literal["done"] = "done"


@router.post("/{call_id}/whisper")
async def whisper(call_id: UUID, body: Whisper, user: SignedIn, services: TheServices) -> OrderDone:
    """Tell the AI something; the callee does not hear it."""
    await services.control.whisper(user.id, call_id, body.text)
    return OrderDone()


@router.post("/{call_id}/keys")
async def press_keys(call_id: UUID, body: Keys, user: SignedIn, services: TheServices) -> OrderDone:
    """Press keys of the telephone keypad; confirmed by the switch."""
    await services.control.press_keys(user.id, call_id, body.digits)
    return OrderDone()


@router.post("/{call_id}/take_over")
async def take_over(call_id: UUID, body: TakeOver, user: SignedIn, services: TheServices) -> OrderDone:
    """The AI falls silent; the microphone of this listener's audio socket is what the callee hears."""
    await services.control.take_over(user.id, call_id, body.listener)
    return OrderDone()


@router.post("/{call_id}/give_back")
async def give_back(call_id: UUID, user: SignedIn, services: TheServices) -> OrderDone:
    """The AI goes on; it is told what was said meanwhile."""
    await services.control.give_back(user.id, call_id)
    return OrderDone()


@router.post("/{call_id}/hang_up")
async def hang_up(call_id: UUID, user: SignedIn, services: TheServices) -> OrderDone:
    """End the call at once."""
    await services.control.hang_up(user.id, call_id)
    return OrderDone()
