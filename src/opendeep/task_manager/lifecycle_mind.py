"""The model's part of the lifecycle manager: what it reads, the shape of its answer, and what code takes of it.

The model proposes from a closed list; every field is checked here against the rows, and what does not hold is dropped
and counted. Tasks are named by short references that are made for one look, so that no other tenant's task has a name.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel, Field

from opendeep.common.call_notes import is_bait, note_problem
from opendeep.common.data_models import EarlierCall, Task, TaskStatus
from opendeep.common.lifecycle_decisions import DecidedBy
from opendeep.task_manager.lifecycle_cross_rules import duplicates, same_aim
from opendeep.task_manager.lifecycle_rules import horizon_of
from opendeep.task_manager.lifecycle_values import Action, Proposal, Rule, TaskFacts, TenantFacts

SCHEMA_NAME: Final = "lifecycle_decisions"
MAX_TASKS: Final = 40  # that one look shows
MAX_DECISIONS: Final = 20  # that are read of one answer
MAX_TEXT_CHARS: Final = 300
MAX_QUESTION_CHARS: Final = 400
MAX_PRIORITY: Final = 50
AHEAD: Final = timedelta(days=14)
SHOWN: Final = (TaskStatus.SCHEDULED, TaskStatus.NEEDS_USER, TaskStatus.ON_HOLD)
OFFERED: Final = (
    Action.REPRIORITISE,
    Action.REVISE_PROMPT,
    Action.HOLD,
    Action.RESUME,
    Action.RESCHEDULE,
    Action.MERGE,
    Action.CHECK_IN,
    Action.ESCALATE,
    Action.CANCEL,
)


class ModelDecision(BaseModel):
    """As the model writes it. Plain texts: one bad field drops this decision, not all of them."""

    task: str
    action: str
    observation: str
    reason: str
    expected: str
    priority: int | None = None
    until: str | None = None
    note: str | None = None
    question: str | None = None
    duplicate_of: str | None = None


class LifecycleDecisions(BaseModel):
    decisions: list[ModelDecision] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look shows: the record, and which task each reference means."""

    record: Mapping[str, Any]
    refs: Mapping[str, TaskFacts]
    fingerprint: str  # of the tasks at their versions: the same rows are not asked about twice


@dataclass(frozen=True, slots=True)
class Taken:
    proposals: Sequence[Proposal]
    dropped: Sequence[str]  # why, one for each


class _Drop(Exception):
    """This decision does not hold; the text says why."""


def look_at(facts: TenantFacts, now: datetime) -> Look | None:
    """What the model gets to see; None when no task needs more than the rules."""
    twins = [pair for pair in duplicates(facts)]
    paired = {task.id for pair in twins for task in pair}
    shown = [fact for fact in facts.tasks if not fact.held and fact.task.status in SHOWN]
    notable = [fact for fact in shown if _notable(fact.task) or fact.task.id in paired][:MAX_TASKS]
    if not notable:
        return None
    refs = {f"t{number}": fact for number, fact in enumerate(notable, 1)}
    names = {fact.task.id: ref for ref, fact in refs.items()}
    twins_of: dict[str, list[str]] = {}
    for kept, other in twins:
        if kept.id in names and other.id in names:
            twins_of.setdefault(names[kept.id], []).append(names[other.id])
            twins_of.setdefault(names[other.id], []).append(names[kept.id])
    record = {
        "now": now.isoformat(timespec="minutes"),
        "queues": dict(facts.queues),
        "answer_rate_by_utc_hour": {
            str(hour): {"calls": rate.calls, "answered": rate.answered} for hour, rate in sorted(facts.hours.items())
        },
        "tasks": [
            _task(ref, fact, facts.earlier.get(fact.task.id, ()), twins_of.get(ref, []), now)
            for ref, fact in refs.items()
        ],
    }
    marks = ";".join(f"{fact.task.id}:{fact.task.version}:{fact.asked_at}" for fact in notable)
    return Look(record, refs, hashlib.sha256(marks.encode()).hexdigest())


def read_answer(answer: LifecycleDecisions, look: Look, now: datetime) -> Taken:
    """The decisions that hold, at most one per task, and why the others do not."""
    proposals: dict[str, Proposal] = {}
    dropped = []
    for said in answer.decisions[:MAX_DECISIONS]:
        try:
            if said.task in proposals:
                raise _Drop("there is another decision on this task")
            proposals[said.task] = _proposal(said, look.refs, now)
        except _Drop as problem:
            dropped.append(str(problem))
    dropped += ["too many decisions in one answer"] * max(len(answer.decisions) - MAX_DECISIONS, 0)
    return Taken(list(proposals.values()), dropped)


def _notable(task: Task) -> bool:
    return task.attempts > 0 or task.status in (TaskStatus.NEEDS_USER, TaskStatus.ON_HOLD)


def _task(
    ref: str, fact: TaskFacts, earlier: Sequence[EarlierCall], twins: Sequence[str], now: datetime
) -> dict[str, Any]:
    """One task without its telephone number: the model has no use for it."""
    task = fact.task
    return {
        "ref": ref,
        "contact": task.contact_name[:MAX_TEXT_CHARS],
        "objective": task.objective[:MAX_TEXT_CHARS],
        "status": task.status.value,
        "status_reason": task.status_reason[:MAX_TEXT_CHARS],
        "priority": task.priority,
        "attempts": task.attempts,
        "max_attempts": task.max_attempts,
        "next_attempt_at": task.next_attempt_at.isoformat() if task.next_attempt_at else None,
        "promised": task.promised_at is not None,
        "question_open": fact.asked_at is not None,
        "horizon": horizon_of(task, now),
        "notes": list(task.brief.get("notes") or ()),
        "duplicates": list(twins),
        "earlier_calls": [
            {
                "attempt": call.attempt_number,
                "at": call.ended_at.isoformat(timespec="minutes"),
                "disposition": call.disposition,
                "summary": call.summary[:MAX_TEXT_CHARS],
            }
            for call in earlier
        ],
    }


def _proposal(said: ModelDecision, refs: Mapping[str, TaskFacts], now: datetime) -> Proposal:
    fact = refs.get(said.task)
    if fact is None:
        raise _Drop("there is no such task")
    action = next((offered for offered in OFFERED if offered == said.action), None)
    if action is None:
        raise _Drop("that action is not on the list")
    words = {name: " ".join(str(getattr(said, name)).split()) for name in ("observation", "reason", "expected")}
    if not all(words.values()):
        raise _Drop("it does not say why")
    fields = _FIELDS[action](said, fact, refs, now)
    texts: dict[str, Any] = {name: text[:MAX_TEXT_CHARS] for name, text in words.items()}
    return Proposal(fact.task, Rule.MODEL, action, **texts, **fields, decided_by=DecidedBy.MODEL)


Refs = Mapping[str, TaskFacts]


def _priority(said: ModelDecision, fact: TaskFacts, refs: Refs, now: datetime) -> dict[str, Any]:
    if said.priority is None or abs(said.priority) > MAX_PRIORITY or said.priority == fact.task.priority:
        raise _Drop("that priority is out of bounds or no change")
    return {"priority": said.priority}


def _note(said: ModelDecision, fact: TaskFacts, refs: Refs, now: datetime) -> dict[str, Any]:
    problem = note_problem(said.note or "", fact.task.brief)
    if problem is None and " ".join((said.note or "").split()) in (fact.task.brief.get("notes") or ()):
        problem = "the note is there already"
    if problem is None and fact.task.brief.get("script"):
        problem = "the call is held word for word"
    if problem is not None:
        raise _Drop(problem)
    return {"note": said.note}


def _until(said: ModelDecision, fact: TaskFacts, refs: Refs, now: datetime) -> dict[str, Any]:
    if fact.task.status is not TaskStatus.SCHEDULED:
        raise _Drop("the task is not waiting for a call")
    if fact.task.promised_at is not None:
        raise _Drop("a promised time is not moved")
    try:
        until = datetime.fromisoformat(said.until or "")
    except ValueError as error:
        raise _Drop("that is no time") from error
    if until.tzinfo is None or not now < until <= now + AHEAD:
        raise _Drop("that time is out of bounds")
    last = fact.task.brief.get("not_after")
    if last and until > datetime.fromisoformat(str(last)):
        raise _Drop("that time is after the plan's end")
    return {"until": until}


def _resume(said: ModelDecision, fact: TaskFacts, refs: Refs, now: datetime) -> dict[str, Any]:
    if fact.task.status is not TaskStatus.ON_HOLD:
        raise _Drop("the task is not on hold")
    return {}


def _twin(said: ModelDecision, fact: TaskFacts, refs: Refs, now: datetime) -> dict[str, Any]:
    kept = refs.get(said.duplicate_of or "")
    if kept is None or kept.task.id == fact.task.id or not same_aim(kept.task, fact.task):
        raise _Drop("these tasks are no duplicates")
    if kept.task.campaign_id != fact.task.campaign_id or fact.task.attempts or fact.asked_at:
        raise _Drop("only a task of the same campaign that nobody was called for is merged")
    return {"twin": kept.task}


def _question(said: ModelDecision, fact: TaskFacts, refs: Refs, now: datetime) -> dict[str, Any]:
    question = " ".join((said.question or "").split())
    if not question or len(question) > MAX_QUESTION_CHARS:
        raise _Drop("the question is empty or too long")
    if is_bait(question):
        raise _Drop("the question carries a link or asks for a secret")
    if fact.asked_at is not None:
        raise _Drop("the user has an open question about this task")
    return {"question": f"{fact.task.contact_name}: {question}"}


_FIELDS: Final = {
    Action.REPRIORITISE: _priority,
    Action.REVISE_PROMPT: _note,
    Action.HOLD: _until,
    Action.RESUME: _resume,
    Action.RESCHEDULE: _until,
    Action.MERGE: _twin,
    Action.CHECK_IN: _question,
    Action.ESCALATE: _question,
    Action.CANCEL: _question,
}
