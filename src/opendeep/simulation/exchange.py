"""All calls of the switch: placing them, finding them by channel, and their common tick.

Owns the set of live calls. One call's life lives in `simulated_call`, the manager's text in `ami_actions`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import structlog

from opendeep.simulation.attached_callee import IncomingCall
from opendeep.simulation.callee_schema import Attempt, Callee
from opendeep.simulation.callee_session import CalleeSession
from opendeep.simulation.channels import Channel, ChannelState
from opendeep.simulation.directory import Directory, endpoint_caller_id, endpoint_context, is_extension
from opendeep.simulation.legs import DirectLegs, Legs
from opendeep.simulation.local_legs import LocalLegs
from opendeep.simulation.originate import Origination
from opendeep.simulation.pickup import (
    NO_ENDPOINT,
    NUMBER_REFUSED,
    AttachedPickup,
    Pickup,
    RefusedPickup,
    ScriptedPickup,
)
from opendeep.simulation.simulated_call import (
    REASON_FAILED,
    CallContext,
    CallSnapshot,
    Phase,
    SimulatedCall,
    originate_response,
)
from opendeep.simulation.talking_callee import Engines, TalkingCallee

log = structlog.get_logger(__name__)

MAX_CALLS = 500
NETWORK_OUT_OF_ORDER = 38
EPOCH = 1_700_000_000  # ids that nobody chose count on from here
OUTGOING_LINE = "(Outgoing Line)"
DIAL_EXTENSION_PRIORITY, DIAL_WORLD_PRIORITY = 2, 4  # steps of `opendeep-out` in the shipped extensions.conf


class Exchange:
    """The live calls. At most 500; one more is refused as Asterisk's `maxcalls` does."""

    def __init__(
        self,
        directory: Directory,
        engines: Engines,
        context: CallContext,
        trunks: frozenset[str] | None,
    ) -> None:
        self._directory = directory
        self._engines = engines
        self._context = context
        self._trunks = trunks
        self._calls: dict[str, SimulatedCall] = {}
        self._sequence = itertools.count(1)
        self._now_ms = 0

    @property
    def now_ms(self) -> int:
        return self._now_ms

    def snapshots(self) -> tuple[CallSnapshot, ...]:
        return tuple(call.snapshot() for call in self._calls.values())

    def channels(self) -> Iterator[Channel]:
        for call in self._calls.values():
            yield from call.channels

    def find(self, name: str) -> tuple[SimulatedCall, Channel] | None:
        """Return the call and channel with this name or unique id."""
        for call in self._calls.values():
            for channel in call.channels:
                if name in (channel.uniqueid, channel.name):
                    return call, channel
        return None

    def find_matching(self, pattern: re.Pattern[str]) -> list[SimulatedCall]:
        """Return the calls with a channel whose name matches."""
        return [call for call in self._calls.values() if any(pattern.search(one.name) for one in call.channels)]

    def id_in_use(self, asked: Origination) -> bool:
        """Tell whether a channel id of this origination belongs to a live channel."""
        wanted = {identity for identity in (asked.channel_id, asked.other_channel_id) if identity}
        return any(channel.uniqueid in wanted for channel in self.channels())

    def originate(self, asked: Origination) -> None:
        """Place a call. What cannot even be dialled is told by `OriginateResponse`."""
        refusal = self._refusal(asked)
        if refusal is not None:
            log.warning("simulated_originate_refused", call_id=asked.channel_id, reason=refusal)
            self._context.emit(originate_response(asked, asked.target.channel, "Failure", REASON_FAILED))
            return
        factory = ChannelFactory(next(self._sequence), asked, self._now_ms)
        if asked.target.is_local and not self._directory.has_extension(asked.target.exten, asked.target.place):
            response = originate_response(asked, asked.target.channel, "Failure", REASON_FAILED)
            for packet in factory.local_legs(reached=False).missing(asked.variables, response):
                self._context.emit(packet)
            return
        pickup = self._pickup(asked, factory.uniqueid)
        legs = factory.legs(reached=not isinstance(pickup, RefusedPickup))
        call = SimulatedCall(asked, legs, pickup, self._context)
        self._calls[factory.uniqueid] = call
        call.dial()

    def tick(self, now_ms: int) -> None:
        """Give every call its 20 ms and forget those that ended."""
        self._now_ms = now_ms
        for call in list(self._calls.values()):
            try:
                call.tick(now_ms)
            except Exception:  # boundary: one call's failure ends that call only
                log.exception("simulated_call_failed", call_id=call.channel.uniqueid)
                self._break_off(call)
        self._calls = {key: call for key, call in self._calls.items() if call.phase is not Phase.ENDED}

    def forget_ended(self) -> None:
        """Drop calls that an action has just ended."""
        self._calls = {key: call for key, call in self._calls.items() if call.phase is not Phase.ENDED}

    def stop(self) -> None:
        """End every call without a word, as a switch that loses power does."""
        for call in self._calls.values():
            try:
                call.abandon()
            except Exception:  # boundary: one callee that fails at the end must not keep the others alive
                log.exception("simulated_call_failed_at_its_end", call_id=call.channel.uniqueid)
        self._calls.clear()

    def _break_off(self, call: SimulatedCall) -> None:
        """End a call that failed, so that its events are sent and its line is free."""
        try:
            call.hang_up(NETWORK_OUT_OF_ORDER)
        except Exception:  # boundary: a callee that fails again at its end keeps nothing alive
            log.exception("simulated_call_failed_at_its_end", call_id=call.channel.uniqueid)

    def _refusal(self, asked: Origination) -> str | None:
        """Say why no channel can be made, None when it can."""
        target = asked.target
        if len(self._calls) >= MAX_CALLS:
            return "too many calls"
        if self.id_in_use(asked):
            return "channel id already in use"
        if target.is_local:
            return None
        if not target.number or (target.place and not self._has_trunk(target.place)):
            return "endpoint does not exist"
        if not target.place and not self._directory.has_endpoint(target.number):
            return "endpoint does not exist"
        return None

    def _has_trunk(self, name: str) -> bool:
        return self._trunks is None or name in self._trunks

    def _pickup(self, asked: Origination, call_id: str) -> Pickup:
        number = asked.target.number
        if asked.target.is_local and not self._directory.dials(number):
            return RefusedPickup(NUMBER_REFUSED)
        phone = self._directory.attached(number)
        if phone is None:
            return self._scripted_pickup(number, call_id)
        incoming = IncomingCall(call_id, number, asked.caller_number, asked.caller_name)
        return AttachedPickup(phone, incoming, lambda: self._scripted_pickup(number, call_id))

    def _scripted_pickup(self, number: str, call_id: str) -> Pickup:
        if len(number) == 4 and not self._directory.has_endpoint(number):
            return RefusedPickup(NO_ENDPOINT)
        callee = self._directory.find(number)
        attempt = self._directory.next_attempt(callee, number)

        def make_session(answering: Callee, answered: Attempt) -> CalleeSession:
            return TalkingCallee(answering, call_id, self._engines, answered.start)

        return ScriptedPickup(callee, attempt, make_session, self._context.time_scale)


class ChannelFactory:
    """Names and numbers the channels of one origination as Asterisk does."""

    def __init__(self, sequence: int, asked: Origination, now_ms: int) -> None:
        self._sequence = sequence
        self._asked = asked
        self._now_ms = now_ms
        self.uniqueid = asked.channel_id or f"{EPOCH}.{3 * sequence}"

    def legs(self, *, reached: bool) -> Legs:
        """Return the channels; `reached`: the dialplan finds somebody to call."""
        target = self._asked.target
        if target.is_local:
            return self.local_legs(reached=reached)
        name = f"{target.tech}/{target.place or target.resource}-{self._sequence:08x}"
        channel = self._endpoint(name, self.uniqueid, target.place or target.exten)
        channel.application, channel.application_data = "AppDial2", OUTGOING_LINE
        return DirectLegs(channel, target.resource, self._caller)

    def local_legs(self, *, reached: bool) -> LocalLegs:
        """Return the two halves of a `Local/` channel, and the callee that the shipped dialplan dials."""
        target = self._asked.target
        extension = is_extension(target.exten)
        two = self._half_two(f"PJSIP/{target.exten}" + ("" if extension else "@trunk"))
        callee: Channel | None = None
        if reached:
            endpoint = target.exten if extension else "trunk"
            name = f"PJSIP/{endpoint}-{self._sequence:08x}"
            callee = self._endpoint(name, f"{EPOCH}.{3 * self._sequence + 2}", endpoint)
            callee.application, callee.application_data = "AppDial", OUTGOING_LINE
        priority = DIAL_EXTENSION_PRIORITY if extension else DIAL_WORLD_PRIORITY if reached else 0
        return LocalLegs(self._half_one(), two, callee, target.resource, self._caller, priority)

    @property
    def _caller(self) -> tuple[str, str]:
        """Number and name; a channel keeps the quotes inside the name escaped, `OriginateResponse` does not."""
        return self._asked.caller_number, re.sub(r'(["\\])', r"\\\1", self._asked.caller_name)

    def _half_one(self) -> Channel:
        """The half that the application answers on."""
        one = self._half(1, self.uniqueid)
        one.application, one.application_data = "AppDial2", OUTGOING_LINE
        return one

    def _half_two(self, dialled: str) -> Channel:
        """The half that runs the dialplan."""
        two = self._half(2, self._asked.other_channel_id or f"{self.uniqueid};2")
        two.application, two.application_data, two.state = "Dial", dialled, ChannelState.RING
        return two

    def _half(self, number: int, uniqueid: str) -> Channel:
        target = self._asked.target
        name = f"Local/{target.resource.partition('/')[0]}-{self._sequence:08x};{number}"
        return self._channel(name, uniqueid, target.place, target.exten)

    def _endpoint(self, name: str, uniqueid: str, endpoint: str) -> Channel:
        """A channel to a telephone or a trunk, as the shipped pjsip.conf describes it."""
        channel = self._channel(name, uniqueid, endpoint_context(endpoint), "s")
        channel.caller_number, channel.caller_name = endpoint_caller_id(endpoint)
        return channel

    def _channel(self, name: str, uniqueid: str, context: str, exten: str) -> Channel:
        return Channel(name, uniqueid, self.uniqueid, context=context, exten=exten, created_ms=self._now_ms)
