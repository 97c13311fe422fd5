"""Evidence as a rehearsal gathers it, built by hand: rows, words, and sound laid out on a timeline."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from opendeep.common.campaign_plan import CampaignPlan, PlannedTask, Question, QuestionType, Voicemail
from opendeep.common.data_models import (
    Call,
    CallEvent,
    CallStatus,
    Disposition,
    FeedbackKind,
    FeedbackRequest,
    FeedbackStatus,
    Speaker,
    Task,
    TaskStatus,
    TranscriptTurn,
)
from opendeep.rehearsal.evidence import CallEvidence, Case, Evidence
from opendeep.rehearsal.sound import Samples
from opendeep.simulation import Callee, CallSnapshot, Truth
from opendeep.simulation.callee_loader import parse_callee
from opendeep.simulation.simulated_call import Phase
from opendeep.simulation.witness import Sounding, Uttered, Visit
from tests.support import sound

ID = UUID(int=1)
CALLED_AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # a Monday, ten in the morning in New York
NUMBER = "+12025550101"
ACCEPTS = Question(key="accepts", ask="Does Tuesday at ten work for you?", type=QuestionType.YES_NO)
MESSAGE = "Hello, this is an AI assistant calling on behalf of Harbour Homes. Please call us back."
TALK = """
name: someone
title: Someone
numbers: ["+12025550101"]
script:
  person: {talk: {enter: [{say: "hello"}], backchannel: {lines: ["mm hmm"]}, rules: [{digits: "1", goto: queue}]}}
  queue: {hold: {for_s: 10, goto: behind}}
  behind: {talk: {enter: [{say: "hello again"}], rules: [{digits: "1", goto: mailbox}]}}
  mailbox: {voicemail: {greeting: "leave a message"}}
"""


def callee(text: str = TALK) -> Callee:
    return parse_callee(text, "someone.yaml")


def case(truth: dict[str, Any] | None = None, questions: Sequence[Question] = (ACCEPTS,)) -> Case:
    plan = CampaignPlan(
        objective="Arrange the yearly boiler inspection.",
        on_behalf_of="Harbour Homes",
        opening="I am calling to arrange the yearly boiler inspection.",
        questions=list(questions),
        must_not_say=["the key safe opens with four seven one one"],
        voicemail=Voicemail(message=MESSAGE),
        tasks=[PlannedTask(contact_name="Tom Baker", phone_number=NUMBER)],
    )
    return Case(
        "someone", "person", callee(), Truth.model_validate({"disposition": "ACHIEVED"} | (truth or {})), NUMBER, plan
    )


def task(disposition: Disposition | None = Disposition.ACHIEVED, **changes: Any) -> Task:
    built = Task(
        id=ID, user_id=ID, campaign_id=ID, position=1, contact_name="Tom Baker", contact_kind="person",
        phone_number=NUMBER, timezone="America/New_York", objective="", brief={}, status=TaskStatus.COMPLETED,
        status_reason="Done.", priority=0, attempts=1, max_attempts=3, next_attempt_at=None, disposition=disposition,
        summary="Done.", result={}, version=1, created_at=CALLED_AT, updated_at=CALLED_AT, finished_at=CALLED_AT,
    )  # fmt: skip
    return replace(built, **changes)


def row(attempt: int = 1, **changes: Any) -> Call:
    built = Call(
        id=UUID(int=attempt), user_id=ID, campaign_id=ID, task_id=ID, attempt_number=attempt,
        status=CallStatus.COMPLETED, phone_number=NUMBER, caller_id=None, node_id="n",
        disposition=Disposition.ACHIEVED, end_reason="", hangup_cause=16, sip_code=None, analysis=None, usage={},
        recording_path="recordings/one.wav", created_at=CALLED_AT, ringing_at=CALLED_AT, answered_at=CALLED_AT,
        ended_at=CALLED_AT + timedelta(seconds=20),
    )  # fmt: skip
    return replace(built, **changes)


def witness(*uttered: Uttered, **changes: Any) -> CallSnapshot:
    built = CallSnapshot(
        call_id=str(ID), channel="PJSIP/1", number=NUMBER, callee="someone", phase=Phase.ENDED, state="person",
        age_ms=22_000, redirected_to="", spoke_before_beep=False, visited=("person",), keys="",
        ended="manager_hangup", visits=(Visit(0, "person"),), uttered=uttered, talk_ms=20_000,
    )  # fmt: skip
    return replace(built, **changes)


def words(at_ms: int, ms: int, text: str) -> Uttered:
    return Uttered(at_ms, ms, Sounding.WORDS, text)


def sounding(at_ms: int, ms: int, kind: Sounding) -> Uttered:
    return Uttered(at_ms, ms, kind)


def ours(at_ms: int, ms: int, text: str, cut: bool = False) -> TranscriptTurn:
    return TranscriptTurn(ID, at_ms + 1, Speaker.AI, text, at_ms, at_ms + ms, cut)


def theirs(at_ms: int, ms: int, text: str) -> TranscriptTurn:
    return TranscriptTurn(ID, at_ms + 1, Speaker.CALLEE, text, at_ms, at_ms + ms)


def event(kind: str, **data: Any) -> CallEvent:
    return CallEvent(ID, ID, ID, ID, kind, kind, data, CALLED_AT)


def asked(question: str, kind: FeedbackKind = FeedbackKind.LIVE) -> FeedbackRequest:
    return FeedbackRequest(
        ID, ID, ID, ID, ID, kind, question, (), FeedbackStatus.ANSWERED, "Yes.", CALLED_AT, None, CALLED_AT
    )


def heard(*spans: tuple[int, int], length_ms: int = 20_000, level_dbfs: float = -20.0) -> Samples:
    """Our sound as it reached the callee: a buzz from `a` to `b` ms for each span, digital silence between."""
    track = np.zeros(length_ms * 8, dtype=np.int16)
    for from_ms, to_ms in spans:
        buzz = np.frombuffer(sound.sine(300, to_ms - from_ms, level_dbfs=level_dbfs), dtype="<i2")
        track[from_ms * 8 : to_ms * 8] = buzz
    return track


def evidence(
    *turns: TranscriptTurn,
    of: Case | None = None,
    uttered: Sequence[Uttered] = (),
    sound: Samples | None = None,
    events: Sequence[CallEvent] = (),
    about: dict[str, Any] | None = None,
    the_task: Task | None = None,
    call: Call | None = None,
    **more: Any,
) -> Evidence:
    """One case with one answered call. `about` changes the switch's testimony, `more` the evidence itself."""
    track = heard() if sound is None else sound
    one = CallEvidence(call or row(), turns, events, witness(*uttered, **(about or {})), track)
    return Evidence(of or case(), the_task or task(), more.pop("calls", (one,)), **more)
