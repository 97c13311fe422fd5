"""One call as the analyser reads it from the rows, and as the model may see it: only this task and this call."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from opendeep.common.call_facts import (
    ANSWERED_BY,
    CALLBACK_PROMISED,
    DO_NOT_CALL,
    END_REQUESTED,
    RESULT_RECORDED,
    STOPPED_BY_USER,
    TRANSFER_ANSWERED,
)
from opendeep.common.campaign_plan import TaskBrief, voicemail_now
from opendeep.common.data_models import Call, CallEvent, Disposition, FeedbackRequest, Task, TranscriptTurn
from opendeep.database.db_manager import Transaction
from opendeep.post_call_analyzer_service.analysis_schema import FieldFinding
from opendeep.post_call_analyzer_service.citations import recorded_finding

POSTPONED: Final = "analysis.postponed"  # one line of the timeline for each failed try
MAX_TURNS: Final = 600
MAX_ANSWERS: Final = 20


@dataclass(frozen=True, slots=True)
class Promise:
    """A call-back that was promised for this moment (UTC)."""

    at: datetime
    words: str
    turn: int | None


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
        return self._last(END_REQUESTED)

    @property
    def promise(self) -> Promise | None:
        """When the callee was told that we call again."""
        said = self._last(CALLBACK_PROMISED)
        if said is None:
            return None
        return Promise(datetime.fromisoformat(said["at"]), str(said["words"]), said.get("turn"))

    @property
    def refusal(self) -> dict[str, Any] | None:
        """That the callee asked the AI for no more calls: {words, turn}."""
        return self._last(DO_NOT_CALL)

    @property
    def recorded(self) -> tuple[FieldFinding, ...]:
        """What the AI recorded as answers, with the callee's words that prove it; the last of each key."""
        last = {str(event.data["key"]): dict(event.data) for event in self.events if event.kind == RESULT_RECORDED}
        return tuple(recorded_finding(said, self.turns) for said in last.values())

    @property
    def stopped_by_user(self) -> bool:
        """The user hung up in the middle of it."""
        return self._last(STOPPED_BY_USER) is not None

    @property
    def transferred_to(self) -> str | None:
        """Whom the callee was put through to and talked with."""
        said = self._last(TRANSFER_ANSWERED)
        return str(said["target"]) if said else None

    @property
    def answered_by(self) -> str | None:
        """Who or what answered, as the line sounded; the last judgement."""
        said = self._last(ANSWERED_BY)
        return str(said["answered_by"]) if said else None

    @property
    def tries(self) -> int:
        return sum(event.kind == POSTPONED for event in self.events)

    def _last(self, kind: str) -> dict[str, Any] | None:
        found = [dict(event.data) for event in self.events if event.kind == kind]
        return found[-1] if found else None

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
                "put_through_to": self.transferred_to,
                "now_at_callee": local.isoformat(timespec="seconds"),
            },
            "turns": [
                {"turn": t.turn, "speaker": t.speaker.value, "text": t.text, "interrupted": t.interrupted}
                for t in self.turns
            ],
        }


async def read_case(work: Transaction, task: Task, call: Call | None = None) -> Case | None:
    """A call of the task with its words, the latest unless one is given; None when there was no call."""
    call = call or await work.calls.latest_of_task(task.id)
    if call is None:
        return None
    turns = await work.transcripts.of_call(task.user_id, call.id)
    events = await work.events.of_call(task.user_id, call.id)
    feedback = await work.feedback.of_task(task.user_id, task.id)
    answers = tuple(given for given in feedback if given.answer)[-MAX_ANSWERS:]
    brief = TaskBrief.model_validate(task.brief)
    number, others = call.attempt_number, await work.calls.of_task(task.user_id, task.id)
    message_left = any(o.disposition is Disposition.VOICEMAIL_LEFT for o in others if o.attempt_number < number)
    told = voicemail_now(brief.voicemail, message_left=message_left)
    brief = brief.model_copy(update={"voicemail": told})
    return Case(task, call, brief, tuple(turns[:MAX_TURNS]), tuple(events), answers, message_left)
