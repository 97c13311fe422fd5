"""The `campaign_plan` document: what the assistant proposes and the user confirms, and the brief each task carries.

Pydantic models because they are read from JSON that models, people and files wrote. Every text is length-limited here,
once. Whether a plan may be confirmed is `UIAssistantService._is_plan_valid`, using `plan_problems` below.
"""

from collections.abc import Collection
from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from opendeep.common.errors import InvalidPhoneNumber
from opendeep.common.phone import objection, parse_number

MAX_TASKS = 100_000
UNPROVEN_SOURCE = "unproven"  # of a number that neither the user wrote nor the directory gave


class QuestionType(StrEnum):
    YES_NO = "yes_no"
    CHOICE = "choice"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    NUMBER = "number"
    TEXT = "text"


class VoicemailPolicy(StrEnum):
    LEAVE_MESSAGE = "leave_message"
    HANG_UP = "hang_up"
    RETRY_LATER = "retry_later"


def _known_zone(name: str | None) -> str | None:
    if name is not None:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: “Europe” is a directory
            raise ValueError(f"“{name}” is not a time zone; write for example Europe/Berlin.") from error
    return name


Short = Annotated[str, Field(max_length=200)]
Long = Annotated[str, Field(max_length=2000)]
ZoneName = Annotated[str | None, AfterValidator(_known_zone)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)


class Question(_Document):
    """One thing the call must find out. `key` names the result field."""

    key: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[a-z][a-z0-9_]*$")]
    ask: Annotated[str, Field(min_length=1, max_length=400)]
    type: QuestionType = QuestionType.TEXT
    options: list[Short] = Field(default_factory=list, max_length=20)
    required: bool = True


class Voicemail(_Document):
    policy: VoicemailPolicy = VoicemailPolicy.LEAVE_MESSAGE
    message: Long = ""


class CallingWindow(_Document):
    """Local time of the callee in which calls may start; weekdays are ISO (1 = Monday)."""

    start: time = time(9, 0)
    end: time = time(20, 0)
    weekdays: list[Annotated[int, Field(ge=1, le=7)]] = Field(default_factory=lambda: [1, 2, 3, 4, 5, 6, 7])
    any_time: bool = False


class PlannedTask(_Document):
    """One contact to reach. Texts left empty fall back to the plan's."""

    contact_name: Short
    contact_kind: Literal["person", "business"] = "person"
    phone_number: Short
    objective: Long = ""
    opening: Long = ""
    questions: list[Question] = Field(default_factory=list, max_length=20)
    may_say: list[Long] = Field(default_factory=list, max_length=40)
    must_not_say: list[Long] = Field(default_factory=list, max_length=40)
    menu_hint: Short | None = None
    timezone: ZoneName = None
    not_before: datetime | None = None
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    source: Short | None = None


class CampaignPlan(_Document):
    """The whole plan. `opening` and `questions` hold for every task that has none of its own."""

    title: Short = ""
    objective: Long = ""
    on_behalf_of: Short = ""
    language: Annotated[str, Field(max_length=20)] = "en"
    disclosure: Long = ""
    opening: Long = ""
    questions: list[Question] = Field(default_factory=list, max_length=20)
    may_say: list[Long] = Field(default_factory=list, max_length=40)
    must_not_say: list[Long] = Field(default_factory=list, max_length=40)
    tasks: list[PlannedTask] = Field(default_factory=list, max_length=MAX_TASKS)
    voicemail: Voicemail = Field(default_factory=Voicemail)
    calling_window: CallingWindow = Field(default_factory=CallingWindow)
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    retry_minutes: Annotated[float, Field(ge=0.01, le=10_080)] = 30
    max_call_minutes: Annotated[float, Field(ge=0.5, le=60)] = 10


class TaskBrief(_Document):
    """What one call needs to know: the task merged with the plan's defaults. Stored on the task as JSON."""

    language: str
    on_behalf_of: str
    disclosure: str
    objective: str
    opening: str
    questions: list[Question]
    may_say: list[str]
    must_not_say: list[str]
    menu_hint: str | None
    voicemail: Voicemail
    calling_window: CallingWindow
    retry_minutes: float
    max_call_minutes: float


class FormField(_Document):
    """One field of a form in the chat."""

    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
    label: Annotated[str, Field(min_length=1, max_length=300)]
    type: Literal["text", "textarea", "select", "date", "time", "number", "tel", "checkbox"] = "text"
    options: list[Short] = Field(default_factory=list, max_length=50)
    required: bool = True
    value: Long | None = None


class Form(_Document):
    """Questions the assistant asks in the chat; answered with *Submit Answers*."""

    title: Short = ""
    fields: Annotated[list[FormField], Field(min_length=1, max_length=20)]


class AssistantTurn(_Document):
    """What the assistant answers in one round of the chat (the structured output it must produce)."""

    message: Annotated[str, Field(max_length=8000)]
    form: Form | None = None
    campaign_plan: CampaignPlan | None = None


def voicemail_now(planned: Voicemail, *, message_left: bool) -> Voicemail:
    """What to do on a mailbox now: a message is left once for each task, later calls hang up on mailboxes."""
    if message_left and planned.policy is VoicemailPolicy.LEAVE_MESSAGE:
        return Voicemail(policy=VoicemailPolicy.HANG_UP)
    return planned


def brief_for(plan: CampaignPlan, task: PlannedTask) -> TaskBrief:
    """Merge one task with the plan's defaults."""
    return TaskBrief(
        language=plan.language,
        on_behalf_of=plan.on_behalf_of,
        disclosure=plan.disclosure or f"This is an AI assistant calling on behalf of {plan.on_behalf_of}.",
        objective=task.objective or plan.objective,
        opening=task.opening or plan.opening or plan.objective,
        questions=task.questions or plan.questions,
        may_say=[*plan.may_say, *task.may_say],
        must_not_say=[*plan.must_not_say, *task.must_not_say],
        menu_hint=task.menu_hint,
        voicemail=plan.voicemail,
        calling_window=plan.calling_window,
        retry_minutes=plan.retry_minutes,
        max_call_minutes=plan.max_call_minutes,
    )


def plan_problems(
    plan: CampaignPlan,
    region: str | None = None,
    extensions: Collection[str] = (),
    countries: Collection[str] | None = None,
) -> list[str]:
    """What still stands between the plan and its confirmation, one sentence each; empty means it can be confirmed.

    `countries` are those that may be called; None leaves that to the compliance gate.
    """
    problems = []
    if not plan.objective:
        problems.append("The plan does not say what the calls should achieve.")
    if not plan.on_behalf_of:
        problems.append("The plan does not say on whose behalf to call.")
    if not plan.tasks:
        problems.append("The plan has nobody to call.")
    if not plan.calling_window.any_time and plan.calling_window.start >= plan.calling_window.end:
        problems.append("The calling window ends before it starts.")
    seen: dict[str, str] = {}
    for task in plan.tasks:
        who = task.contact_name or task.phone_number or "A contact"
        if not task.contact_name:
            problems.append(f"{who} has no name.")
        try:
            number = parse_number(task.phone_number, region, extensions)
        except InvalidPhoneNumber as error:
            problems.append(f"{who}: {error}")
            continue
        if task.source == UNPROVEN_SOURCE and number.kind != "extension":
            problems.append(f"{who}: I cannot tell who gave the number {number.e164}. Please write it here.")
        if against := objection(number, countries):
            problems.append(f"{who}: {against[1]}")
        if number.e164 in seen:
            problems.append(f"{who} and {seen[number.e164]} have the same number.")
        seen[number.e164] = who
    return problems
