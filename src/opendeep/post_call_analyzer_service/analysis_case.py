"""One call as the analyser reads it from the rows, and as the model may see it: only this task and this call."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from opendeep.common.callee_place import CalleePlace, callee_place
from opendeep.common.campaign_plan import TaskBrief, voicemail_now
from opendeep.common.data_models import Call, CallEvent, Disposition, FeedbackRequest, Task, TranscriptTurn
from opendeep.common.errors import InvalidPhoneNumber
from opendeep.common.phone import parse_number
from opendeep.database.db_manager import Transaction

POSTPONED: Final = "analysis.postponed"  # one line of the timeline for each failed try
END_REQUESTED: Final = "call.end_requested"  # written by the voice side when the AI ends the call
ANSWERED_BY: Final = "call.answered_by"  # written by the voice side when it knows
MAX_TURNS: Final = 600
MAX_ANSWERS: Final = 20


@dataclass(frozen=True, slots=True)
class Case:
    """One call to judge, as read from the rows; `brief` as the call had it."""

    task: Task
    call: Call
    brief: TaskBrief
    turns: tuple[TranscriptTurn, ...]
    events: tuple[CallEvent, ...]
    answers: tuple[FeedbackRequest, ...]  # of the user, the latest
    message_left: bool = False  # by an earlier call of the task

    @property
    def end_requested(self) -> dict[str, Any] | None:
        """Why the voice ended the call: {reason, note}, the last one said."""
        found = [dict(event.data) for event in self.events if event.kind == END_REQUESTED]
        return found[-1] if found else None

    @property
    def answered_by(self) -> str | None:
        """Who or what answered, as the line sounded; the last judgement."""
        found = [str(event.data.get("answered_by")) for event in self.events if event.kind == ANSWERED_BY]
        return found[-1] if found else None

    @property
    def tries(self) -> int:
        return sum(event.kind == POSTPONED for event in self.events)

    def record(self, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
        """What the model reads; `zone` is the callee's."""
        local = (self.call.ended_at or now).astimezone(zone)
        return {
            "task": {
                "contact": {"name": self.task.contact_name, "kind": self.task.contact_kind},
                "objective": self.task.objective,
                "questions": [question.model_dump(mode="json") for question in self.brief.questions],
                "voicemail_policy": self.brief.voicemail.policy.value,
                "answers_of_the_user": [
                    {"question": given.question, "answer": given.answer, "late": given.late} for given in self.answers
                ],
            },
            "call": {
                "attempt": self.call.attempt_number,
                "talk_seconds": round(self.call.talk_seconds, 1),
                "ended": self.call.end_reason,
                "end_requested": self.end_requested,
                "answered_by": self.answered_by,
                "now_at_callee": local.isoformat(timespec="seconds"),
            },
            "turns": [
                {"turn": t.turn, "speaker": t.speaker.value, "text": t.text, "interrupted": t.interrupted}
                for t in self.turns
            ],
        }


async def read_case(work: Transaction, task: Task) -> Case | None:
    """The task's latest call with its words; None when there was no call."""
    call = await work.calls.latest_of_task(task.id)
    if call is None:
        return None
    turns = await work.transcripts.of_call(task.user_id, call.id)
    events = await work.events.of_call(task.user_id, call.id)
    feedback = await work.feedback.of_task(task.user_id, task.id)
    answers = tuple(given for given in feedback if given.answer)[-MAX_ANSWERS:]
    brief = TaskBrief.model_validate(task.brief)
    earlier = (other for other in await work.calls.of_task(task.user_id, task.id) if other.id != call.id)
    message_left = any(other.disposition is Disposition.VOICEMAIL_LEFT for other in earlier)
    told = voicemail_now(brief.voicemail, message_left=message_left)
    brief = brief.model_copy(update={"voicemail": told})
    return Case(task, call, brief, tuple(turns[:MAX_TURNS]), tuple(events), answers, message_left)


@dataclass(frozen=True, slots=True)
class ZoneRules:
    """How a task's time zones are found: by the contact, the address or the number; ours where none is known."""

    region: str
    extensions: Collection[str]
    default: str

    def place(self, task: Task) -> CalleePlace:
        """Where the callee is, as the gate before dialling sees it."""
        try:
            number = parse_number(task.phone_number, self.region, self.extensions)
        except InvalidPhoneNumber:
            return CalleePlace(())
        return callee_place(number, task.timezone, task.address, self.default)

    def of(self, task: Task) -> ZoneInfo:
        """The zone in which the callee's words are meant."""
        zones = self.place(task).zones
        return zones[0] if zones else ZoneInfo(self.default)
