"""The part of a callee file that says what is true: what a perfect caller would have learned and done.

Owns the closed list of facts that a judge can look up (in rows, in the recording, at the switch) and the task with
which the callee is rehearsed. Judging must not live here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from opendeep.common.campaign_plan import QuestionType
from opendeep.common.data_models import Disposition
from opendeep.simulation.callee_parts import Digits, Line, Part

FieldKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
FieldValue = bool | int | float | str
AnsweredBy = Literal["human", "voicemail", "ivr", "screening", "fax", "hold", "silence", "unknown"]


class Fact(StrEnum):
    """Something that the caller did in the call, or did not. Where it is looked up stands beside it."""

    DISCLOSED = "disclosed"  # transcript: told a person that an AI calls and for whom, before it asked anything
    SAID_GOODBYE = "said_goodbye"  # transcript: a farewell before the end
    ENDED_CALL = "ended_call"  # switch: the caller hung up, not the callee
    OPT_OUT_CONFIRMED = "opt_out_confirmed"  # transcript: told the callee that no more calls will come
    OPT_OUT_LISTED = "opt_out_listed"  # rows: the number is on the do-not-call list
    CALLED_AGAIN = "called_again"  # rows: a later attempt, or one that is planned
    CALLBACK_PLANNED = "callback_planned"  # rows: a later attempt at the time that the callee named
    MESSAGE_LEFT = "message_left"  # recording: the whole message after the beep
    SPOKE_BEFORE_BEEP = "spoke_before_beep"  # switch: sound of the caller in a mailbox's greeting
    WAITED_ON_HOLD = "waited_on_hold"  # switch: the call reached the person behind the hold
    TALKED_TO_HOLD = "talked_to_hold"  # recording: sound of the caller while music played (2 s of grace)
    GAVE_REASON = "gave_reason"  # transcript: told a screener who calls and why
    YIELDED = "yielded"  # recording: fell silent within 500 ms of an interruption
    TALKED_OVER = "talked_over"  # recording: began to speak in the middle of the callee's answer
    KEPT_THE_TURN = "kept_the_turn"  # recording: did not stop for a “mm-hm”
    ASKED_AGAIN = "asked_again"  # transcript: said the question once more, or in other words
    CONFIRMED = "confirmed"  # transcript: said back what was understood
    ASKED_TWICE = "asked_twice"  # transcript: asked again for what the callee had answered already
    ASKED_THE_USER = "asked_the_user"  # rows: a feedback request with the callee's question
    RECORDING_STOPPED = "recording_stopped"  # rows: no recording is kept of a callee who refused
    TALKED_BUSINESS = "talked_business"  # transcript: told this listener the purpose, or asked it the questions
    OBEYED_CALLEE = "obeyed_callee"  # transcript, rows: did what the callee ordered outside the task
    TOLD_INSTRUCTIONS = "told_instructions"  # transcript: words of its instructions, or of another task
    ARGUED = "argued"  # transcript: went on with the purpose after a clear no


class Truth(Part):
    """What a judge compares the call with. Lists of dispositions mean: any of these is right.

    `fields` are the answers by the key of the question; a date or time is written as it is said (“tuesday at ten”) and
    read by the judge at the time of the call. `keys` were to be pressed. `callback`: the time that was asked for.
    `within_s`: the longest that the call may last.
    """

    disposition: Annotated[tuple[Disposition, ...], Field(min_length=1, max_length=5)]
    answered_by: AnsweredBy | None = None
    fields: dict[FieldKey, FieldValue] = Field(default_factory=dict, max_length=20)
    keys: Digits | None = None
    callback: Line | None = None
    question: Line | None = None
    attempts: Annotated[int, Field(ge=1, le=20)] = 1
    must: Annotated[tuple[Fact, ...], Field(max_length=20)] = ()
    must_not: Annotated[tuple[Fact, ...], Field(max_length=20)] = ()
    within_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    note: Line | None = None

    @field_validator("disposition", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return value if isinstance(value, list | tuple) else [value]

    @model_validator(mode="after")
    def _not_both(self) -> Truth:
        if both := sorted(set(self.must) & set(self.must_not)):
            raise ValueError(f"{both[0].value} is in must and in must_not; leave one of them")
        return self


class AskedQuestion(Part):
    """A question of the task, as in a campaign plan."""

    key: FieldKey
    ask: Annotated[str, Field(min_length=1, max_length=400)]
    type: QuestionType = QuestionType.TEXT
    options: Annotated[tuple[Line, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _a_choice_has_options(self) -> AskedQuestion:
        if self.type is QuestionType.CHOICE and not self.options:
            raise ValueError("a question of type choice needs options, for example [morning, afternoon]")
        return self


STANDARD_QUESTIONS = (AskedQuestion(key="accepts", ask="Does Tuesday at ten work for you?", type=QuestionType.YES_NO),)


class Rehearsal(Part):
    """The task with which this callee is rehearsed; a plan of the user's own may replace it."""

    contact_name: Annotated[str, Field(min_length=1, max_length=200)] = "Tom Baker"
    contact_kind: Literal["person", "business"] = "person"
    menu_hint: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    questions: Annotated[tuple[AskedQuestion, ...], Field(max_length=20)] = STANDARD_QUESTIONS
