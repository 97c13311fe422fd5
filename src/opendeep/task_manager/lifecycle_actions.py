"""What each action of the lifecycle manager does to the rows, and what would take it back.

The caller holds the task's row at the version that was looked at. Anything that no longer fits raises `Conflict`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from opendeep.common import channels, decisions
from opendeep.common.call_notes import with_note
from opendeep.common.data_models import FeedbackKind, Task, TaskStatus
from opendeep.common.errors import Conflict
from opendeep.common.task_states import TERMINAL
from opendeep.database.db_manager import Transaction
from opendeep.task_manager.lifecycle_values import Action, Proposal

MAX_QUESTION_CHARS: Final = 500
HOLD_FOR: Final = timedelta(days=1)  # when nobody says for how long
_BELLS: Final = {
    TaskStatus.QUEUED_FOR_CALL: channels.TASKS_QUEUED,
    TaskStatus.PENDING_ANALYSIS: channels.CALLS_ENDED,
}
S = TaskStatus


@dataclass(frozen=True, slots=True)
class Applied:
    """`undo`: as `lifecycle_undo` reads it, None when nothing can be taken back. `result`: when it is known at once."""

    undo: Mapping[str, Any] | None = None
    result: str | None = None


async def apply(work: Transaction, user_id: UUID, proposal: Proposal) -> Applied:
    """Do it. Raises `Conflict` or `InvalidTransition` when the rows do not allow it any more."""
    match proposal.action:
        case Action.REPORT:
            if bell := _BELLS.get(proposal.task.status):
                work.ring(bell)
            return Applied()
        case Action.REMIND:
            return Applied()
        case Action.REANALYSE:
            reason = "The end of the call was not seen."
            await work.tasks.transition(proposal.task.id, S.PENDING_ANALYSIS, reason, expected=S.CALL_IN_PROGRESS)
            return Applied()
        case Action.REPAIR:
            await _set(work, proposal.task, next_attempt_at=None)
            return Applied(result="The time is gone.")
        case Action.REPRIORITISE | Action.RESCHEDULE | Action.REVISE_PROMPT | Action.CLASSIFY:
            return await _change(work, proposal)
        case Action.HOLD | Action.RESUME:
            return await _hold_or_resume(work, proposal)
        case Action.MERGE:
            return await _merge(work, user_id, proposal)
        case Action.CHECK_IN | Action.ESCALATE | Action.CANCEL:
            return await _ask(work, user_id, proposal)


def field_undo(name: str, now: Any, was: Any) -> dict[str, Any]:
    """One field that was changed; times as ISO text."""
    return {"fields": {name: {"now": _plain(now), "was": _plain(was)}}}


async def _change(work: Transaction, proposal: Proposal) -> Applied:
    task = proposal.task
    match proposal.action:
        case Action.REPRIORITISE:
            await _set(work, task, priority=proposal.priority)
            return Applied(field_undo("priority", proposal.priority, task.priority))
        case Action.RESCHEDULE:
            _expect(task, S.SCHEDULED)
            await _set(work, task, next_attempt_at=proposal.until)
            return Applied(field_undo("next_attempt_at", proposal.until, task.next_attempt_at))
        case Action.REVISE_PROMPT:
            brief = with_note(task.brief, proposal.note or "")
            await _set(work, task, brief=brief)
            return Applied(field_undo("notes", brief["notes"], list(task.brief.get("notes") or ())))
        case _:
            await _set(work, task, brief={**task.brief, "horizon": proposal.horizon})
            undo = field_undo("horizon", proposal.horizon, task.brief.get("horizon", "short"))
            return Applied(undo, f"It is treated as {proposal.horizon}-running.")


async def _hold_or_resume(work: Transaction, proposal: Proposal) -> Applied:
    task = proposal.task
    if proposal.action is Action.HOLD:
        _expect(task, S.SCHEDULED)
        until = proposal.until or work.now + HOLD_FOR
        await work.tasks.transition(task.id, S.ON_HOLD, proposal.reason, expected=S.SCHEDULED, next_attempt_at=until)
        return Applied(_status_undo(task, S.ON_HOLD))
    await work.tasks.transition(task.id, S.SCHEDULED, "The hold is over.", expected=S.ON_HOLD)
    return Applied(_status_undo(task, S.SCHEDULED))


async def _merge(work: Transaction, user_id: UUID, proposal: Proposal) -> Applied:
    task, twin = proposal.task, proposal.twin
    if twin is None or twin.id == task.id:
        raise Conflict("There is no other task to merge it with.")
    kept = await work.tasks.get(user_id, twin.id)
    if kept.status in TERMINAL:
        raise Conflict("The other task has ended in the meantime.")
    reason = f"Merged with the task for {kept.contact_name}: the same number and aim."
    await work.tasks.transition(task.id, S.CANCELLED, reason, expected=task.status)
    return Applied(_status_undo(task, S.CANCELLED), "One task in place of two.")


async def _ask(work: Transaction, user_id: UUID, proposal: Proposal) -> Applied:
    """A question under *Needs you*. The task waits for the answer, but for one that is only escalated."""
    task = proposal.task
    undo: dict[str, Any] = {}
    if proposal.action is not Action.ESCALATE and task.status in (S.SCHEDULED, S.ON_HOLD):
        due = task.next_attempt_at
        reason = "Waiting for your decision."
        await work.tasks.transition(task.id, S.NEEDS_USER, reason, expected=task.status, next_attempt_at=due)
        undo = _status_undo(task, S.NEEDS_USER)
    options, sets = {
        Action.CANCEL: (decisions.CONSENT_OPTIONS, decisions.SETS_CANCEL),
        Action.ESCALATE: ((), decisions.SETS_STOP)
        if task.status in TERMINAL
        else (
            decisions.OPTIONS,
            decisions.SETS_STOP,
        ),
    }.get(proposal.action, (decisions.OPTIONS, None))
    asked = await work.feedback.ask(
        user_id,
        task.campaign_id,
        task.id,
        (proposal.question or proposal.observation)[:MAX_QUESTION_CHARS],
        kind=FeedbackKind.DECISION,
        options=options,
        sets=sets,
    )
    return Applied({**undo, "question": str(asked.id)})


def _status_undo(task: Task, now: TaskStatus) -> dict[str, Any]:
    return {"status": {"now": now.value, "was": task.status.value}, "due": _plain(task.next_attempt_at)}


async def _set(work: Transaction, task: Task, **fields: Any) -> None:
    await work.tasks.change(task.user_id, task.id, task.version, **fields)


def _expect(task: Task, status: TaskStatus) -> None:
    if task.status is not status:
        raise Conflict(f"The task is {task.status.value}, not {status.value}.")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
