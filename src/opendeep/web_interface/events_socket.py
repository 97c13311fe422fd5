"""`WS /api/events`: relays `user:{id}:events` to one page. Rows are the truth; a page that missed something refetches.

The subscription is bounded and drops its oldest messages; a page that was too slow is told `resync` and starts from the
API again. What the page sends is read only to notice that it has gone.
"""

import asyncio
import contextlib
from collections import Counter
from typing import Any
from uuid import UUID

import orjson
import structlog
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from opendeep.common.channels import user_events
from opendeep.common.data_models import User
from opendeep.common.redis_client import Subscription
from opendeep.web_interface.dependencies import services_of, user_or_none
from opendeep.web_interface.services import Services

log = structlog.get_logger(__name__)

HEARTBEAT_S = 15.0
SEND_DEADLINE_S = 15.0
CAPACITY = 512
MAX_PAGES_PER_USER = 20
NOT_SIGNED_IN = 1008  # policy violation; before accept the browser sees HTTP 403
TOO_MANY_PAGES = 1013  # try again later

router = APIRouter()


class PageCounter:
    """How many pages each user has open on this node."""

    def __init__(self) -> None:
        self._open: Counter[UUID] = Counter()

    def enter(self, user_id: UUID) -> bool:
        """False when the user has too many already."""
        if self._open[user_id] >= MAX_PAGES_PER_USER:
            return False
        self._open[user_id] += 1
        return True

    def leave(self, user_id: UUID) -> None:
        self._open[user_id] -= 1
        if self._open[user_id] <= 0:
            del self._open[user_id]


@router.websocket("/api/events")
async def events(socket: WebSocket) -> None:
    """Authenticate by the cookie, say hello, relay until the page goes."""
    user = await user_or_none(socket)
    if user is None:
        await socket.close(NOT_SIGNED_IN)
        return
    pages: PageCounter = socket.app.state.pages
    if not pages.enter(user.id):
        await socket.close(TOO_MANY_PAGES)
        return
    try:
        await socket.accept()
        await _serve(socket, services_of(socket), user)
    finally:
        pages.leave(user.id)


async def _serve(socket: WebSocket, services: Services, user: User) -> None:
    """Ends with whichever ends first: the page, or the relay."""
    async with services.bell.listen(user_events(user.id), capacity=CAPACITY) as subscription:
        listener = asyncio.create_task(_until_gone(socket), name=f"page-listener-{user.id}")
        relay = asyncio.create_task(_relay(socket, services, user, subscription), name=f"page-relay-{user.id}")
        try:
            await asyncio.wait({listener, relay}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (listener, relay):
                task.cancel()
            results = await asyncio.gather(listener, relay, return_exceptions=True)
    for error in results:
        if isinstance(error, TimeoutError):
            log.info("page.too_slow", user_id=str(user.id))
            with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError):
                await socket.close(TOO_MANY_PAGES)
        elif isinstance(error, Exception) and not isinstance(error, (WebSocketDisconnect, OSError)):
            log.error("page.relay_failed", user_id=str(user.id), exc_info=error)


async def _until_gone(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _relay(socket: WebSocket, services: Services, user: User, subscription: Subscription) -> None:
    # The subscription stands before the snapshot is read: nothing falls between the two.
    hello = {
        "type": "hello",
        "user": {"id": str(user.id), "name": user.name},
        "now": socket.app.state.clock.now().isoformat(),  # for countdowns on machines whose clock is wrong
        "heartbeat_s": HEARTBEAT_S,
        "feedback": await services.campaigns.pending_feedback(user.id),
    }
    await _send(socket, hello)
    missed = 0
    while True:
        message = await subscription.next(HEARTBEAT_S)
        if subscription.dropped > missed:
            missed = subscription.dropped
            subscription.drain()
            await _send(socket, {"type": "resync"})
        elif message is None:
            await _send(socket, {"type": "heartbeat"})
        else:
            await _send(socket, message.data)


async def _send(socket: WebSocket, data: Any) -> None:
    """Raises `TimeoutError` for a page that takes nothing any more."""
    async with asyncio.timeout(SEND_DEADLINE_S):
        await socket.send_text(orjson.dumps(data, default=str).decode())
