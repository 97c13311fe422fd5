"""From an outcome to the task's next state: one table of decisions. Pure; time and jitter are arguments.

One budget of attempts per task. A call-back that the callee asked for is a promise: it is kept at its time, or the user
is asked when the budget is used up.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from opendeep.common.callee_place import CalleePlace
from opendeep.common.campaign_plan import TaskBrief, VoicemailPolicy
from opendeep.common.data_models import CallStatus, Disposition, TaskStatus
from opendeep.post_call_analyzer_service.retry_times import retry_at

D = Disposition
NOT_REACHED: Final = frozenset({D.VOICEMAIL, D.NO_ANSWER, D.BUSY, D.REJECTED, D.UNREACHABLE, D.FAILED})
_MESSAGE_LEFT: Final = "Not reached in person, but the message was left."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known when the next step is decided. `attempts` includes the call just made."""

    disposition: Disposition
    call_status: CallStatus
    attempts: int
    max_attempts: int
    proposed: str = "retry"  # of the judgement: complete, retry, callback, needs_user, fail
    callback_at: datetime | None = None
    question: str | None = None
    required_answered: bool = False
    message_left: bool = False  # on a mailbox, by an earlier call
    promised: bool = False  # the callee was told that we call at `callback_at`
    put_through_to: str | None = None  # a person who talked with the callee afterwards
    stopped_by_user: bool = False  # who hung up from outside

    @property
    def exhausted(self) -> bool:
        return self.attempts >= self.max_attempts


@dataclass(frozen=True, slots=True)
class Decision:
    """The task's next state. `question` is put to the user, who is waited for when the state is NEEDS_USER;
    `disposition` is the task's where it differs from the call's; `promised`: the callee has named the time of the next
    attempt."""

    status: TaskStatus
    reason: str
    next_attempt_at: datetime | None = None
    question: str | None = None
    disposition: Disposition | None = None
    promised: bool = False


def decide(
    outcome: Outcome, brief: TaskBrief, contact: str, place: CalleePlace, now: datetime, jitter: float
) -> Decision:
    """The next state of the task. `place` is the callee's; `jitter` is in [-1, 1]."""
    if final := _final(outcome):
        return final
    if outcome.promised and (kept := _call_back(outcome, contact)):  # also while the user thinks about a question
        return replace(kept, question=kept.question or outcome.question)
    if outcome.question:
        return Decision(TaskStatus.NEEDS_USER, "Waiting for your decision.", question=outcome.question)
    if outcome.put_through_to and outcome.disposition is D.INCONCLUSIVE:
        return _handed_over(outcome.put_through_to, contact)
    if outcome.stopped_by_user and outcome.disposition in {D.INCONCLUSIVE, *NOT_REACHED}:
        question = f"You hung up the call to {contact}. Shall I call again?"
        return Decision(TaskStatus.NEEDS_USER, "You hung up; it is not tried again without you.", question=question)
    if outcome.disposition is D.DECLINED:
        return Decision(TaskStatus.COMPLETED, "The callee said no.")
    if outcome.disposition is D.CALLBACK_REQUESTED and (kept := _call_back(outcome, contact)):
        return kept
    if outcome.disposition is D.INCONCLUSIVE and outcome.proposed == "fail":
        return Decision(TaskStatus.FAILED, "The call showed that the aim cannot be reached.")
    if outcome.exhausted:
        return _given_up(outcome)
    again = retry_at(outcome.disposition, outcome.attempts, brief, place, now, jitter)
    return Decision(TaskStatus.SCHEDULED, _REASONS[outcome.disposition], again)


def _final(outcome: Outcome) -> Decision | None:
    if outcome.disposition is D.ACHIEVED:
        return Decision(TaskStatus.COMPLETED, "Done.")
    if outcome.disposition is D.OPTED_OUT:
        return Decision(TaskStatus.FAILED, "The callee wants no more calls; the number is on your do-not-call list.")
    if outcome.disposition is D.WRONG_NUMBER:
        return Decision(TaskStatus.FAILED, "The number belongs to somebody else.")
    if outcome.call_status is CallStatus.UNALLOCATED:
        return Decision(TaskStatus.FAILED, "The number does not exist.")
    return None


def _call_back(outcome: Outcome, contact: str) -> Decision | None:
    """A promise is kept at its time; None when the callee named none."""
    if outcome.exhausted:
        question = f"{contact} asked to be called again, but all attempts are used. Shall I call once more?"
        return Decision(TaskStatus.NEEDS_USER, "A call-back was asked for after the last attempt.", question=question)
    if outcome.callback_at is None:
        return None
    reason = "The callee asked to be called at this time."
    return Decision(TaskStatus.SCHEDULED, reason, outcome.callback_at, promised=True)


def _handed_over(person: str, contact: str) -> Decision:
    """What the two agreed on was not heard: the user knows."""
    question = f"{contact} was put through to {person}. Is there anything left to do by phone?"
    return Decision(TaskStatus.NEEDS_USER, f"The callee was put through to {person}.", question=question)


def _given_up(outcome: Outcome) -> Decision:
    if outcome.disposition is D.VOICEMAIL_LEFT:
        return Decision(TaskStatus.COMPLETED, _MESSAGE_LEFT)
    if outcome.message_left and outcome.disposition in NOT_REACHED:
        return Decision(TaskStatus.COMPLETED, _MESSAGE_LEFT, disposition=D.VOICEMAIL_LEFT)
    stopped = outcome.max_attempts == 0 or outcome.attempts > outcome.max_attempts  # the user took the rest away
    end = "It is not tried again." if stopped else f"All {outcome.max_attempts} attempts are used."
    return Decision(TaskStatus.FAILED, f"{_REASONS[outcome.disposition]} {end}")


def kept_promise(judged: Disposition) -> Disposition:
    """A promised call-back outranks whatever would have led to a retry at our own time, to a no, or to no call at all;
    only what makes another call needless or forbids it stands."""
    return judged if judged in (D.ACHIEVED, D.OPTED_OUT, D.WRONG_NUMBER) else D.CALLBACK_REQUESTED


def claimed_disposition(
    judged: Disposition, brief: TaskBrief, *, required_answered: bool, refused: bool, message_left: bool
) -> Disposition:
    """What may be claimed: ACHIEVED needs every required answer, a left message needs a policy and words of ours."""
    if judged is D.ACHIEVED and not required_answered:
        return D.INCONCLUSIVE
    if judged is D.INCONCLUSIVE and required_answered and brief.questions and not refused:
        return D.ACHIEVED
    if judged is D.VOICEMAIL_LEFT and not (message_left and brief.voicemail.policy is VoicemailPolicy.LEAVE_MESSAGE):
        return D.VOICEMAIL
    return judged


_REASONS: Final = {
    D.BUSY: "The line was busy.",
    D.NO_ANSWER: "Nobody picked up.",
    D.REJECTED: "The call was rejected.",
    D.UNREACHABLE: "The number could not be reached.",
    D.FAILED: "The call could not be made.",
    D.VOICEMAIL: "Only a mailbox answered.",
    D.VOICEMAIL_LEFT: "The message was left on a mailbox; trying to reach the person.",
    D.INCONCLUSIVE: "The call brought no clear result.",
    D.CALLBACK_REQUESTED: "The callee asked to be called again.",
}
