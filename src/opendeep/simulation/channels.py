"""Channels of the simulated switch and the manager events about them, header by header as Asterisk 22 writes them.

Owns what a channel is and how an event looks; when an event is sent is decided in `simulated_call`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

Packet = list[tuple[str, object]]

UNKNOWN = "<unknown>"


class ChannelState(IntEnum):
    """`enum ast_channel_state`."""

    DOWN = 0
    RING = 4
    RINGING = 5
    UP = 6

    @property
    def label(self) -> str:
        return self.name.capitalize()


CAUSE_TEXTS = {
    0: "Unknown",
    1: "Unallocated (unassigned) number",
    3: "No route to destination",
    16: "Normal Clearing",
    17: "User busy",
    18: "No user responding",
    19: "User alerting, no answer",
    20: "Subscriber absent",
    21: "Call Rejected",
    28: "Invalid number format",
    34: "Circuit/channel congestion",
    38: "Network out of order",
}


@dataclass(slots=True)
class Channel:
    """One channel. `created_ms` counts on the switch's clock."""

    name: str
    uniqueid: str
    linkedid: str
    context: str = "default"
    exten: str = ""
    priority: int = 1
    caller_number: str = ""
    caller_name: str = ""
    connected_number: str = ""
    connected_name: str = ""
    application: str = ""
    application_data: str = ""
    bridge: str = ""
    created_ms: int = 0
    state: ChannelState = ChannelState.DOWN
    variables: dict[str, str] = field(default_factory=dict)

    def headers(self, prefix: str = "") -> Packet:
        """Return the snapshot that most events carry; `prefix` is `Dest` in dial events."""
        return [
            (f"{prefix}Channel", self.name),
            (f"{prefix}ChannelState", int(self.state)),
            (f"{prefix}ChannelStateDesc", self.state.label),
            (f"{prefix}CallerIDNum", self.caller_number or UNKNOWN),
            (f"{prefix}CallerIDName", self.caller_name or UNKNOWN),
            (f"{prefix}ConnectedLineNum", self.connected_number or UNKNOWN),
            (f"{prefix}ConnectedLineName", self.connected_name or UNKNOWN),
            (f"{prefix}Language", "en"),
            (f"{prefix}AccountCode", ""),
            (f"{prefix}Context", self.context),
            (f"{prefix}Exten", self.exten),
            (f"{prefix}Priority", self.priority),
            (f"{prefix}Uniqueid", self.uniqueid),
            (f"{prefix}Linkedid", self.linkedid),
        ]


def _event(name: str, privilege: str, *parts: Packet) -> Packet:
    packet: Packet = [("Event", name), ("Privilege", privilege)]
    for part in parts:
        packet.extend(part)
    return packet


def new_channel(channel: Channel) -> Packet:
    return _event("Newchannel", "call,all", channel.headers())


def new_state(channel: Channel) -> Packet:
    return _event("Newstate", "call,all", channel.headers())


def new_caller_id(channel: Channel) -> Packet:
    tail: Packet = [("CID-CallingPres", "0 (Presentation Allowed, Not Screened)")]
    return _event("NewCallerid", "call,all", channel.headers(), tail)


def new_connected_line(channel: Channel) -> Packet:
    return _event("NewConnectedLine", "call,all", channel.headers())


def bridge_enter(channel: Channel, bridge: str, members: int) -> Packet:
    """The channel joined the bridge that `Dial` makes; `members` counts it."""
    return _event("BridgeEnter", "call,all", _bridge(bridge, members), channel.headers())


def bridge_leave(channel: Channel, bridge: str, members: int) -> Packet:
    """The channel left the bridge; `members` are still in it."""
    return _event("BridgeLeave", "call,all", _bridge(bridge, members), channel.headers())


def _bridge(bridge: str, members: int) -> Packet:
    return [
        ("BridgeUniqueid", bridge),
        ("BridgeType", "basic"),
        ("BridgeTechnology", "simple_bridge"),
        ("BridgeCreator", UNKNOWN),
        ("BridgeName", UNKNOWN),
        ("BridgeNumChannels", members),
        ("BridgeVideoSourceMode", "none"),
    ]


def new_exten(channel: Channel, application: str, data: str = "") -> Packet:
    """The channel runs an application of the dialplan."""
    tail: Packet = [("Extension", channel.exten), ("Application", application), ("AppData", data)]
    return _event("Newexten", "dialplan,all", channel.headers(), tail)


def var_set(channel: Channel, name: str, value: str) -> Packet:
    return _event("VarSet", "dialplan,all", channel.headers(), [("Variable", name), ("Value", value)])


def local_bridge(one: Channel, two: Channel) -> Packet:
    """The two halves of a `Local/` channel belong together."""
    tail: Packet = [("Context", two.context), ("Exten", two.exten), ("LocalOptimization", "No")]
    return _event("LocalBridge", "call,all", one.headers("LocalOne"), two.headers("LocalTwo"), tail)


def dial_begin(channel: Channel, dial_string: str, by: Channel | None = None) -> Packet:
    """`channel` is being called; `by` is the channel that runs `Dial`, None when `Originate` calls."""
    return _dial("DialBegin", channel, by, ("DialString", dial_string))


def dial_state(channel: Channel, status: str, by: Channel | None = None) -> Packet:
    return _dial("DialState", channel, by, ("DialStatus", status))


def dial_end(channel: Channel, status: str, by: Channel | None = None) -> Packet:
    return _dial("DialEnd", channel, by, ("DialStatus", status))


def _dial(name: str, channel: Channel, by: Channel | None, tail: tuple[str, object]) -> Packet:
    return _event(name, "call,all", by.headers() if by is not None else [], channel.headers("Dest"), [tail])


def hangup_request(channel: Channel, cause: int | None = None, tech_cause: int | None = None) -> Packet:
    """The far end hung up. A plain BYE on a channel called directly comes without a cause."""
    tail: Packet = []
    if cause is not None:
        tail.append(("Cause", cause))
    if tech_cause is not None:
        tail.append(("TechCause", tech_cause))
    return _event("HangupRequest", "call,all", channel.headers(), tail)


def soft_hangup_request(channel: Channel, cause: int) -> Packet:
    """The dialplan of this channel came to its end."""
    return _event("SoftHangupRequest", "call,all", channel.headers(), [("Cause", cause)])


def hangup(channel: Channel, cause: int, tech_cause: int | None = None) -> Packet:
    tail: Packet = [("Cause", cause), ("Cause-txt", CAUSE_TEXTS.get(cause, "Unknown"))]
    if tech_cause is not None:
        tail.append(("TechCause", tech_cause))
    return _event("Hangup", "call,all", channel.headers(), tail)


def dtmf(channel: Channel, digit: str, direction: str, duration_ms: int) -> tuple[Packet, Packet]:
    """Return `DTMFBegin` and `DTMFEnd`; `direction` is `Received` (by this channel) or `Sent`."""
    begin: Packet = [("Digit", digit), ("Direction", direction)]
    end: Packet = [("Digit", digit), ("DurationMs", duration_ms), ("Direction", direction)]
    return (
        _event("DTMFBegin", "dtmf,all", channel.headers(), begin),
        _event("DTMFEnd", "dtmf,all", channel.headers(), end),
    )


def core_show_channel(channel: Channel, now_ms: int, action_id: str) -> Packet:
    """One entry of the list that `CoreShowChannels` answers."""
    seconds = max(0, now_ms - channel.created_ms) // 1000
    duration = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    identity: Packet = [("ActionID", action_id)] if action_id else []
    tail: Packet = [
        ("Application", channel.application),
        ("ApplicationData", channel.application_data),
        ("Duration", duration),
        ("BridgeId", channel.bridge),
    ]
    return [("Event", "CoreShowChannel"), *identity, *channel.headers(), *tail]
