"""The lifecycle manager's decisions as frozen values: what was seen, done and why, and what came of it.

No rules here; those are in `task_manager/lifecycle_rules.py`, the rows in `database/store_lifecycle.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from opendeep.common.data_models import Task

Json = Mapping[str, Any]


class DecidedBy(StrEnum):
    RULE = "rule"
    MODEL = "model"


class DecisionState(StrEnum):
    """`OVERTAKEN`: the task had changed before it could be done; nothing was changed and it is not tried again."""

    DONE = "DONE"
    OVERTAKEN = "OVERTAKEN"
    UNDONE = "UNDONE"


@dataclass(frozen=True, slots=True)
class NewDecision:
    """One decision as it is written down. `facts` are what it rests on, `undo` what would take it back (None: nothing
    can), `result` is given when the effect is already known."""

    rule: str
    action: str
    observation: str
    reason: str
    expected: str
    facts: Json = field(default_factory=dict)
    decided_by: DecidedBy = DecidedBy.RULE
    state: DecisionState = DecisionState.DONE
    undo: Json | None = None
    result: str | None = None
    campaign_id: UUID | None = None
    task_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision as it is kept."""

    id: UUID
    user_id: UUID
    campaign_id: UUID | None
    task_id: UUID | None
    rule: str
    action: str
    observation: str
    reason: str
    expected: str
    facts: Json
    decided_by: DecidedBy
    state: DecisionState
    undo: Json | None
    result: str | None
    created_at: datetime
    settled_at: datetime | None
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class Acted:
    """How often and when one rule took one action on a task. `last_at`, `undone_at`: UTC."""

    rule: str
    action: str
    today: int
    last_at: datetime
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class HourRate:
    """Calls that began in one hour of the day (UTC), and how many of them somebody answered."""

    calls: int
    answered: int

    @property
    def rate(self) -> float:
        return self.answered / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two finished tasks of one campaign and number whose calls gave different values for the same question."""

    first: Task
    second: Task
    key: str
    values: tuple[str, str]


def decision_view(decision: Decision, task: Task | None = None, campaign_title: str | None = None) -> dict[str, Any]:
    """The JSON of a decision for its user. `can_undo` says whether there is anything to take back at all."""
    return {
        "id": str(decision.id),
        "campaign_id": str(decision.campaign_id) if decision.campaign_id else None,
        "campaign_title": campaign_title,
        "task_id": str(decision.task_id) if decision.task_id else None,
        "contact_name": task.contact_name if task else None,
        "rule": decision.rule,
        "action": decision.action,
        "observation": decision.observation,
        "reason": decision.reason,
        "expected": decision.expected,
        "facts": dict(decision.facts),
        "decided_by": decision.decided_by.value,
        "state": decision.state.value,
        "can_undo": decision.undo is not None and decision.state is DecisionState.DONE,
        "result": decision.result,
        "created_at": decision.created_at.isoformat(),
        "settled_at": decision.settled_at.isoformat() if decision.settled_at else None,
        "undone_at": decision.undone_at.isoformat() if decision.undone_at else None,
    }
