"""Judging by rows: outcome, answers, keys, call-backs, lists, questions to the user, what was left behind. Pure."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from opendeep.common.call_facts import ANSWERED_BY
from opendeep.common.callback_times import callback_time
from opendeep.common.campaign_plan import Question, QuestionType
from opendeep.common.data_models import FeedbackKind, TaskStatus
from opendeep.rehearsal.evidence import CallEvidence, Evidence
from opendeep.rehearsal.findings import Finding, judged
from opendeep.rehearsal.words import likeness
from opendeep.simulation.callee_truth import FieldValue

SAME_TEXT: Final = 0.7
SAME_QUESTION: Final = 0.5
CALLBACK_TOLERANCE_S: Final = 60
HOME_ZONE: Final = ZoneInfo("America/New_York")  # of every rehearsed contact


def outcome(e: Evidence) -> Finding:
    """The task's disposition is one that is right."""
    allowed = "/".join(e.case.truth.disposition)
    found = e.task.disposition if e.task is not None else None
    said = f": {e.task.summary}" if e.task is not None and e.task.summary else ""
    right = found in e.case.truth.disposition
    told = found.value if found else "no outcome"
    return judged("outcome", right, 5, f"{told}{'' if right else f', right is {allowed}'}{said}")


def answers(e: Evidence) -> Finding | None:
    """Each answer that the callee gave is in the task's result."""
    expected = e.case.truth.fields
    if not expected:
        return None
    told, right = [], 0
    for question in e.case.questions:
        if question.key in expected:
            same, words = _answer(e, question, expected[question.key])
            told.append(words)
            right += same
    return Finding("answers", right / len(told), 3, "; ".join(told)) if told else None


def _answer(e: Evidence, question: Question, expected: FieldValue) -> tuple[bool, str]:
    kept = e.task.result.get(question.key) if e.task is not None else None
    if not kept:
        return False, f"{question.key}: nothing recorded, right is {expected}"
    value = str(kept["value"])
    when = e.last.call.answered_at if e.last is not None else None
    same = same_answer(question, value, expected, when)
    quote = f" (“{kept['quote']}”)" if kept.get("quote") else ""
    return same, f"{question.key}: {value}{quote}{'' if same else f', right is {expected}'}"


def same_answer(question: Question, value: str, expected: FieldValue, called_at: datetime | None) -> bool:
    """Whether a recorded value is the true one; dates and times are read as they were said, at the time of the call."""
    match question.type:
        case QuestionType.YES_NO:
            return value == ("yes" if expected else "no")
        case QuestionType.NUMBER:
            try:
                return float(value) == float(expected)
            except ValueError:
                return False
        case QuestionType.DATE | QuestionType.TIME | QuestionType.DATETIME:
            return called_at is not None and _same_time(question.type, value, str(expected), called_at)
        case QuestionType.CHOICE:
            return value.casefold() == str(expected).casefold()
        case _:
            return likeness(str(expected), value) >= SAME_TEXT


def _same_time(kind: QuestionType, value: str, words: str, called_at: datetime) -> bool:
    meant = callback_time(words, called_at, HOME_ZONE)
    if meant is None:
        return False
    local = meant.astimezone(HOME_ZONE)
    if kind is QuestionType.DATE:
        return value[:10] == local.date().isoformat()
    if kind is QuestionType.TIME:
        return value[:5] == local.strftime("%H:%M")
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return False
    found = found.astimezone(HOME_ZONE) if found.tzinfo else found.replace(tzinfo=HOME_ZONE)
    return abs((found - local).total_seconds()) <= CALLBACK_TOLERANCE_S


def answered_by(e: Evidence) -> Finding | None:
    """Who or what picked up, in the call that settled it, was known while it went on."""
    expected = e.case.truth.answered_by
    call = e.answered[-1] if e.answered else None
    if expected is None or call is None:
        return None
    verdicts = [str(event.data.get("answered_by")) for event in call.events if event.kind == ANSWERED_BY]
    known = [verdict for verdict in verdicts if verdict != "unknown"]
    told = ", then ".join(known) or "nothing was decided"
    return judged("answered by", expected in known, 1, f"{told}; right is {expected}", call.call.attempt_number)


def keys(e: Evidence) -> Finding | None:
    """The keys that had to be pressed arrived, all of them and no others."""
    expected, last = e.case.truth.keys, e.last
    if expected is None or last is None:
        return None
    pressed = last.witness.keys if last.witness is not None else ""
    return judged("keys", pressed == expected, 2, f"pressed {pressed or 'none'}, right is {expected}")


def attempts(e: Evidence) -> Finding:
    """As many calls as it takes, no more."""
    made, expected = len(e.calls), e.case.truth.attempts
    return judged("attempts", made == expected, 1, f"{made} call(s), right is {expected}")


def nothing_left(e: Evidence) -> Finding:
    """Every call has an end in the rows and at the switch, and no line is held."""
    left = [f"call {call.call.attempt_number} is {call.call.status.value}" for call in e.calls if call.call.live]
    left += [
        f"call {call.call.attempt_number} is still up at the switch"
        for call in e.calls
        if call.witness is not None and not call.witness.ended
    ]
    left += e.left_running
    return judged("nothing left running", not left, 2, "; ".join(left) or "rows and switch agree that all has ended")


# -- facts


def opt_out_listed(e: Evidence) -> tuple[bool, str]:
    return e.blocked, "the number is on the do-not-call list" if e.blocked else "the number is on no list"


def called_again(e: Evidence) -> tuple[bool, str]:
    """A call more than it takes, or one that is planned."""
    if len(e.calls) > e.case.truth.attempts:
        return True, f"{len(e.calls)} calls were made"
    task = e.task
    planned = task is not None and task.status is TaskStatus.SCHEDULED and task.next_attempt_at is not None
    if task is not None and planned:
        return True, f"planned: {task.next_attempt_at:%Y-%m-%d %H:%M} UTC ({task.status_reason})"
    return False, f"no other call is planned ({task.status.value if task else 'no task'})"


def callback_planned(e: Evidence) -> tuple[bool, str]:
    """The next attempt is at the time that the callee named."""
    words, last, task = e.case.truth.callback, e.last, e.task
    if last is None or task is None or last.call.answered_at is None:
        return False, "no call was answered"
    planned = task.next_attempt_at if task.status is TaskStatus.SCHEDULED else None
    meant = callback_time(words, last.call.answered_at, HOME_ZONE) if words else planned
    right = planned is not None and meant is not None
    right = right and abs((planned - meant).total_seconds()) <= CALLBACK_TOLERANCE_S  # type: ignore[operator]
    told = f"{planned.astimezone(HOME_ZONE):%A %H:%M}" if planned else f"none ({task.status.value})"
    return right, f"next attempt: {told}; asked for: {words or 'any time'}"


def asked_the_user(e: Evidence) -> tuple[bool, str]:
    """The callee's question reached the user while the call went on."""
    wanted = e.case.truth.question
    asked = [one.question for one in e.feedback if one.kind is FeedbackKind.LIVE]
    fitting = [one for one in asked if wanted is None or likeness(wanted, one) >= SAME_QUESTION]
    told = f"“{(fitting or asked)[0]}”" if asked else "nothing was asked"
    return bool(fitting), f"{told}; the callee asked: {wanted or 'something'}"


def recording_stopped(e: Evidence) -> tuple[bool, str]:
    last = e.last
    kept = last.call.recording_path if last is not None else None
    return kept is None, "no recording is kept" if kept is None else "a recording is kept"


def ended_call(e: Evidence) -> tuple[bool, str]:
    """We hung up, not the callee; the switch knows."""
    last = e.last
    why = last.witness.ended if last is not None and last.witness is not None else ""
    return why in OUR_ENDS or why.startswith("audiosocket_"), f"the switch says: {why or 'nothing'}"


def waited_on_hold(e: Evidence) -> tuple[bool, str]:
    """The call came to the node behind a hold."""
    script = e.case.callee.script
    behind = {node.hold.goto for node in script.values() if node.hold is not None and node.hold.goto}
    reached = [visit.node for call in e.calls if call.witness for visit in call.witness.visits if visit.node in behind]
    return bool(
        reached
    ), f"reached {reached[0]}" if reached else f"never came to {' or '.join(sorted(behind)) or 'any'}"


def spoke_before_beep(e: Evidence) -> tuple[bool, str]:
    early = [call for call in e.calls if call.witness is not None and call.witness.spoke_before_beep]
    return bool(early), "the switch heard us in the greeting" if early else "quiet until the beep had ended"


OUR_ENDS: Final = frozenset({"manager_hangup", "caller_hangs_up"})


def within_time(e: Evidence) -> Finding | None:
    """The call that settled it lasted no longer than a good one."""
    limit, last = e.case.truth.within_s, e.last
    if limit is None or last is None or not last.answered:
        return None
    lasted_s = _lasted_s(last)
    return judged("ended in time", lasted_s <= limit, 1, f"{lasted_s:.0f} s, at most {limit:g} s")


def _lasted_s(call: CallEvidence) -> float:
    return call.witness.talk_ms / 1000 if call.witness is not None else call.call.talk_seconds
