"""What the lifecycle manager notices of single tasks, as pure rules: facts in, proposals out.

Rules that look at several tasks at once are in `lifecycle_cross_rules.py`.

Nothing here touches a row. A task that the analyser, the scheduler or a live call holds is never proposed for anything.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from opendeep.common.data_models import Disposition, Task, TaskStatus
from opendeep.task_manager.lifecycle_values import Action, Proposal, Rule, TaskFacts, ago

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
FAR_AWAY: Final = timedelta(days=2)  # a next attempt that is later makes a task long-running
PRIORITY_STEP: Final = 10
PRIORITY_MAX: Final = 50


def candidates(facts: Sequence[TaskFacts], now: datetime) -> Iterator[Proposal]:
    """All that the rules would do with the tasks that nobody holds, the most pressing rule of a task first."""
    for fact in facts:
        if not fact.held:
            yield from (proposal for rule in _RULES if (proposal := rule(fact, now)) is not None)


def _lost_call(fact: TaskFacts, now: datetime) -> Proposal | None:
    task = fact.task
    if task.status is not TaskStatus.CALL_IN_PROGRESS or now - task.updated_at < LOST_CALL_AFTER:
        return None
    return Proposal(
        task,
        Rule.LOST_CALL,
        Action.REANALYSE,
        f"The task is in a call since {ago(now - task.updated_at)}, but there is no live call.",
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
        f"The task is {task.status.value} since {ago(now - task.updated_at)} and nobody works on it.",
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
        f"A question to the user is open since {ago(now - fact.asked_at)}.",
        "The task cannot go on without the answer.",
        "The user answers.",
    )


def _long_running(fact: TaskFacts, now: datetime) -> Proposal | None:
    task = fact.task
    many = task.attempts >= LONG_RUNNING_ATTEMPTS
    if task.status is not TaskStatus.SCHEDULED or fact.asked_at or not (many or _old(task, now)):
        return None
    told = f"{task.attempts} attempts" if many else f"since {ago(now - task.created_at)}"
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
        f"The task should have been called {ago(late)} ago.",
        "It has waited long for a free line.",
        "It is called before tasks that became due later.",
        priority=min(task.priority + PRIORITY_STEP, PRIORITY_MAX),
    )


def _done_but_open(fact: TaskFacts, now: datetime) -> Proposal | None:
    task = fact.task
    if task.status is not TaskStatus.SCHEDULED or fact.asked_at or task.disposition is not Disposition.ACHIEVED:
        return None
    return Proposal(
        task,
        Rule.DONE_BUT_OPEN,
        Action.CHECK_IN,
        "The last call reached the aim, but the task is to be called again.",
        "The two contradict each other.",
        "The user decides whether another call is needed.",
        question=f"The aim seems to be reached with {task.contact_name}. Shall I call again all the same?",
    )


def _horizon(fact: TaskFacts, now: datetime) -> Proposal | None:
    task, new = fact.task, horizon_of(fact.task, now)
    if task.status is not TaskStatus.SCHEDULED or new == task.brief.get("horizon", "short"):
        return None
    told = f"{task.attempts} attempts since {ago(now - task.created_at)}"
    return Proposal(
        task,
        Rule.HORIZON,
        Action.CLASSIFY,
        f"The task is {new}-running by now: {told}, next {ago((task.next_attempt_at or now) - now)} from now.",
        "A task that goes on over days or many calls needs its own care.",
        "Its calls know what earlier ones taught, and you are asked before it goes on for ever.",
        horizon=new,
    )


def horizon_of(task: Task, now: datetime) -> str:
    """`long` for a task that goes on over days or many calls, else `short`. It does not become short again."""
    if task.brief.get("horizon") == "long":
        return "long"
    far = task.attempts > 0 and task.next_attempt_at is not None and task.next_attempt_at - now >= FAR_AWAY
    many = task.attempts >= LONG_RUNNING_ATTEMPTS
    return "long" if far or many or _old(task, now) else "short"


_RULES: Final = (
    _lost_call,
    _stuck,
    _hold_over,
    _no_question,
    _unanswered,
    _done_but_open,
    _long_running,
    _overdue,
    _horizon,
)
