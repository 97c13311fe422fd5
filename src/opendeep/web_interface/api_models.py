"""The API's requests and answers as pydantic models, so that OpenAPI is right. The views mirror `common.views`.

A test holds the two equal; a field that is missing here would be missing on the page.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from opendeep.common.call_script import MAX_STORED_CHARS, CallScript, Engine
from opendeep.common.campaign_plan import CampaignPlan, Form
from opendeep.common.data_models import (
    CallStatus,
    CampaignStatus,
    Disposition,
    FeedbackKind,
    FeedbackStatus,
    Speaker,
    TaskStatus,
)
from opendeep.common.question_types import QuestionType

MAX_MESSAGE_LENGTH = 8_000
MAX_ANSWER_LENGTH = 2_000
MAX_NAME_LENGTH = 80
MAX_FORM_ANSWERS = 50

Json = dict[str, Any]
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _plain(text: str) -> str:
    """PostgreSQL stores no NUL, and no person types the others."""
    if _CONTROL_CHARACTERS.search(text):
        raise ValueError("please remove the control characters")
    return text


Plain = AfterValidator(_plain)


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SessionRequest(_Request):
    user_name: Annotated[str, Field(max_length=MAX_NAME_LENGTH), Plain]


FieldName = Annotated[str, Field(max_length=60), Plain]
FieldText = Annotated[StrictStr, Field(max_length=MAX_ANSWER_LENGTH), Plain]
FieldValue = FieldText | StrictBool | StrictInt | StrictFloat | None


class ChatRequest(_Request):
    """One message. The first one may carry the user's name and signs in; later ones cannot change it."""

    message: Annotated[str, Field(max_length=MAX_MESSAGE_LENGTH), Plain] = ""
    chat_id: UUID | None = None
    form_answers: Annotated[dict[FieldName, FieldValue], Field(max_length=MAX_FORM_ANSWERS)] | None = None
    user_name: Annotated[str, Field(max_length=MAX_NAME_LENGTH), Plain] | None = None


class ExecuteRequest(_Request):
    plan_id: UUID


SentencePath = Annotated[str, Field(max_length=120), Plain]
SentenceText = Annotated[StrictStr, Field(max_length=MAX_STORED_CHARS), Plain]
QuestionKey = Annotated[str, Field(max_length=60), Plain]


class PlanChanges(_Request):
    """What to change in an open plan: who leads its calls, and sentences of its script by their paths."""

    engine: Engine | None = None
    script: Annotated[dict[SentencePath, SentenceText], Field(max_length=200)] | None = None
    question_types: Annotated[dict[QuestionKey, QuestionType], Field(max_length=20)] | None = None


class PlanView(CampaignPlan):
    """A plan as the page sees it: with its script."""

    script: CallScript | None = None


class FeedbackAnswer(_Request):
    answer: Annotated[str, Field(max_length=MAX_ANSWER_LENGTH), Plain]


class UserView(BaseModel):
    id: UUID
    name: str
    time_zone: str | None = None


class SessionView(BaseModel):
    user: UserView


class CampaignView(BaseModel):
    id: UUID
    plan_id: UUID
    title: str
    objective: str
    status: CampaignStatus
    has_report: bool
    tasks_planned: int
    tasks_prepared: int
    created_at: datetime
    finished_at: datetime | None


class TaskView(BaseModel):
    id: UUID
    campaign_id: UUID
    position: int
    contact_name: str
    contact_kind: str
    phone_number: str
    timezone: str | None
    address: str | None
    objective: str
    status: TaskStatus
    status_reason: str
    priority: int
    attempts: int
    max_attempts: int
    next_attempt_at: datetime | None
    promised_at: datetime | None
    disposition: Disposition | None
    summary: str | None
    result: Json
    updated_at: datetime
    finished_at: datetime | None


class CallView(BaseModel):
    id: UUID
    campaign_id: UUID
    task_id: UUID
    attempt_number: int
    status: CallStatus
    phone_number: str
    disposition: Disposition | None
    end_reason: str | None
    hangup_cause: int | None
    sip_code: int | None
    analysis: Json | None
    usage: Json
    has_recording: bool
    created_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None


class TurnView(BaseModel):
    """Times in ms since the answer."""

    call_id: UUID
    turn: int
    speaker: Speaker
    text: str
    started_ms: int
    ended_ms: int
    interrupted: bool


class EventView(BaseModel):
    id: UUID
    campaign_id: UUID | None
    task_id: UUID | None
    call_id: UUID | None
    kind: str
    detail: str
    data: Json
    created_at: datetime


class FeedbackView(BaseModel):
    """`expires_at`: the deadline, or the end of the call if that came first. `late`: answered after it, and kept."""

    id: UUID
    campaign_id: UUID
    task_id: UUID
    call_id: UUID | None
    kind: FeedbackKind
    question: str
    options: list[str]
    status: FeedbackStatus
    answer: str | None
    asked_at: datetime
    expires_at: datetime | None
    answered_at: datetime | None
    late: bool


class ToolStepView(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    arguments: Json = {}
    result: Any = None


class ChatReplyView(BaseModel):
    """The assistant's answer. `plan` only in the round that proposed one, with its first contacts of so many;
    `problems` say what it still lacks."""

    chat_id: UUID
    message: str
    form: Form | None
    plan: PlanView | None
    plan_id: UUID | None
    plan_valid: bool
    problems: list[str]
    tool_steps: list[ToolStepView]
    stopped: bool = False
    contacts: int
    user: UserView


class ChatMessageView(BaseModel):
    role: Literal["user", "assistant"]
    content: str
    at: datetime
    form: Form | None = None
    form_answers: Json | None = None
    plan: PlanView | None = None
    plan_id: UUID | None = None
    plan_valid: bool = False
    problems: list[str] = []
    tool_steps: list[ToolStepView] = []
    stopped: bool = False
    contacts: int = 0


class ChatHistoryView(BaseModel):
    chat_id: UUID
    messages: list[ChatMessageView]


class PreflightExample(BaseModel):
    row: int
    contact_name: str
    phone_number: str
    sentence: str


class PreflightReason(BaseModel):
    """So many contacts for one reason; `words` follow the count, at most five examples."""

    reason: str
    fate: Literal["called", "skipped", "asked"]
    count: int
    words: str
    examples: list[PreflightExample]


class PreflightView(BaseModel):
    """`fates`: contacts that are called, skipped, or asked about first. Times are UTC; `time_zone` is the user's."""

    contacts: int
    fates: dict[str, int]
    reasons: list[PreflightReason]
    sentences: list[str]
    first_call_at: datetime | None
    finished_at: datetime | None
    time_zone: str
    lines: int
    estimated_cost: float | None


class CampaignAnswer(BaseModel):
    campaign: CampaignView


class CampaignsView(BaseModel):
    campaigns: list[CampaignView]


class CampaignDetailView(BaseModel):
    """`progress` counts tasks by status, `outcomes` by disposition. At most 1,000 tasks from `offset` on.

    `events` are the latest lines that concern the campaign as a whole, such as a trunk that is at fault.
    """

    campaign: CampaignView
    progress: dict[str, int]
    outcomes: dict[str, int]
    tasks: list[TaskView]
    calls: list[CallView]
    events: list[EventView]
    feedback: list[FeedbackView]


class TaskDetailView(BaseModel):
    task: TaskView
    calls: list[CallView]
    events: list[EventView]
    feedback: list[FeedbackView]


class CallDetailView(BaseModel):
    call: CallView
    transcript: list[TurnView]
    events: list[EventView]
    feedback: list[FeedbackView]


class FeedbackAnswered(BaseModel):
    feedback: FeedbackView


class FeedbackListView(BaseModel):
    feedback: list[FeedbackView]


class PartView(BaseModel):
    ok: bool
    detail: str


class StatusView(BaseModel):
    modes: Json
    lines: Json
    ready: dict[str, PartView]


class ErrorDetail(BaseModel):
    code: str
    message: str


class ErrorView(BaseModel):
    error: ErrorDetail
