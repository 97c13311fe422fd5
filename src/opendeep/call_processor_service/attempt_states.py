"""What became of an attempt: evidence folded from facts in any order, and one table that judges it.

Pure. `fold` only ever adds (unions and flags), so the order of the facts does not matter and a repeated fact changes
nothing; `judge` derives status, disposition, a sentence for people and whether the attempt is over. How AMI events
become facts lives in `attempt_events`, deadlines and actions in `call_attempt_handler`.

Sources: outcomes measured on Asterisk 22 (design reference), Q.850 causes (`include/asterisk/causes.h`), SIP codes as
`chan_pjsip` maps them (`hangup_sip2cause`), `enum ast_control_frame_type` for the `Reason` of OriginateResponse.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from opendeep.common.data_models import CallStatus, Disposition

Word = TypeVar("Word", int, str)


class Wait(StrEnum):
    """Waits of ours that ended without what was waited for; each is a fact about the attempt."""

    RING = "ring"  # nobody answered for as long as we wanted to wait
    TALK = "talk"  # the conversation reached its longest duration
    SETTLE = "settle"  # nothing more was said about an attempt that had ended
    CLOSE = "close"  # the switch did not tell the end, or stayed away


# -- facts


@dataclass(frozen=True, slots=True)
class OriginateRefused:
    """Asterisk answered `Response: Error`, or nothing could be sent at all."""

    message: str


@dataclass(frozen=True, slots=True)
class Dialled:
    """The originate was queued, or its channel was seen."""


@dataclass(frozen=True, slots=True)
class EarlyMedia:
    """Sound before the answer (183, PROGRESS): announcements and ring-back tones. Not an answer."""


@dataclass(frozen=True, slots=True)
class Ringing:
    pass


@dataclass(frozen=True, slots=True)
class Answered:
    pass


@dataclass(frozen=True, slots=True)
class OriginateFailed:
    """`reason` is the control frame that Asterisk ended the originate with; 0 says nothing."""

    reason: int


@dataclass(frozen=True, slots=True)
class DialEnded:
    """A dial that did not lead to an answer: `BUSY`, `NOANSWER`, `CONGESTION`, `CHANUNAVAIL`, `CANCEL`…"""

    status: str


@dataclass(frozen=True, slots=True)
class HungUp:
    """A channel ended. `own` tells our channel from a leg linked to it; 0 means that the value was not given."""

    own: bool
    cause: int = 0
    sip_code: int = 0


@dataclass(frozen=True, slots=True)
class FarEndHungUp:
    """The far end asked for the end; its request already carries cause and SIP code."""

    cause: int = 0
    sip_code: int = 0


@dataclass(frozen=True, slots=True)
class MediaStarted:
    """Asterisk has connected the AudioSocket, which it does only after the answer."""


@dataclass(frozen=True, slots=True)
class MediaEnded:
    reason: str


@dataclass(frozen=True, slots=True)
class HangupSent:
    """We ended it; `reason` is a short word such as `completed`, `voicemail`, `drain`."""

    reason: str


@dataclass(frozen=True, slots=True)
class GoneFromSwitch:
    """Asterisk's list of channels does not have ours (any more)."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    wait: Wait


Fact = (
    OriginateRefused
    | Dialled
    | EarlyMedia
    | Ringing
    | Answered
    | OriginateFailed
    | DialEnded
    | HungUp
    | FarEndHungUp
    | MediaStarted
    | MediaEnded
    | HangupSent
    | GoneFromSwitch
    | TimedOut
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known about one attempt. Bounded: flags, and sets of small numbers and words."""

    dialled: bool = False
    early_media: bool = False
    ringing: bool = False
    answered: bool = False
    hung_up: bool = False
    far_end_hung_up: bool = False
    media_started: bool = False
    media_ended: bool = False
    gone: bool = False
    originate_failed: bool = False
    refusals: frozenset[str] = frozenset()
    reasons: frozenset[int] = frozenset()
    dial_ends: frozenset[str] = frozenset()
    causes: frozenset[int] = frozenset()
    sip_codes: frozenset[int] = frozenset()
    media_ends: frozenset[str] = frozenset()
    hangups: frozenset[str] = frozenset()
    timed_out: frozenset[Wait] = frozenset()


def fold(evidence: Evidence, fact: Fact) -> Evidence:
    """Add one fact. Commutative and idempotent."""
    match fact:
        case OriginateRefused(message):
            return replace(evidence, refusals=evidence.refusals | {message})
        case Dialled():
            return replace(evidence, dialled=True)
        case EarlyMedia():
            return replace(evidence, dialled=True, early_media=True)
        case Ringing():
            return replace(evidence, dialled=True, ringing=True)
        case Answered():
            return replace(evidence, dialled=True, answered=True)
        case OriginateFailed(reason):
            return replace(evidence, originate_failed=True, reasons=evidence.reasons | {reason})
        case DialEnded(status):
            return replace(evidence, dialled=True, dial_ends=evidence.dial_ends | {status})
        case HungUp(own, cause, sip_code):
            return replace(
                evidence,
                hung_up=evidence.hung_up or own,
                causes=evidence.causes | {cause},
                sip_codes=evidence.sip_codes | {sip_code},
            )
        case FarEndHungUp(cause, sip_code):
            return replace(
                evidence,
                far_end_hung_up=True,
                causes=evidence.causes | {cause},
                sip_codes=evidence.sip_codes | {sip_code},
            )
        case MediaStarted():
            return replace(evidence, dialled=True, answered=True, media_started=True)
        case MediaEnded(reason):
            return replace(evidence, media_ended=True, media_ends=evidence.media_ends | {reason})
        case HangupSent(reason):
            return replace(evidence, hangups=evidence.hangups | {reason})
        case GoneFromSwitch():
            return replace(evidence, gone=True)
        case TimedOut(wait):
            return replace(evidence, timed_out=evidence.timed_out | {wait})


# -- what the network's words mean


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way an unanswered attempt can end. `certain`: outranks our own giving up at the same moment."""

    status: CallStatus
    disposition: Disposition
    sentence: str
    certain: bool = True


BUSY = Outcome(CallStatus.BUSY, Disposition.BUSY, "The line was busy.")
REJECTED = Outcome(CallStatus.REJECTED, Disposition.REJECTED, "The call was declined.")
NO_SUCH_NUMBER = Outcome(CallStatus.UNALLOCATED, Disposition.UNREACHABLE, "This number does not exist.")
BAD_NUMBER = Outcome(CallStatus.UNALLOCATED, Disposition.UNREACHABLE, "The network does not accept this number.")
MOVED = Outcome(CallStatus.UNALLOCATED, Disposition.UNREACHABLE, "This number is no longer in use.")
ABSENT = Outcome(CallStatus.FAILED, Disposition.UNREACHABLE, "The phone is switched off or not connected.")
OUT_OF_ORDER = Outcome(CallStatus.FAILED, Disposition.UNREACHABLE, "The line is out of order.")
NO_ROUTE = Outcome(CallStatus.FAILED, Disposition.FAILED, "There is no route to this number; check the trunk.")
CONGESTION = Outcome(CallStatus.CONGESTION, Disposition.FAILED, "The telephone network was overloaded or down.")
PROVIDER = Outcome(CallStatus.FAILED, Disposition.FAILED, "The telephone provider refused the call; check the trunk.")
NO_CODEC = Outcome(CallStatus.FAILED, Disposition.FAILED, "The other side shares no audio codec with us.")
NO_ANSWER = Outcome(CallStatus.NO_ANSWER, Disposition.NO_ANSWER, "Nobody answered.", certain=False)

SIP_OUTCOMES: dict[int, Outcome] = {
    401: PROVIDER,
    402: PROVIDER,
    403: PROVIDER,
    404: NO_SUCH_NUMBER,
    407: PROVIDER,
    408: NO_ANSWER,
    410: MOVED,
    415: NO_CODEC,
    480: NO_ANSWER,
    484: BAD_NUMBER,
    485: NO_SUCH_NUMBER,
    486: BUSY,
    487: NO_ANSWER,
    488: NO_CODEC,
    500: CONGESTION,
    502: OUT_OF_ORDER,
    503: CONGESTION,
    504: CONGESTION,
    600: BUSY,
    603: REJECTED,
    604: NO_SUCH_NUMBER,
    606: NO_CODEC,
    607: REJECTED,
    608: REJECTED,
}

CAUSE_OUTCOMES: dict[int, Outcome] = {
    1: NO_SUCH_NUMBER,
    2: NO_ROUTE,
    3: NO_ROUTE,
    17: BUSY,
    18: NO_ANSWER,
    19: NO_ANSWER,
    20: ABSENT,
    21: REJECTED,
    22: MOVED,
    27: OUT_OF_ORDER,
    28: BAD_NUMBER,
    34: CONGESTION,
    38: CONGESTION,
    41: CONGESTION,
    42: CONGESTION,
    44: CONGESTION,
    58: NO_CODEC,
    102: CONGESTION,
}

DIAL_OUTCOMES: dict[str, Outcome] = {
    "BUSY": BUSY,
    "CONGESTION": CONGESTION,
    "CHANUNAVAIL": NO_ROUTE,
    "NOANSWER": NO_ANSWER,
    "CANCEL": NO_ANSWER,
}

REASON_OUTCOMES: dict[int, Outcome] = {3: NO_ANSWER, 5: BUSY, 8: CONGESTION}  # RINGING, BUSY, CONGESTION

# Where several legs or sources speak, the first of these that was said counts.
_PRECEDENCE = (
    BUSY,
    REJECTED,
    MOVED,
    NO_SUCH_NUMBER,
    BAD_NUMBER,
    ABSENT,
    OUT_OF_ORDER,
    PROVIDER,
    NO_CODEC,
    CONGESTION,
    NO_ROUTE,
    NO_ANSWER,
)


def _first_said(
    table: dict[int, Outcome] | dict[str, Outcome], said: frozenset[int] | frozenset[str]
) -> Outcome | None:
    outcomes = {table[word] for word in said if word in table}  # type: ignore[index]
    return next((outcome for outcome in _PRECEDENCE if outcome in outcomes), None)


def network_word(evidence: Evidence) -> Outcome | None:
    """What the network said about an unanswered attempt by SIP code, else by Q.850 cause."""
    return _first_said(SIP_OUTCOMES, evidence.sip_codes) or _first_said(CAUSE_OUTCOMES, evidence.causes)


def _certain_word(evidence: Evidence) -> Outcome | None:
    word = network_word(evidence) or _first_said(DIAL_OUTCOMES, evidence.dial_ends)
    return word if word is not None and word.certain else None


# -- the judgement


@dataclass(frozen=True, slots=True)
class Verdict:
    """`ended`: the attempt is over. `final`: and nothing that may still come could tell more; close it."""

    status: CallStatus
    disposition: Disposition | None
    sentence: str
    ended: bool = False
    final: bool = False

    @property
    def answered(self) -> bool:
        return self.status in (CallStatus.IN_PROGRESS, CallStatus.COMPLETED)


Rule = tuple[str, Callable[[Evidence], Outcome | None]]


def _when(test: Callable[[Evidence], bool], outcome: Outcome) -> Callable[[Evidence], Outcome | None]:
    return lambda evidence: outcome if test(evidence) else None


_GIVEN_UP = Outcome(CallStatus.CANCELLED, Disposition.FAILED, "We gave the call up before it was answered.")
_NOT_PLACED = Outcome(CallStatus.FAILED, Disposition.FAILED, "The switch could not place the call; check the trunk.")
_UNSEEN = Outcome(CallStatus.LOST, Disposition.FAILED, "The call ended without Asterisk telling how.")
_UNEXPLAINED = Outcome(CallStatus.FAILED, Disposition.FAILED, "The call failed before it was answered.")

# How an attempt that was never answered has ended: the first rule that gives an outcome.
UNANSWERED: tuple[Rule, ...] = (
    ("the network said so", _certain_word),
    ("nobody answered in time", _when(lambda e: Wait.RING in e.timed_out, NO_ANSWER)),
    ("we gave up", _when(lambda e: bool(e.hangups), _GIVEN_UP)),
    ("the network gave up", network_word),
    ("the dial ended", lambda e: _first_said(DIAL_OUTCOMES, e.dial_ends)),
    ("the originate ended", lambda e: _first_said(REASON_OUTCOMES, e.reasons)),
    ("nothing was dialled", _when(lambda e: e.originate_failed or not e.dialled, _NOT_PLACED)),
    ("the channel ended", _when(lambda e: e.hung_up, _UNEXPLAINED)),
    ("its end was not seen", _when(lambda e: True, _UNSEEN)),
)

_LIVE: tuple[tuple[Callable[[Evidence], bool], CallStatus, str], ...] = (
    (lambda e: e.answered, CallStatus.IN_PROGRESS, "Answered."),
    (lambda e: e.ringing, CallStatus.RINGING, "Ringing."),
    (lambda e: e.dialled, CallStatus.DIALING, "Dialling."),
    (lambda e: True, CallStatus.INITIATED, "About to dial."),
)


def judge(evidence: Evidence) -> Verdict:
    """The one decision about an attempt."""
    if evidence.refusals and not evidence.answered:
        why = "; ".join(sorted(evidence.refusals))
        return Verdict(CallStatus.FAILED, Disposition.FAILED, f"The call was not placed: {why}", True, True)
    if not _has_ended(evidence):
        status, sentence = next((status, sentence) for test, status, sentence in _LIVE if test(evidence))
        return Verdict(status, None, sentence)
    if evidence.answered:
        return _judge_answered(evidence)
    outcome = next(found for _, rule in UNANSWERED if (found := rule(evidence)) is not None)
    return Verdict(outcome.status, outcome.disposition, outcome.sentence, True, _is_settled(evidence))


def _has_ended(evidence: Evidence) -> bool:
    over = evidence.hung_up or evidence.gone or Wait.CLOSE in evidence.timed_out
    return over or (evidence.originate_failed and not evidence.answered)


def _is_settled(evidence: Evidence) -> bool:
    if evidence.gone or evidence.timed_out & {Wait.SETTLE, Wait.CLOSE}:
        return True
    told = _first_said(SIP_OUTCOMES, evidence.sip_codes) is not None  # a SIP code says more than whatever may follow
    return evidence.hung_up and evidence.originate_failed and told


def _judge_answered(evidence: Evidence) -> Verdict:
    if not (evidence.hung_up or evidence.media_ended or evidence.hangups):
        return Verdict(CallStatus.LOST, None, "The connection broke; how the call ended was not seen.", True, True)
    if Wait.TALK in evidence.timed_out:
        sentence = "The call reached its longest duration and was ended."
    elif evidence.hangups:
        sentence = f"We ended the call ({', '.join(sorted(evidence.hangups))})."
    elif evidence.far_end_hung_up:
        sentence = "The other side hung up."
    else:
        sentence = "The call ended."
    return Verdict(CallStatus.COMPLETED, None, sentence, True, True)


def reported_cause(evidence: Evidence) -> int | None:
    """The Q.850 cause for the record: the most telling of the legs."""
    telling = sorted(cause for cause in evidence.causes if cause in CAUSE_OUTCOMES)
    word = _first_said(CAUSE_OUTCOMES, frozenset(telling))
    if word is not None:
        return next(cause for cause in telling if CAUSE_OUTCOMES[cause] == word)
    return max(evidence.causes, default=None) or None


def reported_sip_code(evidence: Evidence) -> int | None:
    """The SIP code for the record."""
    telling = sorted(code for code in evidence.sip_codes if code in SIP_OUTCOMES)
    word = _first_said(SIP_OUTCOMES, frozenset(telling))
    if word is not None:
        return next(code for code in telling if SIP_OUTCOMES[code] == word)
    return max(evidence.sip_codes, default=None) or None
