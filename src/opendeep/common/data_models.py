"""Frozen values that cross stages, and the enums of the database's status columns.

No behaviour beyond derived properties, no I/O. Times are timezone-aware UTC, numbers E.164, durations say their unit.
The plan document lives in `campaign_plan.py`, status transitions in `task_states.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from opendeep.common.contact_values import ContactFact

Json = Mapping[str, Any]


class TaskStatus(StrEnum):
    SCHEDULED = "SCHEDULED"
    QUEUED_FOR_CALL = "QUEUED_FOR_CALL"
    CALL_IN_PROGRESS = "CALL_IN_PROGRESS"
    PENDING_ANALYSIS = "PENDING_ANALYSIS"
    NEEDS_USER = "NEEDS_USER"
    ON_HOLD = "ON_HOLD"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class CallStatus(StrEnum):
    """Life of one attempt. INITIATED to IN_PROGRESS are live: at most one such call per task."""

    INITIATED = "INITIATED"  # the row is committed, nothing was sent to the switch yet
    DIALING = "DIALING"
    RINGING = "RINGING"
    IN_PROGRESS = "IN_PROGRESS"  # answered
    COMPLETED = "COMPLETED"  # was answered and has ended
    BUSY = "BUSY"
    NO_ANSWER = "NO_ANSWER"
    REJECTED = "REJECTED"
    UNALLOCATED = "UNALLOCATED"  # the number does not exist
    CONGESTION = "CONGESTION"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"  # we gave up before an answer
    LOST = "LOST"  # its end was not seen; closed by reconciliation


LIVE_CALL_STATUSES = (CallStatus.INITIATED, CallStatus.DIALING, CallStatus.RINGING, CallStatus.IN_PROGRESS)


class CampaignStatus(StrEnum):
    PREPARING = "PREPARING"  # its tasks are still being written; nobody is called before all are there
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class PlanStatus(StrEnum):
    DRAFT = "DRAFT"
    CONFIRMED = "CONFIRMED"


class FeedbackStatus(StrEnum):
    PENDING = "PENDING"
    ANSWERED = "ANSWERED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


class FeedbackKind(StrEnum):
    LIVE = "LIVE"  # asked by the AI during a call, has a deadline of seconds
    DECISION = "DECISION"  # asked between calls by the analyser or the lifecycle manager


class Speaker(StrEnum):
    AI = "ai"
    CALLEE = "callee"
    USER = "user"  # who has taken the call over


class Disposition(StrEnum):
    """What came of one call, in words a person understands."""

    ACHIEVED = "ACHIEVED"
    DECLINED = "DECLINED"
    CALLBACK_REQUESTED = "CALLBACK_REQUESTED"
    OPTED_OUT = "OPTED_OUT"
    WRONG_NUMBER = "WRONG_NUMBER"
    VOICEMAIL_LEFT = "VOICEMAIL_LEFT"
    VOICEMAIL = "VOICEMAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    NO_ANSWER = "NO_ANSWER"
    BUSY = "BUSY"
    REJECTED = "REJECTED"
    UNREACHABLE = "UNREACHABLE"
    FAILED = "FAILED"


class DndScope(StrEnum):
    USER = "USER"
    CAMPAIGN = "CAMPAIGN"
    GLOBAL = "GLOBAL"


@dataclass(frozen=True, slots=True)
class User:
    id: UUID
    name: str
    profile: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TaskBase:
    """A task as it is created: the objective, who to call, and the brief for the conversation (`TaskBrief` as JSON)."""

    contact_name: str
    contact_kind: str
    phone_number: str
    objective: str
    brief: Json
    timezone: str | None = None
    priority: int = 0
    max_attempts: int = 3
    not_before: datetime | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    id: UUID
    user_id: UUID
    campaign_id: UUID
    position: int
    contact_name: str
    contact_kind: str
    phone_number: str
    timezone: str | None
    objective: str
    brief: Json
    status: TaskStatus
    status_reason: str
    priority: int
    attempts: int
    max_attempts: int
    next_attempt_at: datetime | None
    disposition: Disposition | None
    summary: str | None
    result: Json
    version: int
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    address: str | None = None
    promised_at: datetime | None = None  # when the callee asked to be called
    refused_for: str | None = None  # the gate's reason that the timeline shows already


@dataclass(frozen=True, slots=True)
class CallCreate:
    """One attempt about to be made. `phone_number` is what is really dialled (test mode redirects)."""

    user_id: UUID
    campaign_id: UUID
    task_id: UUID
    phone_number: str
    caller_id: str | None
    node_id: str
    trunk: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    id: UUID
    user_id: UUID
    campaign_id: UUID
    task_id: UUID
    attempt_number: int
    status: CallStatus
    phone_number: str
    caller_id: str | None
    node_id: str
    disposition: Disposition | None
    end_reason: str | None
    hangup_cause: int | None
    sip_code: int | None
    analysis: Json | None
    usage: Json
    recording_path: str | None
    created_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    trunk: str | None = None  # None for our own extensions

    @property
    def live(self) -> bool:
        return self.status in LIVE_CALL_STATUSES

    @property
    def talk_seconds(self) -> float:
        """Seconds between answer and end, 0 while unknown."""
        if self.answered_at is None or self.ended_at is None:
            return 0.0
        return (self.ended_at - self.answered_at).total_seconds()

    @property
    def voice_usd(self) -> float | None:
        """What the voice AI took for this call, where its prices are known."""
        cost = self.usage.get("cost")
        return float(cost["usd"]) if isinstance(cost, Mapping) and "usd" in cost else None


@dataclass(frozen=True, slots=True)
class TranscriptTurn:
    """One turn. `turn` counts from 1 in the order spoken; times are ms since the answer."""

    call_id: UUID
    turn: int
    speaker: Speaker
    text: str
    started_ms: int
    ended_ms: int
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class CallEvent:
    """A line of the timeline of a task or call: an AMI fact, a refusal, a tool call, a status change."""

    id: UUID
    campaign_id: UUID | None
    task_id: UUID | None
    call_id: UUID | None
    kind: str
    detail: str
    data: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DNDEntryBase:
    """A number that must not be called. `campaign_id` only with scope CAMPAIGN; `user_id` None only with GLOBAL."""

    phone_number: str
    scope: DndScope
    reason: str
    source: str
    user_id: UUID | None = None
    campaign_id: UUID | None = None
    call_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class FeedbackRequest:
    id: UUID
    user_id: UUID
    campaign_id: UUID
    task_id: UUID
    call_id: UUID | None
    kind: FeedbackKind
    question: str
    options: Sequence[str]
    status: FeedbackStatus
    answer: str | None
    asked_at: datetime
    expires_at: datetime | None
    answered_at: datetime | None
    sets: str | None = None  # what of its task the answer sets, e.g. `timezone`

    @property
    def late(self) -> bool:
        """Answered after its deadline or after its call: kept for the task, and the callee may not have heard it."""
        if self.status is not FeedbackStatus.ANSWERED or self.expires_at is None or self.answered_at is None:
            return False
        return self.answered_at >= self.expires_at


@dataclass(frozen=True, slots=True)
class Campaign:
    id: UUID
    user_id: UUID
    plan_id: UUID
    title: str
    objective: str
    status: CampaignStatus
    report: Json | None
    created_at: datetime
    finished_at: datetime | None
    tasks_planned: int = 0
    tasks_prepared: int = 0  # those that are rows already


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """What a later call of the same task may know of an earlier one."""

    attempt_number: int
    ended_at: datetime
    disposition: str
    summary: str


@dataclass(frozen=True, slots=True)
class CallBrief:
    """Everything the voice side needs to hold one call; read once when the call is expected."""

    call: Call
    task: Task
    user: User
    earlier_calls: tuple[EarlierCall, ...] = ()
    answered_questions: tuple[tuple[str, str], ...] = field(default=())
    contact_facts: tuple[ContactFact, ...] = ()  # of the contact with the task's number
    profile_version: int = 0  # 0: the profile was never changed
