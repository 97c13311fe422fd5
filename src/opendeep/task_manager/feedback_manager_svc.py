"""`FeedbackManagerService`: the user's side of the human in the loop.

Answers to live questions go into their call, late ones are kept for the analyser and the next call; decisions asked
between calls move their task on. Asking live questions is the voice side's business, asking for decisions that of the
analyser and the lifecycle manager.
"""

from uuid import UUID

import structlog

from opendeep.common import channels
from opendeep.common.data_models import FeedbackKind, FeedbackRequest, Task, TaskStatus
from opendeep.common.decisions import SETS_CANCEL, SETS_STOP, SETS_TIMEZONE, consents, means_stop
from opendeep.common.errors import UserMistake
from opendeep.common.redis_client import Doorbell
from opendeep.common.task_states import CANCELLABLE, TERMINAL
from opendeep.common.time_zone_words import zone_from_words
from opendeep.common.workers import run_rounds
from opendeep.database.db_manager import DatabaseManager, Transaction

log = structlog.get_logger(__name__)

MAX_ANSWER_LENGTH = 2_000
EXPIRY_ROUND_S = 5.0


class FeedbackManagerService:
    """Answers, expiries, and what an answer does to its task."""

    def __init__(self, db: DatabaseManager, bell: Doorbell) -> None:
        self._db = db
        self._bell = bell

    async def run(self) -> None:
        """The worker that expires questions whose call did not (its process may be gone)."""
        await run_rounds("feedback", self._bell, (), EXPIRY_ROUND_S, self.expire_overdue)

    async def answer(self, user_id: UUID, feedback_id: UUID, text: str) -> FeedbackRequest:
        """Take the user's answer; the first one counts, before and after the deadline of a question from a call.

        Raises `NotFound` for a question that is not this user's, `Conflict` when it is answered, `UserMistake` for an
        empty or too long text, or one that does not say what was asked for: the question stays open then.
        """
        text = text.strip()
        if not text or len(text) > MAX_ANSWER_LENGTH:
            raise UserMistake(f"Please write an answer of 1 to {MAX_ANSWER_LENGTH} characters.")
        async with self._db.transaction() as work:
            feedback = await work.feedback.answer(user_id, feedback_id, text)
            await work.events.add(
                user_id,
                "feedback.answered",
                f"You answered “{feedback.question}”: {text}{await _fate(work, feedback)}",
                campaign_id=feedback.campaign_id,
                task_id=feedback.task_id,
                call_id=feedback.call_id,
            )
            if feedback.kind is FeedbackKind.DECISION:
                task = await work.tasks.get(user_id, feedback.task_id)
                await self._decide(work, task, feedback.sets, text)
        log.info("feedback.answered", user_id=str(user_id), task_id=str(feedback.task_id), kind=feedback.kind.value)
        return feedback

    async def expire_overdue(self) -> None:
        """Close live questions past their deadline."""
        async with self._db.read() as reading:
            overdue = await reading.feedback.overdue()
        if not overdue:
            return
        async with self._db.transaction() as work:
            await work.feedback.expire_overdue()

    async def _decide(self, work: Transaction, task: Task, sets: str | None, text: str) -> None:
        if sets == SETS_CANCEL:
            await self._consent(work, task, text)
            return
        if sets == SETS_STOP and task.status is not TaskStatus.NEEDS_USER:
            if means_stop(text):
                await self._cancel(work, task)
            return
        if sets == SETS_TIMEZONE and not means_stop(text):
            task = await work.tasks.change(task.user_id, task.id, task.version, timezone=_zone(text))
        await self._move_on(work, task, text)

    async def _consent(self, work: Transaction, task: Task, text: str) -> None:
        """Cancel on a plain yes, go on as planned on a plain no. Raises `UserMistake` for anything else."""
        agreed = consents(text)
        if agreed is None:
            raise UserMistake("Please answer yes to cancel the task, or no to go on with it.")
        if agreed:
            await self._cancel(work, task)
        elif task.status is TaskStatus.NEEDS_USER:
            due = task.next_attempt_at
            await work.tasks.transition(task.id, TaskStatus.SCHEDULED, "You said that it goes on.", next_attempt_at=due)

    @staticmethod
    async def _cancel(work: Transaction, task: Task) -> None:
        """At once, or, where it is in a call, by making that call the last."""
        if task.status in CANCELLABLE:
            await work.tasks.transition(task.id, TaskStatus.CANCELLED, "You decided to stop here.")
        elif task.status not in TERMINAL:
            await work.tasks.change(task.user_id, task.id, task.version, max_attempts=task.attempts)

    async def _move_on(self, work: Transaction, task: Task, text: str) -> None:
        """A decision was taken: stop the task, or call again with the answer (later calls see all answers)."""
        if task.status is not TaskStatus.NEEDS_USER:
            return  # the task went on by itself; the answer stays with it
        if means_stop(text):
            await work.tasks.transition(task.id, TaskStatus.CANCELLED, "You decided to stop here.")
            return
        if task.attempts >= task.max_attempts:
            task = await work.tasks.change(task.user_id, task.id, task.version, max_attempts=task.attempts + 1)
        await work.tasks.transition(task.id, TaskStatus.SCHEDULED, "You answered; calling again.")
        work.ring(channels.TASKS_DUE)


async def _fate(work: Transaction, feedback: FeedbackRequest) -> str:
    """What becomes of a late answer; nothing to say of others."""
    if not feedback.late or feedback.call_id is None:
        return ""
    if (await work.calls.get_call_by_id(feedback.call_id, feedback.user_id)).live:
        return " (late: it goes to the AI while the call lasts, and is kept)"
    return " (late: the call was over, it is kept for the next call)"


def _zone(text: str) -> str:
    zone = zone_from_words(text)
    if zone is None:
        raise UserMistake(
            f"I do not know which time zone “{text[:60]}” is. Write one city or zone, for example Lisbon, "
            "Europe/Berlin or UTC+2."
        )
    return zone
