"""What became of an attempt: one table that judges the evidence.

Pure. `judge` derives status, disposition, a sentence for people and whether the attempt is over. What is known comes
from `attempt_facts`, deadlines and actions live in `call_attempt_handler`.

Sources: outcomes measured on Asterisk 22 (design reference), Q.850 causes (`include/asterisk/causes.h`), SIP codes as
`chan_pjsip` maps them (`hangup_sip2cause`), `enum ast_control_frame_type` for the `Reason` of OriginateResponse.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from opendeep.call_processor_service.attempt_facts import Evidence, Wait
from opendeep.common.channels import USER_HUNG_UP, VOICE_UNAVAILABLE
from opendeep.common.data_models import CallStatus, Disposition

Word = TypeVar("Word", int, str)


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
CALLER_ID = Outcome(
    CallStatus.FAILED, Disposition.FAILED, "Our caller ID was not accepted; check it with the provider."
)
FORWARDED = Outcome(
    CallStatus.FAILED, Disposition.UNREACHABLE, "Calls are sent on to another number, which we do not call."
)
NO_CODEC = Outcome(CallStatus.FAILED, Disposition.FAILED, "The other side shares no audio codec with us.")
SILENT = Outcome(
    CallStatus.CONGESTION, Disposition.FAILED, "The network never reacted; check the trunk.", certain=False
)
NO_ANSWER = Outcome(CallStatus.NO_ANSWER, Disposition.NO_ANSWER, "Nobody answered.", certain=False)

SIP_OUTCOMES: dict[int, Outcome] = {
    300: FORWARDED,
    301: FORWARDED,
    302: FORWARDED,
    305: FORWARDED,
    380: FORWARDED,
    400: PROVIDER,
    401: PROVIDER,
    402: PROVIDER,
    403: PROVIDER,
    404: NO_SUCH_NUMBER,
    405: PROVIDER,
    407: PROVIDER,
    408: NO_ANSWER,
    410: MOVED,
    415: NO_CODEC,
    428: CALLER_ID,
    433: CALLER_ID,
    436: CALLER_ID,
    437: CALLER_ID,
    438: CALLER_ID,
    480: NO_ANSWER,
    482: NO_ROUTE,
    483: NO_ROUTE,
    484: BAD_NUMBER,
    485: NO_SUCH_NUMBER,
    486: BUSY,
    487: NO_ANSWER,
    488: NO_CODEC,
    500: CONGESTION,
    501: PROVIDER,
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
    5: BAD_NUMBER,
    17: BUSY,
    18: NO_ANSWER,
    19: NO_ANSWER,
    20: ABSENT,
    21: REJECTED,
    22: MOVED,
    23: FORWARDED,
    27: OUT_OF_ORDER,
    28: BAD_NUMBER,
    29: PROVIDER,
    34: CONGESTION,
    38: CONGESTION,
    41: CONGESTION,
    42: CONGESTION,
    44: CONGESTION,
    50: PROVIDER,
    52: PROVIDER,
    54: PROVIDER,
    57: PROVIDER,
    58: NO_CODEC,
    88: NO_CODEC,
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
OUTCOMES = (
    BUSY,
    REJECTED,
    MOVED,
    NO_SUCH_NUMBER,
    BAD_NUMBER,
    ABSENT,
    OUT_OF_ORDER,
    CALLER_ID,
    PROVIDER,
    NO_CODEC,
    CONGESTION,
    FORWARDED,
    NO_ROUTE,
    SILENT,
    NO_ANSWER,
)


def _first_said(
    table: dict[int, Outcome] | dict[str, Outcome], said: frozenset[int] | frozenset[str]
) -> Outcome | None:
    outcomes = {table[word] for word in said if word in table}  # type: ignore[index]
    return next((outcome for outcome in OUTCOMES if outcome in outcomes), None)


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


_STOPPED = Outcome(CallStatus.FAILED, Disposition.FAILED, "Asterisk was shut down before the call was answered.")
_CALLED_OFF = Outcome(CallStatus.CANCELLED, Disposition.FAILED, "The user hung up before the call was answered.")
_GIVEN_UP = Outcome(CallStatus.CANCELLED, Disposition.FAILED, "We gave the call up before it was answered.")
_VOICELESS = Outcome(
    CallStatus.CANCELLED, Disposition.FAILED, "The voice AI could not be reached; the call was given up in time."
)
_NOT_PLACED = Outcome(CallStatus.FAILED, Disposition.FAILED, "The switch could not place the call; check the trunk.")
_UNSEEN = Outcome(CallStatus.LOST, Disposition.FAILED, "The call ended without Asterisk telling how.")
_UNEXPLAINED = Outcome(CallStatus.FAILED, Disposition.FAILED, "The call failed before it was answered.")

_UNHEARD = "The call was answered, but the voice AI could not be reached; nothing was said."

HANGUP_WORDS = {
    "provider_failed": "the voice AI failed",
    VOICE_UNAVAILABLE: "the voice AI could not be reached",
    "internal_error": "a fault on our side",
    "time_limit": "its longest duration was reached",
    "silence": "nobody spoke any more",
    "hold_too_long": "the wait on hold took too long",
    "hold_too_dear": "the wait on hold cost too much",
    "cut_off": "this node could not reach the database",
    "closed_elsewhere": "the call was closed elsewhere",
    USER_HUNG_UP: "the user hung up",
}

_RINGING = 3  # `AST_CONTROL_RINGING`: with this reason Asterisk ends an originate that was not answered in time
_REQUEST_TIMEOUT = 408  # Asterisk says so itself, after 32 s, when nothing at all has come back


def _network_never_reacted(evidence: Evidence) -> bool:
    """Time-outs of ours or of SIP during which the network let nothing ring and sent no sound."""
    timed_out = Wait.RING in evidence.timed_out or _RINGING in evidence.reasons
    waited_in_vain = timed_out or _REQUEST_TIMEOUT in evidence.sip_codes
    return waited_in_vain and not (evidence.ringing or evidence.early_media)


# How an attempt that was never answered has ended: the first rule that gives an outcome.
UNANSWERED: tuple[Rule, ...] = (
    ("the network said so", _certain_word),
    ("Asterisk was shut down", _when(lambda e: e.switch_stopped, _STOPPED)),
    ("the network never reacted", _when(_network_never_reacted, SILENT)),
    ("nobody answered in time", _when(lambda e: Wait.RING in e.timed_out, NO_ANSWER)),
    ("we had no voice", _when(lambda e: unheard(e), _VOICELESS)),
    ("the user hung up", _when(lambda e: USER_HUNG_UP in e.hangups, _CALLED_OFF)),
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
    word = _first_said(SIP_OUTCOMES, evidence.sip_codes)
    told = word is not None and word.certain  # such a SIP code says more than whatever may follow
    return evidence.hung_up and evidence.originate_failed and told


def _judge_answered(evidence: Evidence) -> Verdict:
    told = evidence.hung_up or evidence.far_end_hung_up or evidence.switch_stopped
    if not (told or evidence.media_ended or evidence.hangups):
        return Verdict(CallStatus.LOST, None, "The connection broke; how the call ended was not seen.", True, True)
    if unheard(evidence):
        return Verdict(CallStatus.FAILED, Disposition.FAILED, _UNHEARD, True, True)
    if Wait.TALK in evidence.timed_out:
        sentence = "The call reached its longest duration and was ended."
    elif evidence.transfers:
        sentence = f"The call went on with {', '.join(sorted(evidence.transfers))} and has ended."
    elif evidence.hangups:
        sentence = f"We ended the call ({', '.join(sorted(map(_in_words, evidence.hangups)))})."
    elif evidence.switch_stopped:
        sentence = "Asterisk was shut down during the call."
    elif evidence.far_end_hung_up:
        sentence = "The other side hung up."
    elif not evidence.media_started:
        sentence = "The call was answered, but its sound was not connected; check the AudioSocket address."
    else:
        sentence = "The call ended."
    return Verdict(CallStatus.COMPLETED, None, sentence, True, True)


def unheard(evidence: Evidence) -> bool:
    """The voice AI was away: whether or not somebody picked up, they heard nothing of us."""
    return VOICE_UNAVAILABLE in evidence.hangups | evidence.media_ends


def _in_words(reason: str) -> str:
    """Why we hung up, for people: the two sides of a call name their reasons by short words."""
    return HANGUP_WORDS.get(reason) or reason.replace("_", " ")


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
