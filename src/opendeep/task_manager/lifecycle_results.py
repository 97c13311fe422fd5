"""What came of a decision, as far as the rows show it by now. Pure: facts in, a sentence or nothing yet out."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from opendeep.common.data_models import Task, TaskStatus
from opendeep.common.lifecycle_decisions import Decision
from opendeep.common.task_states import TERMINAL
from opendeep.task_manager.lifecycle_values import Action, ago

GIVE_UP_AFTER: Final = timedelta(days=7)
REPORT_SEEN_AFTER: Final = timedelta(hours=1)
S = TaskStatus
_CALLED: Final = (Action.REPRIORITISE, Action.RESUME, Action.RESCHEDULE, Action.REVISE_PROMPT)
_ASKED: Final = (Action.CHECK_IN, Action.ESCALATE, Action.CANCEL, Action.REMIND)


def result_of(decision: Decision, task: Task, asked: Collection[UUID], now: datetime) -> str | None:
    """The effect of `decision` on its task, None while none can be seen. `asked`: tasks with an open question."""
    age = now - decision.created_at
    seen = _seen(decision, task, asked, age)
    if seen is None and age >= GIVE_UP_AFTER:
        return f"No effect was seen within {ago(GIVE_UP_AFTER)}; the task is {task.status.value}."
    return seen


def _seen(decision: Decision, task: Task, asked: Collection[UUID], age: timedelta) -> str | None:
    action = decision.action
    if action == Action.REPORT:
        return _moved_on(decision, task, age)
    if action == Action.REANALYSE:
        return None if task.status is S.PENDING_ANALYSIS else f"The analyser has decided: {_is(task)}"
    if action == Action.HOLD:
        return None if task.status is S.ON_HOLD else f"The hold has ended: {_is(task)}"
    if action in _ASKED:
        if task.id in asked:
            return None
        return f"The question is closed: {_is(task)}"
    if action in _CALLED:
        return _called(decision, task)
    return None


def _moved_on(decision: Decision, task: Task, age: timedelta) -> str | None:
    before = decision.facts.get("status")
    if before is not None and task.status != before:
        return f"It moved on after {ago(age)} at most: {_is(task)}"
    if age >= REPORT_SEEN_AFTER:
        return f"Nothing has changed within {ago(REPORT_SEEN_AFTER)}: {_is(task)}"
    return None


def _called(decision: Decision, task: Task) -> str | None:
    before = decision.facts.get("attempts")
    if isinstance(before, int) and task.attempts > before and task.status is not S.PENDING_ANALYSIS:
        outcome = task.disposition.value if task.disposition else "no outcome"
        return f"The next call was made ({outcome}): {_is(task)}"
    if task.status in TERMINAL:
        return f"No call was needed any more: {_is(task)}"
    return None


def _is(task: Task) -> str:
    return f"the task is {task.status.value}. {task.status_reason}".strip()
