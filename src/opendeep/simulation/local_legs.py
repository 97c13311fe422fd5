"""The manager events of a `Local/` channel under the dialplan that the project ships, which runs `Dial` in half two.

Owns the sequences for three channels, taken from captures of Asterisk 22.10.1; the contract and its keys are explained
in `legs`. Pure.
"""

from __future__ import annotations

from dataclasses import replace

from opendeep.simulation import channels as events
from opendeep.simulation.channels import Channel, ChannelState, Packet
from opendeep.simulation.legs import (
    NO_ANSWER_CAUSE,
    NO_ANSWER_SIP_STATUS,
    NORMAL_CLEARING,
    RESPONSE_KEY,
    SIP_STATUSES,
    Failure,
    Keyed,
    identify,
    set_state,
)

BRIDGE_KEY = "bridge"


class LocalLegs:
    """`Local/number@context/n`: half one (the application's side), half two (runs `Dial`), and the callee's channel.

    `callee` is None when `Dial` finds nobody to call, or the dialplan refuses the number. `caller` is number and name.
    `dial_priority` is the step of the dialplan that runs `Dial`; 0 when it refuses the number instead.
    """

    def __init__(
        self,
        one: Channel,
        two: Channel,
        callee: Channel | None,
        dial_string: str,
        caller: tuple[str, str],
        dial_priority: int,
    ) -> None:
        self.channel = one
        self.channels: tuple[Channel, ...] = (one, two) if callee is None else (one, two, callee)
        self._one, self._two, self._callee = one, two, callee
        self._dial_string = dial_string
        self._caller = caller
        self._dial_priority = dial_priority
        self._identified = False
        self._bridge = f"bridge-{one.uniqueid}"

    def dialled(self, variables: tuple[tuple[str, str], ...]) -> list[Keyed]:
        one, two = self._one, self._two
        packets = [*self._appear(variables), events.local_bridge(one, two), events.dial_begin(one, self._dial_string)]
        if self._callee is not None:
            packets += self._dial_callee(self._callee)
        return [(one.uniqueid, packet) for packet in packets]

    def missing(self, variables: tuple[tuple[str, str], ...], response: Packet) -> list[Packet]:
        """Return the events when the extension or the context does not exist: nothing is ever dialled."""
        return [*self._appear(variables), events.hangup(self._two, 0), response, events.hangup(self._one, 0)]

    def _appear(self, variables: tuple[tuple[str, str], ...]) -> list[Packet]:
        one, two = self._one, self._two
        packets = [
            events.new_channel(one),
            events.new_channel(two),
            events.new_exten(one, "AppDial2", "(Outgoing Line)"),
        ]
        for name, value in reversed(variables):
            for half in (one, two):
                half.variables[name] = value
                packets.append(events.var_set(half, name, value))
        packets += identify(one, *self._caller)
        if packets[-1][0][1] == "NewConnectedLine":
            two.caller_number, two.caller_name = two.connected_number, two.connected_name = self._caller
            packets += [events.new_caller_id(two), events.new_connected_line(two)]
        return packets

    def _dial_callee(self, callee: Channel) -> list[Packet]:
        """Half two runs `Dial`: the callee's channel is named by the number that was dialled."""
        two, (number, name) = self._two, self._caller
        two.priority = self._dial_priority
        packets = [events.new_exten(two, "Dial", two.application_data), events.new_channel(callee)]
        callee.exten = two.exten
        identified = bool(callee.caller_number)
        if not identified:
            callee.caller_number, callee.caller_name = two.exten, name
        callee.connected_number, callee.connected_name = number, name
        if not identified:
            packets.append(events.new_caller_id(callee))
        if number or name:
            packets.append(events.new_connected_line(callee))
        packets.append(events.dial_begin(callee, two.application_data.partition("/")[2], by=two))
        two.connected_number, two.connected_name = callee.caller_number, callee.caller_name
        packets.append(events.new_connected_line(two))
        # From now on half one knows whom it reaches; it is told later.
        self._one.caller_number, self._one.caller_name = callee.caller_number, callee.caller_name
        return packets

    def ringing(self) -> list[Keyed]:
        callee = self._reached()
        return [
            set_state(callee, ChannelState.RINGING, ":state"),
            set_state(self._one, ChannelState.RINGING, ":state"),
            *self._identify_one(":state"),
            (callee.uniqueid, events.dial_state(callee, "RINGING", by=self._two)),
            (self._one.uniqueid, events.dial_state(self._one, "RINGING")),
        ]

    def early_media(self) -> list[Keyed]:
        callee = self._reached()
        return [
            (callee.uniqueid, events.dial_state(callee, "PROGRESS", by=self._two)),
            (self._one.uniqueid, events.dial_state(self._one, "PROGRESS")),
        ]

    def _identify_one(self, topic: str = "") -> list[Keyed]:
        """Tell once whom half one reaches: after its next state, be that its `Hangup`."""
        if self._identified or self._callee is None:
            return []
        self._identified = True
        return [(self._one.uniqueid + topic, events.new_caller_id(self._one))]

    def answered(self, response: Packet) -> list[Keyed]:
        callee = self._reached()
        up = set_state(callee, ChannelState.UP)
        callee.exten = ""
        callee.bridge = self._two.bridge = self._bridge
        return [
            up,
            (callee.uniqueid, events.dial_end(callee, "ANSWER", by=self._two)),
            set_state(self._two, ChannelState.UP),
            set_state(self._one, ChannelState.UP),
            *self._identify_one(),
            (self._one.uniqueid, events.dial_end(self._one, "ANSWER")),
            (RESPONSE_KEY, response),
            (BRIDGE_KEY, events.bridge_enter(callee, self._bridge, 1)),
            (BRIDGE_KEY, events.bridge_enter(self._two, self._bridge, 2)),
        ]

    def failed(self, failure: Failure, response: Packet) -> list[Keyed]:
        one, two, cause = self._one, self._two, failure.cause
        before: list[Keyed] = []
        after: list[Keyed] = []
        if self._callee is not None:
            key, callee = self._callee.uniqueid, self._callee
            before = [
                (key, events.hangup_request(callee, cause, failure.sip_status)),
                (key, events.dial_end(callee, failure.dial_status, by=two)),
            ]
            after = [(key, events.hangup(callee, cause, failure.sip_status))]
        self._go_on_after_dial()
        return [
            *before,
            (two.uniqueid, events.soft_hangup_request(two, NORMAL_CLEARING)),
            (one.uniqueid, self._request_to_one(cause)),
            (two.uniqueid, events.hangup(two, cause)),
            (RESPONSE_KEY, response),
            (one.uniqueid, events.dial_end(one, failure.dial_status)),
            (one.uniqueid, events.hangup(one, cause)),
            *after,
            *self._identify_one(),
        ]

    def _request_to_one(self, cause: int) -> Packet:
        """A request for the end shows the caller ID that was told last, not the one that half one knows by now."""
        number, name = self._caller
        told = self._one if self._identified else replace(self._one, caller_number=number, caller_name=name)
        return events.hangup_request(told, cause)

    def _go_on_after_dial(self) -> None:
        """Half two runs `Hangup`: the step after `Dial`, or the extension `refused`."""
        if self._dial_priority:
            self._two.priority = self._dial_priority + 1
        else:
            self._two.exten = "refused"

    def timed_out(self, response: Packet) -> list[Keyed]:
        one, two, callee = self._one, self._two, self._reached()
        return [
            (two.uniqueid, events.hangup_request(two, NO_ANSWER_CAUSE)),
            (callee.uniqueid, events.dial_end(callee, "CANCEL", by=two)),
            (two.uniqueid, events.soft_hangup_request(two, NORMAL_CLEARING)),
            (callee.uniqueid, events.hangup(callee, NO_ANSWER_CAUSE, NO_ANSWER_SIP_STATUS)),
            (two.uniqueid, events.hangup(two, NO_ANSWER_CAUSE)),
            (RESPONSE_KEY, response),
            (one.uniqueid, events.hangup(one, NO_ANSWER_CAUSE)),
            *self._identify_one(),
        ]

    def cancelled(self, cause: int, response: Packet) -> list[Keyed]:
        one, two = self._one, self._two
        keyed = [
            (one.uniqueid, events.dial_end(one, "NOANSWER")),
            (two.uniqueid, events.hangup_request(two, cause)),
            (one.uniqueid, events.hangup(one, cause)),
        ]
        if self._callee is not None:
            keyed.append((self._callee.uniqueid, events.dial_end(self._callee, "CANCEL", by=two)))
        keyed += [
            (RESPONSE_KEY, response),
            (two.uniqueid, events.soft_hangup_request(two, NORMAL_CLEARING)),
            (two.uniqueid, events.hangup(two, cause)),
        ]
        if self._callee is not None:
            gone = events.hangup(self._callee, cause or NORMAL_CLEARING, SIP_STATUSES.get(cause))
            keyed.append((self._callee.uniqueid, gone))
        return [*keyed, *self._identify_one()]

    def ended_here(self, cause: int) -> list[Keyed]:
        one, two, callee = self._one, self._two, self._reached()
        return [
            (two.uniqueid, events.hangup_request(two, cause)),
            (one.uniqueid, events.hangup(one, cause)),
            (two.uniqueid, events.bridge_leave(two, self._bridge, 1)),
            (callee.uniqueid, events.bridge_leave(callee, self._bridge, 0)),
            (two.uniqueid, events.soft_hangup_request(two, NORMAL_CLEARING)),
            (two.uniqueid, events.hangup(two, cause or NORMAL_CLEARING)),
            (callee.uniqueid, events.hangup(callee, NORMAL_CLEARING)),
        ]

    def ended_by_callee(self) -> list[Keyed]:
        one, two, callee = self._one, self._two, self._reached()
        return [
            (callee.uniqueid, events.hangup_request(callee, NORMAL_CLEARING)),
            (callee.uniqueid, events.bridge_leave(callee, self._bridge, 1)),
            (two.uniqueid, events.bridge_leave(two, self._bridge, 0)),
            (two.uniqueid, events.soft_hangup_request(two, NORMAL_CLEARING)),
            (one.uniqueid, events.hangup_request(one, NORMAL_CLEARING)),
            (two.uniqueid, events.hangup(two, NORMAL_CLEARING)),
            (callee.uniqueid, events.hangup(callee, NORMAL_CLEARING)),
            (one.uniqueid, events.hangup(one, NORMAL_CLEARING)),
        ]

    def key_sent(self, digit: str, duration_ms: int) -> list[Keyed]:
        callee = self._callee
        if callee is None:
            return []
        begin_two, end_two = events.dtmf(self._two, digit, "Received", duration_ms)
        begin_callee, end_callee = events.dtmf(callee, digit, "Sent", duration_ms)
        two, key = self._two.uniqueid, callee.uniqueid
        return [(two, begin_two), (key, begin_callee), (two, end_two), (key, end_callee)]

    def key_received(self, digit: str, duration_ms: int) -> list[Keyed]:
        steps = ((self._reached(), "Received"), (self._two, "Sent"), (self._one, "Received"))
        pairs = [
            (channel.uniqueid, events.dtmf(channel, digit, direction, duration_ms)) for channel, direction in steps
        ]
        return [(key, begin) for key, (begin, _) in pairs] + [(key, end) for key, (_, end) in pairs]

    def _reached(self) -> Channel:
        if self._callee is None:
            raise RuntimeError("nobody was dialled")
        return self._callee
