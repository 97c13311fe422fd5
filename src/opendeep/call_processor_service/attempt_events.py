"""From AMI events and channel listings to facts about one attempt. Pure: the only place that knows AMI's event names.

Our channel is the one whose `Uniqueid` is the call's id (`ChannelId` of the originate made it so); other legs, such as
the SIP leg behind a `Local/` channel, carry it as `Linkedid`.
"""

from opendeep.call_processor_service.ami_packets import AmiEvent
from opendeep.call_processor_service.attempt_facts import (
    Answered,
    DialEnded,
    Dialled,
    EarlyMedia,
    Fact,
    FarEndHungUp,
    HungUp,
    OriginateFailed,
    Ringing,
    SwitchStopped,
)

_SOFTHANGUP_SHUTDOWN = "4"  # `AST_SOFTHANGUP_SHUTDOWN` of `include/asterisk/channel.h`, a flag and not a Q.850 cause
_FAR_HALF = ";2"  # of a Local channel: it asks for the end whichever side wants it


def read_event(event: AmiEvent, identity: str) -> Fact | None:
    """What the event says about the attempt with this channel id, None where it says nothing that matters."""
    own = event.get("Uniqueid") == identity
    match event.name:
        case "Newchannel":
            return Dialled() if own else None
        case "Newstate":
            return read_channel_state(event) if own else None
        case "DialBegin":
            return Dialled()
        case "DialState":
            return _read_dial_state(event)
        case "DialEnd":
            return _read_dial_end(event, event.get("DestUniqueid") == identity)
        case "OriginateResponse":
            return _read_originate_response(event)
        case "HangupRequest":
            return _read_hangup_request(event)
        case "SoftHangupRequest":
            return SwitchStopped() if own and event.get("Cause") == _SOFTHANGUP_SHUTDOWN else None
        case "Hangup":
            return HungUp(own, _number(event.get("Cause")), _number(event.get("TechCause")))
        case _:
            return None


def read_channel_state(event: AmiEvent) -> Fact:
    """What `Newstate` of our channel or its line in `CoreShowChannels` says."""
    match event.get("ChannelState"):
        case "6":
            return Answered()
        case "5":
            return Ringing()
        case _:
            return Dialled()


def _read_dial_state(event: AmiEvent) -> Fact | None:
    status = event.get("DialStatus")
    if status == "RINGING":
        return Ringing()
    return EarlyMedia() if status == "PROGRESS" else None


def _read_dial_end(event: AmiEvent, own: bool) -> Fact | None:
    """An answer counts only on our own channel; a failed dial of any leg tells why."""
    status = event.get("DialStatus")
    if status == "ANSWER":
        return Answered() if own else None
    return DialEnded(status)


def _read_hangup_request(event: AmiEvent) -> Fact | None:
    if event.get("Uniqueid").endswith(_FAR_HALF):
        return None
    return FarEndHungUp(_number(event.get("Cause")), _number(event.get("TechCause")))


def _read_originate_response(event: AmiEvent) -> Fact:
    if event.get("Response") == "Success":
        return Answered()
    return OriginateFailed(_number(event.get("Reason")))


def _number(text: str) -> int:
    """A header's number; 0 where it is missing or not a plain number. `TechCause` may read `SIP 486`."""
    digits = text.strip().rpartition(" ")[2]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 6 else 0
