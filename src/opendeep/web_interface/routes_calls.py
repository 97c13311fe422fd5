"""`/api/calls/{id}/…`: what a user does to a live call. Each answers when the call has done it; 409 says why it cannot.

Sound and microphone are `call_audio_socket`'s.
"""

from uuid import UUID

from fastapi import APIRouter

from opendeep.web_interface import api_models as m
from opendeep.web_interface.dependencies import SignedIn, TheServices
from opendeep.web_interface.routes_api import ERRORS

router = APIRouter(prefix="/api/calls", responses=ERRORS)


@router.post("/{call_id}/whisper")
async def whisper(call_id: UUID, body: m.Whisper, user: SignedIn, services: TheServices) -> m.OrderDone:
    """Tell the AI something; the callee does not hear it."""
    await services.control.whisper(user.id, call_id, body.text)
    return m.OrderDone()


@router.post("/{call_id}/keys")
async def press_keys(call_id: UUID, body: m.Keys, user: SignedIn, services: TheServices) -> m.OrderDone:
    """Press keys of the telephone keypad; confirmed by the switch."""
    await services.control.press_keys(user.id, call_id, body.digits)
    return m.OrderDone()


@router.post("/{call_id}/take_over")
async def take_over(call_id: UUID, body: m.TakeOver, user: SignedIn, services: TheServices) -> m.OrderDone:
    """The AI falls silent; the microphone of this listener's audio socket is what the callee hears."""
    await services.control.take_over(user.id, call_id, body.listener)
    return m.OrderDone()


@router.post("/{call_id}/give_back")
async def give_back(call_id: UUID, user: SignedIn, services: TheServices) -> m.OrderDone:
    """The AI goes on; it is told what was said meanwhile."""
    await services.control.give_back(user.id, call_id)
    return m.OrderDone()


@router.post("/{call_id}/hang_up")
async def hang_up(call_id: UUID, user: SignedIn, services: TheServices) -> m.OrderDone:
    """End the call at once."""
    await services.control.hang_up(user.id, call_id)
    return m.OrderDone()
