"""Whether an ended call speaks for or against its trunk. Pure.

Sources: SIP response classes (RFC 3261 §21), Q.850 causes as `chan_pjsip` maps them (`hangup_sip2cause`). A callee who
is busy, declines or does not pick up proves the line; what we gave up ourselves, and what nobody saw the end of, proves
nothing.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from opendeep.common.data_models import Call, CallStatus

NOT_PLACED: Final = "Asterisk could not place the call at all"

SIP_FAULTS: Final = {
    401: "the carrier wants another user name or secret (401)",
    403: "the carrier refuses our calls (403)",
    407: "the carrier wants another user name or secret (407)",
    408: "the carrier did not answer (408)",
    500: "the carrier has a fault (500)",
    502: "the carrier has a fault (502)",
    503: "the carrier is overloaded or down (503)",
    504: "the carrier did not answer in time (504)",
    580: "the carrier has no capacity (580)",
}
CAUSE_FAULTS: Final = {
    2: "no route to the network",
    3: "no route to the destination",
    27: "the line is out of order",
    34: "no circuit is free",
    38: "the network is out of order",
    41: "a temporary failure of the network",
    42: "the network is overloaded",
    44: "no circuit is free",
    47: "the network has no resources",
}
_PROVEN: Final = frozenset({CallStatus.COMPLETED, CallStatus.BUSY, CallStatus.REJECTED, CallStatus.UNALLOCATED})
_DOUBTED: Final = frozenset({CallStatus.CONGESTION, CallStatus.FAILED, CallStatus.NO_ANSWER})


class LineWord(Enum):
    WELL = auto()
    FAULT = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class LineVerdict:
    """`sentence` says what was wrong, empty unless `word` is FAULT."""

    word: LineWord
    sentence: str = ""


WELL: Final = LineVerdict(LineWord.WELL)
NOTHING: Final = LineVerdict(LineWord.NOTHING)


def judge_line(call: Call) -> LineVerdict:
    """What an ended call says about its trunk. `NOTHING` for a call without one (our own extensions)."""
    if call.trunk is None or call.live:
        return NOTHING
    if call.status in _PROVEN or call.answered_at is not None or call.ringing_at is not None:
        return WELL
    if call.status not in _DOUBTED:
        return NOTHING
    if (sentence := SIP_FAULTS.get(call.sip_code or 0)) is not None:
        return LineVerdict(LineWord.FAULT, sentence)
    if call.status is CallStatus.CONGESTION:  # also with a 480 that Asterisk made up when nothing came back
        why = CAUSE_FAULTS.get(call.hangup_cause or 0) or (call.end_reason or "the network is overloaded or down")
        return LineVerdict(LineWord.FAULT, why.rstrip("."))
    if call.sip_code:
        return LineVerdict(LineWord.FAULT, f"the carrier has a fault ({call.sip_code})") if _is_5xx(call) else WELL
    if (sentence := CAUSE_FAULTS.get(call.hangup_cause or 0)) is not None:
        return LineVerdict(LineWord.FAULT, sentence)
    if call.status is CallStatus.FAILED and not call.hangup_cause:
        return LineVerdict(LineWord.FAULT, (call.end_reason or NOT_PLACED).rstrip("."))
    return NOTHING


def _is_5xx(call: Call) -> bool:
    return 500 <= (call.sip_code or 0) <= 599
