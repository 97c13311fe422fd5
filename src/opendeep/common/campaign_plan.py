"""The `campaign_plan` document: what the assistant proposes and the user confirms, and the brief each task carries.

Pydantic models because they are read from JSON that models, people and files wrote. Every text is length-limited here,
once. What stands between a plan and its confirmation is found by `plan_problems.py`.
"""

from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from opendeep.common.call_script import CallScript, Engine, ScriptQuestion
from opendeep.common.phone import NUMBER_TYPES
from opendeep.common.question_types import QuestionType as QuestionType
from opendeep.common.script_edits import carried
from opendeep.common.script_wording import worded_script

MAX_TASKS = 100_000
MAX_NOTES = 3  # for a task's next call
HolidayPolicy = Literal["skip", "call"]
_MIDNIGHT = time(0)  # as an end: that of the day
UNPROVEN_SOURCE = "unproven"  # of a number that nobody gave: not the user, the directory or an earlier task


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


def _wall_time(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("calling hours are the called person's local time; leave the offset out")
    return value


def _end_of_day(value: object) -> object:
    return "00:00" if isinstance(value, str) and value.strip() in ("24:00", "24:00:00") else value


def _known_types(names: list[str] | None) -> list[str] | None:
    if unknown := sorted(set(names or ()) - set(NUMBER_TYPES)):
        raise ValueError(f"“{unknown[0]}” is no number type that can be called; there are: {', '.join(NUMBER_TYPES)}.")
    return names


Short = Annotated[str, Field(max_length=200)]
Long = Annotated[str, Field(max_length=2000)]
ZoneName = Annotated[str | None, AfterValidator(_known_zone)]
WallTime = Annotated[time, AfterValidator(_wall_time)]
EndTime = Annotated[WallTime, BeforeValidator(_end_of_day)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Countries = Annotated[list[Country] | None, Field(max_length=250)]
NumberTypes = Annotated[list[Short] | None, Field(max_length=20), AfterValidator(_known_types)]


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


class Pause(_Document):
    """A part of the day in which nobody is called, such as lunch."""

    start: WallTime
    end: EndTime

    def covers(self, wall: time) -> bool:
        return self.start <= wall and (self.end == _MIDNIGHT or wall < self.end)


class CallingWindow(_Document):
    """Local time of the callee in which calls may start; weekdays are ISO (1 = Monday). An `end` of 00:00 is midnight.

    `any_time` leaves hours, weekdays and holidays out of account.
    """

    start: WallTime = time(9, 0)
    end: EndTime = time(20, 0)
    weekdays: list[Annotated[int, Field(ge=1, le=7)]] = Field(default_factory=lambda: [1, 2, 3, 4, 5, 6, 7])
    breaks: list[Pause] = Field(default_factory=list, max_length=5)
    any_time: bool = False

    def covers(self, wall: time) -> bool:
        """Whether calls may start at this time of an open day."""
        within = self.start <= wall and (self.end == _MIDNIGHT or wall < self.end)
        return within and not any(pause.covers(wall) for pause in self.breaks)


Minutes = Annotated[float, Field(ge=0.01, le=10_080)]


class Retries(_Document):
    """Minutes before the first retry after each outcome; what is not given follows from the plan's `retry_minutes`."""

    busy: Minutes | None = None
    no_answer: Minutes | None = None
    voicemail: Minutes | None = None
    rejected: Minutes | None = None
    unreachable: Minutes | None = None  # congestion, no route, trunk down
    inconclusive: Minutes | None = None


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
    address: Annotated[str | None, Field(max_length=300)] = None
    not_before: datetime | None = None
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    source: Short | None = None


class CampaignPlan(_Document):
    """The whole plan. `opening` and `questions` hold for every task that has none of its own.

    `script` is derived by code (`script_derivation`) and edited by the user, never written by a model: it is in no
    schema that a model gets.
    """

    title: Short = ""
    engine: Engine = Engine.REALTIME
    objective: Long = ""
    on_behalf_of: Short = ""
    language: Annotated[str, Field(max_length=20)] = "en"
    disclosure: Long = ""
    recording_notice: Long = ""  # said after the disclosure; empty: the profile's, and without that nothing is said
    opening: Long = ""
    questions: list[Question] = Field(default_factory=list, max_length=20)
    may_say: list[Long] = Field(default_factory=list, max_length=40)
    must_not_say: list[Long] = Field(default_factory=list, max_length=40)
    tasks: list[PlannedTask] = Field(default_factory=list, max_length=MAX_TASKS)
    voicemail: Voicemail = Field(default_factory=Voicemail)
    calling_window: CallingWindow = Field(default_factory=CallingWindow)
    holidays: HolidayPolicy = "skip"
    not_after: datetime | None = None
    allowed_countries: Countries = None
    number_types: NumberTypes = None
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    retry_minutes: Minutes = 30
    retries: Retries = Field(default_factory=Retries)
    max_call_minutes: Annotated[float, Field(ge=0.5, le=60)] = 10
    max_spend: Annotated[float | None, Field(ge=0)] = None  # in the currency of PRICE_PER_MINUTE
    script: SkipJsonSchema[CallScript | None] = None  # only with the engine `scripted`


class TaskBrief(_Document):
    """What one call needs to know: the task merged with the plan's defaults. Stored on the task as JSON.

    Fields with a default are younger than some stored rows.
    """

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
    holidays: HolidayPolicy = "skip"
    not_after: datetime | None = None
    allowed_countries: Countries = None
    number_types: NumberTypes = None
    retries: Retries = Field(default_factory=Retries)
    max_spend: float | None = None
    recording_notice: str = ""
    engine: Engine = Engine.REALTIME
    script: CallScript | None = None
    notes: list[Short] = Field(default_factory=list, max_length=MAX_NOTES)  # of the lifecycle manager, see `call_notes`
    horizon: Literal["short", "long"] = "short"  # whether the task goes on over days and many calls


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


def disclosure_of(plan: CampaignPlan) -> str:
    """The plan's sentence that an AI is calling, and for whom."""
    return plan.disclosure or f"This is an AI assistant calling on behalf of {plan.on_behalf_of}."


def derive_script(plan: CampaignPlan, task: PlannedTask | None = None) -> CallScript:
    """The script that follows from the plan alone, or from what one task has of its own. Nothing else goes in."""
    opening = (task.opening if task else "") or plan.opening or plan.objective
    questions = (task.questions if task else []) or plan.questions
    return worded_script(disclosure_of(plan), opening, (_scripted(question) for question in questions))


def script_for(plan: CampaignPlan, task: PlannedTask) -> CallScript | None:
    """The script of one task's call: the plan's, with its changes, around the task's own words. None: no script."""
    if plan.engine is not Engine.SCRIPTED:
        return None
    if plan.script is not None and not (task.questions or task.opening):
        return plan.script
    return carried(plan.script, derive_script(plan), derive_script(plan, task))


def _scripted(question: Question) -> ScriptQuestion:
    """A type that the plan does not give is not guessed: the gate asks for it."""
    return ScriptQuestion(
        key=question.key,
        ask=question.ask,
        type=question.type if "type" in question.model_fields_set else None,
        options=tuple(question.options),
        required=question.required,
    )


def brief_for(plan: CampaignPlan, task: PlannedTask) -> TaskBrief:
    """Merge one task with the plan's defaults."""
    return TaskBrief(
        language=plan.language,
        on_behalf_of=plan.on_behalf_of,
        disclosure=disclosure_of(plan),
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
        holidays=plan.holidays,
        not_after=plan.not_after,
        allowed_countries=plan.allowed_countries,
        number_types=plan.number_types,
        retries=plan.retries,
        max_spend=plan.max_spend,
        recording_notice=plan.recording_notice,
        engine=plan.engine,
        script=script_for(plan, task),
    )
