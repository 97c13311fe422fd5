"""The words of the lifecycle manager: its rules, its closed list of actions, what it sees, what it proposes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from opendeep.common.data_models import EarlierCall, Task
from opendeep.common.lifecycle_decisions import Acted, DecidedBy, Disagreement, HourRate


class Rule(StrEnum):
    STUCK = "stuck"
    LOST_CALL = "lost_call"
    OVERDUE = "overdue"
    UNANSWERED = "unanswered_question"
    NO_QUESTION = "no_question"
    LONG_RUNNING = "long_running"
    HOLD_OVER = "hold_over"
    DONE_BUT_DUE = "done_but_due"
    DONE_BUT_OPEN = "done_but_open"
    DISAGREE = "results_disagree"
    DUPLICATE = "duplicate"
    SIMILAR = "similar"
    BETTER_HOUR = "better_hour"
    HORIZON = "horizon"
    BUDGET = "budget"
    MODEL = "model"


class Action(StrEnum):
    """The closed list of what may be done."""

    REPORT = "report"
    REANALYSE = "reanalyse"
    REPAIR = "repair"
    CLASSIFY = "classify"
    REMIND = "remind"
    REPRIORITISE = "reprioritise"
    REVISE_PROMPT = "revise_prompt"
    HOLD = "hold"
    RESUME = "resume"
    RESCHEDULE = "reschedule"
    MERGE = "merge_duplicates"
    CHECK_IN = "check_in_with_user"
    ESCALATE = "escalate"
    CANCEL = "cancel"  # asks first


MAX_ACTIONS: Final = 50  # per tenant and round
MAX_ACTIONS_A_DAY: Final = 10  # per task
NOT_AGAIN_AFTER_UNDO: Final = timedelta(days=7)
# How often a rule may take an action on one task: once within this time.
EVERY: Final = {
    Rule.STUCK: timedelta(hours=1),
    Rule.LOST_CALL: timedelta(hours=1),
    Rule.OVERDUE: timedelta(hours=1),
    Rule.UNANSWERED: timedelta(days=1),
    Rule.NO_QUESTION: timedelta(minutes=10),
    Rule.LONG_RUNNING: timedelta(days=365),
    Rule.HOLD_OVER: timedelta(minutes=1),
    Rule.DONE_BUT_DUE: timedelta(hours=1),
    Rule.DONE_BUT_OPEN: timedelta(days=365),
    Rule.DISAGREE: timedelta(days=365),
    Rule.DUPLICATE: timedelta(days=1),
    Rule.SIMILAR: timedelta(days=365),
    Rule.BETTER_HOUR: timedelta(hours=12),
    Rule.HORIZON: timedelta(days=1),
    Rule.BUDGET: timedelta(days=1),
    Rule.MODEL: timedelta(hours=6),
}


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """A task with what else matters. `asked_at`: since when a question to the user is open."""

    task: Task
    held: bool
    campaign_active: bool
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Spend:
    """Of one campaign, in the currency of PRICE_PER_MINUTE. `spent` counts what open calls may cost."""

    spent: float
    budget: float


@dataclass(frozen=True, slots=True)
class TenantFacts:
    """Everything that one look at a tenant's tasks brings together. Hours are UTC."""

    tasks: Sequence[TaskFacts]
    queues: Mapping[str, int] = field(default_factory=dict)
    hours: Mapping[int, HourRate] = field(default_factory=dict)
    spend: Mapping[UUID, Spend] = field(default_factory=dict)  # of the campaigns that have a budget
    spent_today: Spend | None = None
    done_but_due: Sequence[Task] = ()
    disagreements: Sequence[Disagreement] = ()
    warned: frozenset[UUID] = frozenset()  # campaigns whose budget was reported lately
    acted: Mapping[UUID, Sequence[Acted]] = field(default_factory=dict)
    earlier: Mapping[UUID, Sequence[EarlierCall]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One decision, as it will be written down. `until`: the new time of a reschedule or of a hold's end; `twin`: the
    task that stays when duplicates are merged; `horizon`: what CLASSIFY sets."""

    task: Task
    rule: Rule
    action: Action
    observation: str
    reason: str
    expected: str
    priority: int | None = None
    question: str | None = None
    until: datetime | None = None
    note: str | None = None
    twin: Task | None = None
    horizon: str | None = None
    decided_by: DecidedBy = DecidedBy.RULE
    facts: Mapping[str, Any] = field(default_factory=dict)


def within_bounds(acted: Sequence[Acted], proposal: Proposal, now: datetime) -> bool:
    """Whether the loop may go round once more: not too often by one rule, nor on one task, nor what was taken back."""
    if sum(entry.today for entry in acted) >= MAX_ACTIONS_A_DAY:
        return False
    same = [entry for entry in acted if (entry.rule, entry.action) == (proposal.rule, proposal.action)]
    if any(now - entry.last_at < EVERY[proposal.rule] for entry in same):
        return False
    undone = [entry.undone_at for entry in acted if entry.action == proposal.action and entry.undone_at is not None]
    return not any(now - at < NOT_AGAIN_AFTER_UNDO for at in undone)


def ago(duration: timedelta) -> str:
    """For people: `12 minutes`, `3 hours`, `2 days`."""
    minutes = int(duration.total_seconds() // 60)
    for size, word in ((1440, "day"), (60, "hour")):
        if minutes >= size:
            return f"{minutes // size} {word}{'s' if minutes // size > 1 else ''}"
    return f"{minutes} minute{'s' if minutes != 1 else ''}"
