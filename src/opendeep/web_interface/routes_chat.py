"""`POST /api/chat`, whole, and `POST /api/chat/stream`, as it happens: the same round of the chat told in two ways.

Owns the server-sent events and the ends that a client makes: whoever goes away stops the round. No rules, no rows.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import orjson
import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from opendeep.common.data_models import User
from opendeep.common.errors import NotSignedIn, OpenDeepError
from opendeep.task_manager.assistant_round import WAITING, ChatRound
from opendeep.web_interface import api_models as m
from opendeep.web_interface.dependencies import SIGN_IN_FIRST, MaybeUser, TheCookies, TheServices
from opendeep.web_interface.error_answers import words_of
from opendeep.web_interface.models_chat import Opened
from opendeep.web_interface.routes_api import ERRORS, reply_view, sign_in, user_view
from opendeep.web_interface.services import Services
from opendeep.web_interface.sessions import SessionCookies

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/api", responses=ERRORS)

PATIENCE_S: Final = 10.0  # after so long without an event a comment is sent: proxies close what is silent
EVENT_STREAM: Final = "text/event-stream"
STREAM_HEADERS: Final = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
_STREAM_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "Server-sent events, see `models_chat`", "content": {EVENT_STREAM: {}}}
}


@router.post("/chat")
async def chat(
    body: m.ChatRequest,
    request: Request,
    response: Response,
    services: TheServices,
    cookies: TheCookies,
    user: MaybeUser,
) -> m.ChatReplyView:
    """One round of the chat. The first message signs in by `user_name`. A client that goes away stops the round."""
    user = await _who(body, request, response, services, cookies, user)
    going = await services.assistant.begin(user.id, body.chat_id, body.message, body.form_answers)
    async with _stopped_with(request, going):
        return reply_view(await going.reply(), user)


@router.post("/chat/stream", response_class=StreamingResponse, responses=_STREAM_ANSWER)
async def chat_stream(
    body: m.ChatRequest, request: Request, services: TheServices, cookies: TheCookies, user: MaybeUser
) -> StreamingResponse:
    """The same round as it happens: `opened`, `tool_started`, `tool_finished`, `text`, `text_reset`, then `reply` (as
    of `POST /api/chat`) or `error`. What is wrong with the message itself is an ordinary answer with its status. A
    client that goes away stops the round; what was said until then is kept."""
    signing = Response()
    user = await _who(body, request, signing, services, cookies, user)
    going = await services.assistant.begin(user.id, body.chat_id, body.message, body.form_answers)
    response = StreamingResponse(_events(going, user), media_type=EVENT_STREAM, headers=STREAM_HEADERS)
    for cookie in signing.headers.getlist("set-cookie"):
        response.headers.append("set-cookie", cookie)
    return response


async def _who(
    body: m.ChatRequest,
    request: Request,
    response: Response,
    services: Services,
    cookies: SessionCookies,
    user: User | None,
) -> User:
    """The signed-in user, or the one whom the first message signs in."""
    if user is None:
        if body.user_name is None:
            raise NotSignedIn(SIGN_IN_FIRST)
        user = await services.campaigns.sign_in(body.user_name)
        sign_in(request, response, cookies, user)
    return user


@contextlib.asynccontextmanager
async def _stopped_with(request: Request, going: ChatRound) -> AsyncIterator[None]:
    """Stop the round when the client goes away."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        going.stop()

    watching = asyncio.create_task(watch(), name=f"chat-client-{going.chat_id}")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait({watching})


async def _events(going: ChatRound, user: User) -> AsyncIterator[bytes]:
    """The body of the stream. Closed before its end, because nobody reads it any more, it stops the round."""
    try:
        yield _event("opened", Opened(chat_id=going.chat_id, user=user_view(user)).model_dump(mode="json"))
        async for event in going.events(PATIENCE_S):
            yield b": waiting\n\n" if event.kind == WAITING else _event(event.kind, event.data)
        yield await _last(going, user)
    finally:
        going.stop()


async def _last(going: ChatRound, user: User) -> bytes:
    try:
        return _event("reply", reply_view(await going.reply(), user).model_dump(mode="json"))
    except OpenDeepError as error:
        log.warning("chat.round_failed", chat_id=str(going.chat_id), code=error.code, error=str(error))
        return _event("error", {"error": {"code": error.code, "message": words_of(error) or error.code}})


def _event(kind: str, data: dict[str, Any]) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
