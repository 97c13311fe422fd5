"""Which manager events a call causes, and in which order: the contract, and a channel that is called directly.

Owns the sequences of a call, taken from captures of Asterisk 22.10.1; `local_legs` has those of a `Local/` channel.
When something happens is decided in `simulated_call`. Pure.

Every event comes with a key. Asterisk keeps the order among events with the same key and promises nothing between
keys: `OriginateResponse` was seen before and after all its neighbours, `Newstate` Ringing before and after `DialState`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

from opendeep.simulation import channels as events
from opendeep.simulation.channels import Channel, ChannelState, Packet

Keyed = tuple[str, Packet]
RESPONSE_KEY = "originate-response"
NORMAL_CLEARING = 16
NO_ANSWER_CAUSE, NO_ANSWER_SIP_STATUS = 19, 480
# The SIP status that stands for a cause of ours (`hangup_cause2sip` of chan_pjsip); other causes have none.
SIP_STATUSES = {
    1: 404, 2: 404, 3: 404, 17: 486, 18: 408, 19: 480, 20: 480, 21: 403, 22: 410, 27: 502, 28: 484, 29: 501, 31: 480,
    34: 503, 38: 500, 42: 503, 58: 488, 66: 503, 127: 500,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt without an answer shows: DialStatus, ISDN cause, SIP status (None: the network was not asked)."""

    dial_status: str
    cause: int
    sip_status: int | None


class Legs(Protocol):
    """The channels of one call. `response` is the `OriginateResponse` that belongs to the moment."""

    channel: Channel
    channels: tuple[Channel, ...]

    def dialled(self, variables: tuple[tuple[str, str], ...]) -> list[Keyed]: ...

    def ringing(self) -> list[Keyed]: ...

    def early_media(self) -> list[Keyed]:
        """The network plays something before the answer (SIP 183); the channel stays as it is."""
        ...

    def answered(self, response: Packet) -> list[Keyed]: ...

    def failed(self, failure: Failure, response: Packet) -> list[Keyed]: ...

    def timed_out(self, response: Packet) -> list[Keyed]: ...

    def cancelled(self, cause: int, response: Packet) -> list[Keyed]:
        """The manager hung up before the answer."""
        ...

    def ended_here(self, cause: int) -> list[Keyed]:
        """The manager hung up, or the application ended."""
        ...

    def ended_by_callee(self) -> list[Keyed]: ...

    def key_sent(self, digit: str, duration_ms: int) -> list[Keyed]: ...

    def key_received(self, digit: str, duration_ms: int) -> list[Keyed]: ...


def interleave(keyed: list[Keyed], order: random.Random | None) -> list[Packet]:
    """Return the events in the usual order, or with `order` in a random one that keeps the order within each key."""
    if order is None:
        return [packet for _, packet in keyed]
    queues: dict[str, list[Packet]] = {}
    for key, packet in keyed:
        queues.setdefault(key, []).append(packet)
    mixed: list[Packet] = []
    while queues:
        key = order.choice(sorted(queues))
        mixed.append(queues[key].pop(0))
        if not queues[key]:
            del queues[key]
    return mixed


def set_state(channel: Channel, state: ChannelState, topic: str = "") -> Keyed:
    channel.state = state
    return channel.uniqueid + topic, events.new_state(channel)


def identify(channel: Channel, number: str, name: str) -> list[Packet]:
    """Give the channel the caller ID that `Originate` asked for; without one nothing is told."""
    if not number and not name:
        return []
    channel.caller_number, channel.caller_name = number, name
    first = events.new_caller_id(channel)
    channel.connected_number, channel.connected_name = number, name
    return [first, events.new_connected_line(channel)]


class DirectLegs:
    """`PJSIP/number@trunk` or `PJSIP/7000`: one channel. `caller` is number and name."""

    def __init__(self, channel: Channel, dial_string: str, caller: tuple[str, str]) -> None:
        self.channel = channel
        self.channels: tuple[Channel, ...] = (channel,)
        self._dial_string = dial_string
        self._caller = caller

    def dialled(self, variables: tuple[tuple[str, str], ...]) -> list[Keyed]:
        channel = self.channel
        packets = [events.new_channel(channel), events.new_exten(channel, "AppDial2", "(Outgoing Line)")]
        for name, value in reversed(variables):
            channel.variables[name] = value
            packets.append(events.var_set(channel, name, value))
        packets += [*identify(channel, *self._caller), events.dial_begin(channel, self._dial_string)]
        return self._keyed(*packets)

    def ringing(self) -> list[Keyed]:
        return [
            set_state(self.channel, ChannelState.RINGING, ":state"),
            *self._keyed(events.dial_state(self.channel, "RINGING")),
        ]

    def early_media(self) -> list[Keyed]:
        return self._keyed(events.dial_state(self.channel, "PROGRESS"))

    def answered(self, response: Packet) -> list[Keyed]:
        up = set_state(self.channel, ChannelState.UP)
        return [up, *self._keyed(events.dial_end(self.channel, "ANSWER")), (RESPONSE_KEY, response)]

    def failed(self, failure: Failure, response: Packet) -> list[Keyed]:
        packets = [
            events.hangup_request(self.channel, failure.cause, failure.sip_status),
            events.dial_end(self.channel, failure.dial_status),
            events.hangup(self.channel, failure.cause, failure.sip_status),
        ]
        return [*self._keyed(*packets[:2]), (RESPONSE_KEY, response), *self._keyed(packets[2])]

    def timed_out(self, response: Packet) -> list[Keyed]:
        gone = events.hangup(self.channel, NO_ANSWER_CAUSE, NO_ANSWER_SIP_STATUS)
        return [(RESPONSE_KEY, response), *self._keyed(gone)]

    def cancelled(self, cause: int, response: Packet) -> list[Keyed]:
        gone = events.hangup(self.channel, cause, SIP_STATUSES.get(cause))
        packets = [events.dial_end(self.channel, "NOANSWER"), gone]
        return [*self._keyed(*packets), (RESPONSE_KEY, response)]

    def ended_here(self, cause: int) -> list[Keyed]:
        return self._keyed(events.hangup(self.channel, cause, SIP_STATUSES.get(cause)))

    def ended_by_callee(self) -> list[Keyed]:
        return self._keyed(events.hangup_request(self.channel), events.hangup(self.channel, 0))

    def key_sent(self, digit: str, duration_ms: int) -> list[Keyed]:
        return []  # `ast_senddigit` on the channel itself tells nobody

    def key_received(self, digit: str, duration_ms: int) -> list[Keyed]:
        return self._keyed(*events.dtmf(self.channel, digit, "Received", duration_ms))

    def _keyed(self, *packets: Packet) -> list[Keyed]:
        return [(self.channel.uniqueid, packet) for packet in packets]
