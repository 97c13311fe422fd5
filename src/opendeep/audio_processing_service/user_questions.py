"""The tool `request_user_feedback`: at most one question is open, only so many in a call, each with a deadline.

The row decides between an answer, the deadline and the end of the call; the bell only shortens the wait. An answer that
comes after its deadline is told to the AI while the call lives, and is kept for the task in any case. Who may speak
while we wait is `silence_policy`'s and the conversation's matter.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

import structlog
from pydantic import Field

from opendeep.audio_processing_service.tool_ground import Arguments, Output, ToolGround, ToolRequest, refused
from opendeep.common.data_models import FeedbackKind, FeedbackRequest, FeedbackStatus
from opendeep.common.errors import Conflict, DatabaseUnavailable
from opendeep.config.prompt_config import NO_ANSWER_NOTE, late_answer_note

log = structlog.get_logger(__name__)

FEEDBACK_POLL_S: Final = 5.0  # the bell may be lost: look at the row
MAX_CALL_ID_CHARS: Final = 80  # of the provider's ids, as far as we keep them


class _RequestUserFeedback(Arguments):
    question: Annotated[str, Field(min_length=1, max_length=500)]
    options: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=10, default_factory=list)]


@dataclass(frozen=True, slots=True)
class QuestionPorts:
    """`tell` gives the AI a note that it answers; `spawn` runs work that ends with the call."""

    tell: Callable[[str], None]
    spawn: Callable[[Coroutine[Any, Any, None], str], None]


class UserQuestions:
    """One per call."""

    def __init__(self, ground: ToolGround, ports: QuestionPorts) -> None:
        self._call = ground.brief.call
        self._db = ground.db
        self._clock = ground.clock
        self._records = ground.records
        self._limits = ground.limits
        self._ports = ports
        self._asking = False
        self._asked = False  # ever in this call
        self._open: UUID | None = None
        self._rang = asyncio.Event()
        self._expired: set[UUID] = set()  # of this call; at most `max_feedback`

    @property
    def waiting(self) -> bool:
        """A question is open."""
        return self._open is not None

    def receive_answered(self, data: Mapping[str, Any]) -> None:
        """The bell: a question of this call was answered."""
        try:
            answered = UUID(str(data.get("feedback_id")))
        except ValueError:
            return
        if answered in self._expired:
            self._expired.discard(answered)
            self._ports.spawn(self._tell_late(answered), "late-answer")
        elif answered == self._open:
            self._rang.set()

    async def request_user_feedback(self, request: ToolRequest, arguments: object) -> Output:
        """Ask, wait, and give what the model shall know. Raises `DatabaseUnavailable`."""
        wish = _RequestUserFeedback.model_validate(arguments)
        if self._asking:
            return refused("Another question to the user is still open; wait for its answer.")
        self._asking = self._asked = True
        try:
            asked = await self._commit(request.call_id[:MAX_CALL_ID_CHARS], wish.question, wish.options)
            if isinstance(asked, str):
                return refused(asked)
            self._open = asked.id
            row = await self._await_answer(asked)
        finally:
            self._asking, self._open = False, None
        if row.status is FeedbackStatus.ANSWERED:
            return {"status": "answered", "answer": row.answer or ""}
        self._expired.add(row.id)
        return {"status": "expired", "detail": NO_ANSWER_NOTE}

    def close(self) -> None:
        """The call is over: what is open, or was being written at this moment, can only be answered late."""
        if self._asked:
            self._records.withdraw_questions()

    # -- inside

    async def _commit(self, tool_call_id: str, question: str, options: Sequence[str]) -> FeedbackRequest | str:
        """The committed question, or why it may not be asked."""
        call = self._call
        try:
            async with self._db.transaction() as work:
                if await work.feedback.count_of_call(call.user_id, call.id) >= self._limits.max_feedback:
                    return "The user cannot be asked any more in this call; decide with what you know."
                self._rang.clear()
                return await work.feedback.ask(
                    call.user_id,
                    call.campaign_id,
                    call.task_id,
                    question,
                    kind=FeedbackKind.LIVE,
                    call_id=call.id,
                    tool_call_id=tool_call_id,
                    options=options,
                    timeout_s=self._limits.feedback_timeout_s,
                )
        except Conflict as error:
            return str(error)

    async def _await_answer(self, asked: FeedbackRequest) -> FeedbackRequest:
        """Until the row is answered, or expired by us."""
        deadline = self._clock.monotonic() + self._limits.feedback_timeout_s
        while (left := deadline - self._clock.monotonic()) > 0:
            try:
                async with asyncio.timeout(min(left, FEEDBACK_POLL_S)):
                    await self._rang.wait()
            except TimeoutError:
                pass  # look at the row
            self._rang.clear()
            try:
                row = await self._read(asked.id)
            except DatabaseUnavailable as error:
                log.warning("tool.feedback_unreadable", error=str(error))
                continue
            if row.status is not FeedbackStatus.PENDING:
                return row
        async with self._db.transaction() as work:
            row = await work.feedback.close(asked.id, FeedbackStatus.EXPIRED)
        return await self._read(asked.id) if self._rang.is_set() else row  # answered just after it was closed

    async def _tell_late(self, question_id: UUID) -> None:
        try:
            row = await self._read(question_id)
        except DatabaseUnavailable as error:
            log.warning("tool.late_answer_unreadable", error=str(error))
            return
        if row.status is FeedbackStatus.ANSWERED:
            self._records.note("call.late_answer", "Your late answer was passed on to the AI in the call.")
            self._ports.tell(late_answer_note(row.question, row.answer or ""))

    async def _read(self, question_id: UUID) -> FeedbackRequest:
        async with self._db.read() as work:
            return await work.feedback.get(self._call.user_id, question_id)
