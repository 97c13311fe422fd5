"""What can be known about one attempt: facts, and the evidence they add up to.

Pure. `fold` only ever adds (unions and flags), so the order of the facts does not matter and a repeated fact changes
nothing. How AMI events become facts lives in `attempt_events`, what follows from the evidence in `attempt_states`.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


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
class SwitchStopped:
    """Asterisk ends all its channels because it is being shut down."""


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
class Transferred:
    """The callee's channel has left our audio for the line of this person; the call goes on."""

    target: str


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
    | SwitchStopped
    | MediaStarted
    | MediaEnded
    | HangupSent
    | Transferred
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
    switch_stopped: bool = False
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
    transfers: frozenset[str] = frozenset()
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
        case SwitchStopped():
            return replace(evidence, switch_stopped=True)
        case MediaStarted():
            return replace(evidence, dialled=True, answered=True, media_started=True)
        case MediaEnded(reason):
            return replace(evidence, media_ended=True, media_ends=evidence.media_ends | {reason})
        case HangupSent(reason):
            return replace(evidence, hangups=evidence.hangups | {reason})
        case Transferred(target):
            return replace(evidence, transfers=evidence.transfers | {target})
        case GoneFromSwitch():
            return replace(evidence, gone=True)
        case TimedOut(wait):
            return replace(evidence, timed_out=evidence.timed_out | {wait})
