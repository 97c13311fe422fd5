"""`CallControlService`: what a user does to a live call of their own, on whichever node it is held.

Checks whose call it is and that it lives, rings the call's channel, and waits for the answer of the node that holds it:
the voice side for whispering and taking over, the telephony side for keys and the end. Knows no audio; whoever listens
gets a `CallListener`.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import structlog

from opendeep.audio_processing_service.call_listener import CallListener
from opendeep.audio_processing_service.live_messages import OBEYED, REFUSED, Side
from opendeep.common.channels import USER_HUNG_UP, call_commands
from opendeep.common.clock import Clock
from opendeep.common.data_models import Call
from opendeep.common.errors import CallUnreachable, Conflict, TooManyRequests
from opendeep.common.ids import new_id
from opendeep.common.redis_client import Doorbell, Subscription
from opendeep.database.db_manager import DatabaseManager

log = structlog.get_logger(__name__)

ANSWER_S: Final = 5.0
DTMF_PER_DIGIT_S: Final = 0.6
MAX_AT_ONCE: Final = 8  # orders of one user that wait for their answer
ENDED: Final = frozenset({"ended", "media_ended"})
HAS_ENDED: Final = "This call has ended."
NO_ANSWER: Final = "The call did not answer. If it is still there in a moment, please try again."


class CallControlService:
    """Every method raises `NotFound` for a call that is not this user's and `Conflict` for one that has ended or cannot
    do it now, with the reason; `CallUnreachable` when its node does not answer."""

    def __init__(self, db: DatabaseManager, bell: Doorbell, clock: Clock, answer_s: float = ANSWER_S) -> None:
        self._db = db
        self._bell = bell
        self._clock = clock
        self._answer_s = answer_s
        self._waiting: Counter[UUID] = Counter()

    async def whisper(self, user_id: UUID, call_id: UUID, text: str) -> None:
        """Tell the AI something that the callee does not hear."""
        await self._order(user_id, call_id, "whisper", text=text)

    async def take_over(self, user_id: UUID, call_id: UUID, listener: str) -> None:
        """Speak in the AI's place, with the microphone of this listener's socket."""
        await self._order(user_id, call_id, "take_over", listener=listener)

    async def give_back(self, user_id: UUID, call_id: UUID) -> None:
        """Let the AI go on."""
        await self._order(user_id, call_id, "give_back")

    async def press_keys(self, user_id: UUID, call_id: UUID, digits: str) -> None:
        """Send keypad tones, confirmed by the switch."""
        await self._order(
            user_id,
            call_id,
            "send_dtmf",
            done="dtmf_sent",
            not_done="dtmf_failed",
            more_s=DTMF_PER_DIGIT_S * len(digits),
            digits=digits,
        )

    async def hang_up(self, user_id: UUID, call_id: UUID) -> None:
        """End the call at once. Returns when it has ended."""
        await self._order(user_id, call_id, "hangup", done="ended", reason=USER_HUNG_UP)

    async def listener(self, user_id: UUID, call_id: UUID, side: Side) -> CallListener:
        """Somebody who listens, not yet begun."""
        call = await self._live_call(user_id, call_id)
        return CallListener(call, side, self._db, self._bell, self._clock)

    # -- inside

    async def _live_call(self, user_id: UUID, call_id: UUID) -> Call:
        async with self._db.read() as work:
            call = await work.calls.get_call_by_id(call_id, user_id)
        if not call.live:
            raise Conflict(HAS_ENDED)
        return call

    async def _order(
        self,
        user_id: UUID,
        call_id: UUID,
        kind: str,
        *,
        done: str = OBEYED,
        not_done: str = REFUSED,
        more_s: float = 0.0,
        **data: Any,
    ) -> None:
        """Ring, and wait for what settles it: its own answer, or the end of the call."""
        with self._one_more(user_id):
            call = await self._live_call(user_id, call_id)
            request_id = str(new_id())
            channel = call_commands(call.id)
            log.info("control.order", kind=kind, call_id=str(call.id), user_id=str(user_id))
            async with self._bell.listen(channel) as inbox:
                await self._bell.ring(
                    channel, {"type": kind, "request_id": request_id, "user_id": str(user_id), **data}
                )
                answer = await self._answer(inbox, request_id, {done, not_done}, self._answer_s + more_s)
        if answer is None:
            raise CallUnreachable(NO_ANSWER)
        if answer["type"] == not_done:
            raise Conflict(str(answer.get("detail") or NO_ANSWER)[:300])
        if answer["type"] in ENDED and done not in ENDED:
            raise Conflict(HAS_ENDED)

    async def _answer(
        self, inbox: Subscription, request_id: str, answers: set[str], within_s: float
    ) -> dict[str, Any] | None:
        until = self._clock.monotonic() + within_s
        while (left := until - self._clock.monotonic()) > 0:
            message = await inbox.next(timeout=left)
            if message is None:
                break
            kind = message.data.get("type")
            if kind in ENDED or (kind in answers and message.data.get("request_id") == request_id):
                return dict(message.data)
        return None

    @contextmanager
    def _one_more(self, user_id: UUID) -> Iterator[None]:
        if self._waiting[user_id] >= MAX_AT_ONCE:
            raise TooManyRequests("Your last orders are still being carried out; please wait a moment.")
        self._waiting[user_id] += 1
        try:
            yield
        finally:
            self._waiting[user_id] -= 1
            if not self._waiting[user_id]:
                del self._waiting[user_id]
