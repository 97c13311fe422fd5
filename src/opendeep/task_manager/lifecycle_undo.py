"""Taking a decision of the lifecycle manager back: what it changed is restored if the task is still as it was left."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from opendeep.common.data_models import CampaignStatus, FeedbackStatus, Task, TaskStatus
from opendeep.common.errors import Conflict
from opendeep.common.lifecycle_decisions import Decision, DecisionState
from opendeep.common.task_states import TRANSITIONS
from opendeep.database.db_manager import Transaction

NAMES = {
    "priority": "priority",
    "next_attempt_at": "next attempt",
    "notes": "notes",
    "horizon": "short- or long-running",
}
IN_BRIEF = ("notes", "horizon")


async def take_back(work: Transaction, user_id: UUID, decision: Decision) -> str:
    """Restore what the decision changed; returns what was restored, for people.

    Raises `Conflict` with what stands in the way; then nothing is changed.
    """
    if decision.state is DecisionState.UNDONE:
        raise Conflict("This decision was taken back before.")
    if decision.undo is None or decision.state is not DecisionState.DONE or decision.task_id is None:
        raise Conflict("This decision has changed nothing that could be taken back.")
    task = await work.tasks.guard(user_id, decision.task_id)
    if await work.tasks.held_ids(user_id, [task.id]):
        raise Conflict("The task is being worked on right now. Try again when its call or analysis is over.")
    told = [await _fields(work, task, decision.undo.get("fields") or {})]
    told.append(await _question(work, user_id, decision.undo.get("question")))
    told.append(await _status(work, task, decision.undo))
    return " ".join(part for part in told if part)


async def _fields(work: Transaction, task: Task, fields: Mapping[str, Any]) -> str:
    changes: dict[str, Any] = {}
    for name, values in fields.items():
        current = task.brief.get(name) if name in IN_BRIEF else getattr(task, name)
        if isinstance(current, datetime):
            current = current.isoformat()
        if current != values["now"]:
            raise Conflict(f"The task has moved on since: its {NAMES[name]} was changed again. Nothing was taken back.")
        was = values["was"]
        if name in IN_BRIEF:
            changes["brief"] = {**(changes.get("brief") or task.brief), name: was}
        else:
            changes[name] = datetime.fromisoformat(was) if name == "next_attempt_at" and was else was
    if not changes:
        return ""
    await work.tasks.change(task.user_id, task.id, task.version, **changes)
    return f"As before: {', '.join(NAMES[name] for name in fields)}."


async def _question(work: Transaction, user_id: UUID, question_id: str | None) -> str:
    if question_id is None:
        return ""
    asked = await work.feedback.get(user_id, UUID(question_id))
    if asked.status is not FeedbackStatus.PENDING:
        raise Conflict("You have answered its question already; the answer stands.")
    await work.feedback.close(asked.id, FeedbackStatus.CANCELLED)
    return "The question is withdrawn."


async def _status(work: Transaction, task: Task, undo: Mapping[str, Any]) -> str:
    change = undo.get("status")
    if change is None:
        return ""
    now, was = TaskStatus(change["now"]), TaskStatus(change["was"])
    if task.status is not now or was not in TRANSITIONS[now]:
        raise Conflict(f"The task has moved on since: it is {task.status.value} by now. Nothing was taken back.")
    campaign = await work.campaigns.get(task.user_id, task.campaign_id)
    if campaign.status not in (CampaignStatus.ACTIVE, CampaignStatus.PAUSED):
        raise Conflict("The campaign has ended in the meantime. Nothing was taken back.")
    due = datetime.fromisoformat(undo["due"]) if undo.get("due") else None
    reason = "You took a decision of the lifecycle manager back."
    await work.tasks.transition(task.id, was, reason, expected=now, next_attempt_at=due)
    return f"The task is {was.value} again."
