"""All calls of the switch: placing them, finding them by channel, and their common tick.

Owns the set of live calls. One call's life lives in `simulated_call`, the manager's text in `ami_actions`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import structlog

from opendeep.simulation.attached_callee import IncomingCall
from opendeep.simulation.callee_schema import Callee
from opendeep.simulation.callee_session import CalleeSession
from opendeep.simulation.channels import Channel, ChannelState
from opendeep.simulation.directory import Directory
from opendeep.simulation.originate import ActionRefusedError, Origination
from opendeep.simulation.pickup import AttachedPickup, Pickup, ScriptedPickup
from opendeep.simulation.simulated_call import (
    REASON_FAILED,
    CallContext,
    CallSnapshot,
    Phase,
    SimulatedCall,
    originate_response,
)
from opendeep.simulation.speech_seam import LineRecognizer, LineSynthesizer
from opendeep.simulation.talking_callee import TalkingCallee

log = structlog.get_logger(__name__)

MAX_CALLS = 500


class Exchange:
    """The live calls. At most 500; one more is refused as Asterisk's `maxcalls` does."""

    def __init__(
        self,
        directory: Directory,
        synthesizer: LineSynthesizer,
        recognizer: LineRecognizer,
        context: CallContext,
        trunks: frozenset[str] | None,
    ) -> None:
        self._directory = directory
        self._synthesizer = synthesizer
        self._recognizer = recognizer
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
            yield from call.legs

    def find(self, name: str) -> tuple[SimulatedCall, Channel]:
        """Return the call and leg with this channel name or unique id. Raises ActionRefusedError."""
        for call in self._calls.values():
            for leg in call.legs:
                if name in (leg.uniqueid, leg.name):
                    return call, leg
        raise ActionRefusedError("No such channel")

    def find_matching(self, pattern: re.Pattern[str]) -> list[SimulatedCall]:
        """Return the calls with a channel whose name matches."""
        return [call for call in self._calls.values() if any(pattern.search(leg.name) for leg in call.legs)]

    def originate(self, asked: Origination) -> None:
        """Place a call. What the network refuses is told by `OriginateResponse` alone, without channel events."""
        refusal = self._refusal(asked)
        if refusal is not None:
            log.warning("simulated_originate_refused", call_id=asked.channel_id, reason=refusal)
            name = f"{asked.target.tech}/{asked.target.resource}"
            uniqueid = asked.channel_id or "<unknown>"
            self._context.emit(originate_response(asked, name, uniqueid, "Failure", REASON_FAILED))
            return
        legs = self._legs(asked)
        call = SimulatedCall(asked, legs, self._pickup(asked, legs[0]), self._context)
        self._calls[legs[0].uniqueid] = call
        call.dial()

    def tick(self, now_ms: int) -> None:
        """Give every call its 20 ms and forget those that ended."""
        self._now_ms = now_ms
        for call in list(self._calls.values()):
            try:
                call.tick(now_ms)
            except Exception:  # boundary: one call's failure ends that call only
                log.exception("simulated_call_failed", call_id=call.channel.uniqueid)
                call.abandon()
        self._calls = {key: call for key, call in self._calls.items() if call.phase is not Phase.ENDED}

    def forget_ended(self) -> None:
        """Drop calls that an action has just ended."""
        self._calls = {key: call for key, call in self._calls.items() if call.phase is not Phase.ENDED}

    def stop(self) -> None:
        for call in self._calls.values():
            call.abandon()
        self._calls.clear()

    def _refusal(self, asked: Origination) -> str | None:
        target = asked.target
        if len(self._calls) >= MAX_CALLS:
            return "too many calls"
        taken = {leg.uniqueid for leg in self.channels()}
        if taken & {identity for identity in (asked.channel_id, asked.other_channel_id) if identity}:
            return "channel id already in use"
        if not target.number:
            return "endpoint does not exist"
        if target.place and not target.is_local and self._trunks is not None and target.place not in self._trunks:
            return "trunk does not exist"
        if not target.place and not self._directory.has_endpoint(target.number):
            return "endpoint does not exist"
        return None

    def _legs(self, asked: Origination) -> tuple[Channel, ...]:
        sequence = next(self._sequence)
        uniqueid = asked.channel_id or f"1700000000.{sequence}"
        if asked.target.is_local:
            other = asked.other_channel_id or (f"{uniqueid};2" if asked.channel_id else f"1700000000.{sequence}2")
            base = f"Local/{asked.target.resource.partition('/')[0]}-{sequence:08x}"
            one = self._channel(f"{base};1", uniqueid, uniqueid, asked)
            two = self._channel(f"{base};2", other, uniqueid, asked)
            two.state = ChannelState.RING
            return one, two
        endpoint = asked.target.place or asked.target.resource
        return (self._channel(f"{asked.target.tech}/{endpoint}-{sequence:08x}", uniqueid, uniqueid, asked),)

    def _channel(self, name: str, uniqueid: str, linkedid: str, asked: Origination) -> Channel:
        local = asked.target.is_local
        return Channel(
            name=name,
            uniqueid=uniqueid,
            linkedid=linkedid,
            context=asked.target.place if local else "default",
            exten=asked.target.number if local else "",
            caller_number=asked.caller_number,
            caller_name=asked.caller_name,
            created_ms=self._now_ms,
        )

    def _pickup(self, asked: Origination, channel: Channel) -> Pickup:
        number = asked.target.number
        phone = self._directory.attached(number)
        if phone is not None:
            incoming = IncomingCall(channel.uniqueid, number, asked.caller_number, asked.caller_name)
            return AttachedPickup(phone, incoming)
        callee = self._directory.find(number)
        attempt = self._directory.next_attempt(callee, number)

        def make_session(answering: Callee) -> CalleeSession:
            return TalkingCallee(answering, channel.uniqueid, self._synthesizer, self._recognizer)

        return ScriptedPickup(callee, attempt, make_session, self._context.time_scale)
