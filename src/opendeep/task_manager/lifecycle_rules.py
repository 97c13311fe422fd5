"""What the lifecycle manager notices, as pure rules: facts of one tenant's tasks in, proposals out.

Nothing here touches a row. A task that the analyser, the scheduler or a live call holds is never proposed for anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from opendeep.common.data_models import Task, TaskStatus


class Rule(StrEnum):
    STUCK = "stuck"
    LOST_CALL = "lost_call"
    OVERDUE = "overdue"
    UNANSWERED = "unanswered_question"
    NO_QUESTION = "no_question"
    LONG_RUNNING = "long_running"
    HOLD_OVER = "hold_over"


class Action(StrEnum):
    """The closed list of what may be done."""

    REPORT = "report"
    REANALYSE = "reanalyse"
    REPRIORITISE = "reprioritise"
    REMIND = "remind"
    CHECK_IN = "check_in"
    RESUME = "resume"


STUCK_AFTER: Final = {
    TaskStatus.QUEUED_FOR_CALL: timedelta(minutes=5),
    TaskStatus.PENDING_ANALYSIS: timedelta(minutes=10),
}
LOST_CALL_AFTER: Final = timedelta(minutes=3)
OVERDUE_AFTER: Final = timedelta(minutes=15)
REMIND_AFTER: Final = timedelta(hours=4)
QUESTION_AFTER: Final = timedelta(minutes=1)
LONG_RUNNING_ATTEMPTS: Final = 4
LONG_RUNNING_AFTER: Final = timedelta(days=3)
PRIORITY_STEP: Final = 10
PRIORITY_MAX: Final = 50
# How often a rule may act on one task: once within this time.
EVERY: Final = {
    Rule.STUCK: timedelta(hours=1),
    Rule.LOST_CALL: timedelta(hours=1),
    Rule.OVERDUE: timedelta(hours=1),
    Rule.UNANSWERED: timedelta(days=1),
    Rule.NO_QUESTION: timedelta(minutes=10),
    Rule.LONG_RUNNING: timedelta(days=365),
    Rule.HOLD_OVER: timedelta(minutes=1),
}


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """A task with what else matters. `asked_at`: since when a question to the user is open."""

    task: Task
    held: bool
    campaign_active: bool
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """One decision, as it will be written down."""

    task: Task
    rule: Rule
    action: Action
    observation: str
    reason: str
    expected: str
    priority: int | None = None
    question: str | None = None


def propose(facts: Sequence[TaskFacts], now: datetime) -> list[Proposal]:
    """At most one proposal per task, the most pressing rule first."""
    found = []
    for fact in facts:
        if fact.held:
            continue
        proposal = next((p for rule in _RULES if (p := rule(fact, now)) is not None), None)
        if proposal is not None:
            found.append(proposal)
    return found


def _lost_call(fact: TaskFacts, now: datetime) -> Proposal | None:
    task = fact.task
    if task.status is not TaskStatus.CALL_IN_PROGRESS or now - task.updated_at < LOST_CALL_AFTER:
        return None
    return Proposal(
        task,
        Rule.LOST_CALL,
        Action.REANALYSE,
        f"The task is in a call since {_ago(now - task.updated_at)}, but there is no live call.",
        "The end of its call was not seen.",
        "The analyser decides from what is known what happens next.",
    )


def _stuck(fact: TaskFacts, now: datetime) -> Proposal | None:
    task = fact.task
    limit = STUCK_AFTER.get(task.status)
    if limit is None or now - task.updated_at < limit:
        return None
    return Proposal(
        task,
        Rule.STUCK,
        Action.REPORT,
        f"The task is {task.status.value} since {_ago(now - task.updated_at)} and nobody works on it.",
        "A worker is late or away; its bell is rung again.",
        "The next stage takes the task within a minute.",
    )


def _hold_over(fact: TaskFacts, now: datetime) -> Proposal | None:
    task = fact.task
    if task.status is not TaskStatus.ON_HOLD or task.next_attempt_at is None or task.next_attempt_at > now:
        return None
    return Proposal(
        task,
        Rule.HOLD_OVER,
        Action.RESUME,
        "The time until which the task was on hold has come.",
        "It was put on hold until then.",
        "The task is called again.",
    )


def _no_question(fact: TaskFacts, now: datetime) -> Proposal | None:
    task = fact.task
    if task.status is not TaskStatus.NEEDS_USER or fact.asked_at or now - task.updated_at < QUESTION_AFTER:
        return None
    return Proposal(
        task,
        Rule.NO_QUESTION,
        Action.CHECK_IN,
        "The task waits for the user, but nothing was asked.",
        task.status_reason,
        "The user decides and the task goes on.",
        question=f"{task.contact_name}: {task.status_reason} What shall I do?",
    )


def _unanswered(fact: TaskFacts, now: datetime) -> Proposal | None:
    task = fact.task
    if task.status is not TaskStatus.NEEDS_USER or fact.asked_at is None or now - fact.asked_at < REMIND_AFTER:
        return None
    return Proposal(
        task,
        Rule.UNANSWERED,
        Action.REMIND,
        f"A question to the user is open since {_ago(now - fact.asked_at)}.",
        "The task cannot go on without the answer.",
        "The user answers.",
    )


def _long_running(fact: TaskFacts, now: datetime) -> Proposal | None:
    task = fact.task
    many = task.attempts >= LONG_RUNNING_ATTEMPTS
    if task.status is not TaskStatus.SCHEDULED or fact.asked_at or not (many or _old(task, now)):
        return None
    told = f"{task.attempts} attempts" if many else f"since {_ago(now - task.created_at)}"
    return Proposal(
        task,
        Rule.LONG_RUNNING,
        Action.CHECK_IN,
        f"The task is long-running: {told}.",
        "The user should know and decide whether it goes on.",
        "The user decides and the task goes on or ends.",
        question=f"{task.contact_name} was not reached yet ({told}). Shall I go on?",
    )


def _old(task: Task, now: datetime) -> bool:
    """A task that was due long ago; one that is planned for later is not old."""
    due = task.next_attempt_at or now
    return task.attempts > 0 and now - task.created_at >= LONG_RUNNING_AFTER and due - now < LONG_RUNNING_AFTER


def _overdue(fact: TaskFacts, now: datetime) -> Proposal | None:
    task = fact.task
    if task.status is not TaskStatus.SCHEDULED or not fact.campaign_active or task.next_attempt_at is None:
        return None
    late = now - task.next_attempt_at
    if late < OVERDUE_AFTER or task.priority >= PRIORITY_MAX:
        return None
    return Proposal(
        task,
        Rule.OVERDUE,
        Action.REPRIORITISE,
        f"The task should have been called {_ago(late)} ago.",
        "It has waited long for a free line.",
        "It is called before tasks that became due later.",
        priority=min(task.priority + PRIORITY_STEP, PRIORITY_MAX),
    )


_RULES: Final = (_lost_call, _stuck, _hold_over, _no_question, _unanswered, _long_running, _overdue)


def _ago(duration: timedelta) -> str:
    """For people: `12 minutes`, `3 hours`, `2 days`."""
    minutes = int(duration.total_seconds() // 60)
    for size, word in ((1440, "day"), (60, "hour")):
        if minutes >= size:
            return f"{minutes // size} {word}{'s' if minutes // size > 1 else ''}"
    return f"{minutes} minute{'s' if minutes != 1 else ''}"
