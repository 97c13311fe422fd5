"""One simulated call: its phases, the manager events it causes and in which order, and its 20 ms of work per tick.

Owns the life of a call from `Originate` to `Hangup`. Which call gets an action is decided in `exchange`; what the
callee says lives behind `CalleeSession`. Event orders and causes: the reference table measured on Asterisk 22.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

from opendeep.simulation import channels as events
from opendeep.simulation.audio_link import AudioLink
from opendeep.simulation.audiosocket_wire import SILENCE_FRAME
from opendeep.simulation.callee_schema import Outcome
from opendeep.simulation.callee_session import CalleeSession
from opendeep.simulation.channels import Channel, ChannelState, Packet
from opendeep.simulation.originate import Origination, parse_audiosocket
from opendeep.simulation.pickup import Pickup
from opendeep.simulation.recording import StereoRecorder

log = structlog.get_logger(__name__)

POST_DIAL_MS = 100
KEY_MS = 100
REASON_FAILED = 0
REASON_NO_ANSWER = 3
REASON_ANSWERED = 4
REASON_BUSY = 5
REASON_CONGESTION = 8


class Phase(StrEnum):
    """Where a call is."""

    DIALLING = "dialling"
    RINGING = "ringing"
    UP = "up"
    ENDED = "ended"


TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    Phase.DIALLING: frozenset({Phase.RINGING, Phase.UP, Phase.ENDED}),
    Phase.RINGING: frozenset({Phase.UP, Phase.ENDED}),
    Phase.UP: frozenset({Phase.ENDED}),
    Phase.ENDED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """How an outcome without an answer shows: DialStatus, ISDN cause, SIP status; `local_reason` for `Local/`."""

    dial_status: str
    cause: int
    sip_status: int
    local_reason: int = REASON_FAILED


FAILURES: dict[Outcome, Failure] = {
    Outcome.BUSY: Failure("BUSY", 17, 486, REASON_BUSY),
    Outcome.UNALLOCATED: Failure("NOANSWER", 1, 404),
    Outcome.REJECTED: Failure("NOANSWER", 21, 603),
    Outcome.CONGESTION: Failure("CONGESTION", 34, 503, REASON_CONGESTION),
    Outcome.UNREACHABLE: Failure("NOANSWER", 19, 480),
}
TIMED_OUT_CAUSE, TIMED_OUT_SIP_STATUS = 19, 480


@dataclass(frozen=True, slots=True)
class CallSnapshot:
    """A call as it is now. `state` is the node of the callee's script; times in ms."""

    call_id: str
    channel: str
    number: str
    callee: str
    phase: Phase
    state: str
    age_ms: int
    redirected_to: str
    spoke_before_beep: bool


@dataclass(frozen=True, slots=True)
class CallContext:
    """What every call of a switch shares. `order` mixes the legal orders of events; None keeps the usual one."""

    emit: Callable[[Packet], None]
    order: random.Random | None
    silence_limit_ms: int
    time_scale: float
    record_dir: Path | None


class SimulatedCall:
    """One call. `tick` is called every 20 ms until `phase` is `ended`."""

    def __init__(
        self, origination: Origination, legs: tuple[Channel, ...], pickup: Pickup, context: CallContext
    ) -> None:
        self.origination = origination
        self.legs = legs
        self.phase = Phase.DIALLING
        self._pickup = pickup
        self._context = context
        self._now_ms = self._started_ms = legs[0].created_ms
        self._answered_ms = 0
        self._peer_heard_ms = 0
        self._session: CalleeSession | None = None
        self._link: AudioLink | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._recorder: StereoRecorder | None = None
        self._redirected_to = ""

    @property
    def channel(self) -> Channel:
        """The channel that `Originate` names; half one of a `Local/` channel."""
        return self.legs[0]

    def snapshot(self) -> CallSnapshot:
        return CallSnapshot(
            call_id=self.channel.uniqueid,
            channel=self.channel.name,
            number=self.origination.target.number,
            callee=self._pickup.callee_name,
            phase=self.phase,
            state=self._session.state if self._session is not None else "",
            age_ms=self._now_ms - self._started_ms,
            redirected_to=self._redirected_to,
            spoke_before_beep=bool(getattr(self._session, "spoke_before_beep", False)),
        )

    # -- what the manager asks for

    def dial(self) -> None:
        """Begin: the channel appears and its number is dialled."""
        for leg in self.legs:
            self._emit(events.new_channel(leg))
        for name, value in self.origination.variables:
            for leg in self.legs:
                self.set_variable(leg, name, value)
        if len(self.legs) == 2:
            self._emit(events.local_bridge(self.legs[0], self.legs[1]))
        self._emit(events.dial_begin(self.channel, self.origination.target.resource))
        self._pickup.begin()

    def set_variable(self, leg: Channel, name: str, value: str) -> None:
        leg.variables[name] = value
        self._emit(events.var_set(leg, name, value))

    def hang_up(self, cause: int = 0) -> None:
        """The manager hangs the call up."""
        if self.phase is Phase.ENDED:
            return
        self._emit(events.soft_hangup_request(self.channel, cause))
        if self.phase is Phase.UP:
            self._end("manager_hangup", cause)
        else:
            self._fail(Failure("NOANSWER", cause, 0), "manager_hangup")

    def play_digit(self, digit: str, duration_ms: int) -> None:
        """The manager presses a key towards the callee."""
        self._emit(events.dtmf_begin(self.channel, digit, "Sent"))
        self._emit(events.dtmf_end(self.channel, digit, "Sent", duration_ms))
        if self._session is not None and self.phase is Phase.UP:
            self._session.receive_digit(digit, self._now_ms - self._answered_ms)

    def redirect(self, context: str, exten: str) -> None:
        """The channel leaves AudioSocket and goes on in the dialplan; it stays up until somebody hangs up."""
        self._close_audio()
        self._redirected_to = f"{exten}@{context}"
        self.channel.context, self.channel.exten = context, exten
        self.channel.application, self.channel.application_data = "", ""
        self._emit(events.new_exten(self.channel))

    # -- time

    def tick(self, now_ms: int) -> None:
        """Do 20 ms of work."""
        self._now_ms = now_ms
        if self.phase is Phase.UP:
            self._talk()
        elif self.phase is not Phase.ENDED:
            self._wait_for_answer(now_ms - self._started_ms)

    def abandon(self) -> None:
        """The switch goes down: free everything and say nothing."""
        if self.phase is not Phase.ENDED:
            self._set_phase(Phase.ENDED, "switch_stopped")
            self._release()

    def _wait_for_answer(self, elapsed_ms: int) -> None:
        if elapsed_ms >= self.origination.timeout_ms:
            self._time_out()
            return
        if elapsed_ms < POST_DIAL_MS:
            return
        if self.phase is Phase.DIALLING and self._pickup.rings:
            self._ring()
        outcome = self._pickup.poll(elapsed_ms - POST_DIAL_MS)
        if outcome is Outcome.ANSWER:
            self._answer()
        elif outcome is not None:
            self._fail(FAILURES[outcome], f"callee_{outcome.value}")

    def _ring(self) -> None:
        self._set_phase(Phase.RINGING, "callee_rings")
        for leg in self.legs[:1]:
            leg.state = ChannelState.RINGING
            self._emit(events.new_state(leg))
        self._emit(events.dial_state(self.channel, "RINGING"))

    def _answer(self) -> None:
        self._set_phase(Phase.UP, "callee_answers")
        self._answered_ms = self._peer_heard_ms = self._now_ms
        for leg in reversed(self.legs):
            leg.state = ChannelState.UP
            self._emit(events.new_state(leg))
        self._emit_in_some_order(
            self._originate_response("Success", REASON_ANSWERED), events.dial_end(self.channel, "ANSWER")
        )
        self._session = self._pickup.session()
        self._session.answer()
        self.channel.application = self.origination.application
        self.channel.application_data = self.origination.data
        if self._context.record_dir is not None:
            self._recorder = StereoRecorder(self._context.record_dir, self.channel.uniqueid)
        self._run_application()

    def _run_application(self) -> None:
        target = parse_audiosocket(self.origination.data)
        if self.origination.application.lower() != "audiosocket" or target is None:
            self._end("application_refused", 0)
            return

        async def connect() -> None:
            self._link = await AudioLink.connect(target)

        self._connecting = asyncio.get_running_loop().create_task(
            connect(), name=f"audiosocket-connect-{self.channel.uniqueid}"
        )

    # -- a call that is up

    def _talk(self) -> None:
        heard = self._hear()
        if self._session is None or self.phase is not Phase.UP:
            return
        said = self._session.exchange(heard, self._now_ms - self._answered_ms)
        if self._link is not None:
            self._link.send_audio(said)
        if self._recorder is not None:
            self._recorder.write(heard, said)
        for digit in self._session.take_digits():
            self._press(digit)
        if self._session.hung_up:
            self._emit(events.hangup_request(self.channel, 16))
            self._end("callee_hangs_up", 16)

    def _hear(self) -> bytes:
        """Return what the callee hears in this tick; ends the call when the audio connection is broken."""
        if self._connecting is not None and self._connecting.done():
            failure = self._connecting.exception()
            self._connecting = None
            if failure is not None:
                log.warning("audiosocket_connect_failed", call_id=self.channel.uniqueid, error=repr(failure))
                self._end("audiosocket_unreachable", 0)
                return SILENCE_FRAME
        link = self._link
        if link is None:
            return SILENCE_FRAME
        if link.ended is not None:
            self._end(f"audiosocket_{link.ended}", 0)
        elif link.take_activity():
            self._peer_heard_ms = self._now_ms
        elif self._now_ms - self._peer_heard_ms >= self._context.silence_limit_ms:
            self._end("audiosocket_silent", 0)
        return link.jitter.pull()

    def _press(self, digit: str) -> None:
        """The callee pressed a key: Asterisk tells it twice."""
        self._emit(events.dtmf_begin(self.channel, digit, "Received"))
        self._emit(events.dtmf_end(self.channel, digit, "Received", KEY_MS))
        if self._link is not None:
            self._link.send_digit(digit)

    # -- ends

    def _fail(self, failure: Failure, why: str) -> None:
        """The attempt ended without an answer."""
        self._set_phase(Phase.ENDED, why)
        local = len(self.legs) == 2
        self._emit(events.dial_end(self.channel, failure.dial_status))
        if local and failure.local_reason != REASON_FAILED:
            self._emit(events.hangup(self.legs[0], 0))
            self._emit(events.hangup(self.legs[1], failure.cause))
        else:
            for leg in self.legs:
                sip_status = failure.sip_status if failure.sip_status and not local else None
                self._emit(events.hangup(leg, failure.cause, sip_status))
        self._emit(self._originate_response("Failure", failure.local_reason if local else REASON_FAILED))
        self._release()

    def _time_out(self) -> None:
        """Nobody answered within the action's `Timeout`."""
        self._set_phase(Phase.ENDED, "originate_timeout")
        response = self._originate_response("Failure", REASON_NO_ANSWER)
        sip_status = TIMED_OUT_SIP_STATUS if len(self.legs) == 1 else None
        self._emit_in_some_order(events.hangup(self.channel, TIMED_OUT_CAUSE, sip_status), response)
        for leg in self.legs[1:]:
            self._emit(events.hangup(leg, 0))
        self._release()

    def _end(self, why: str, cause: int) -> None:
        """An answered call ends. Sends `Hangup` for every leg and closes the audio connection."""
        if self.phase is Phase.ENDED:
            return
        self._set_phase(Phase.ENDED, why)
        self._close_audio()
        for leg in self.legs:
            self._emit(events.hangup(leg, cause))
        self._release()

    def _release(self) -> None:
        self._close_audio()
        if self._session is not None:
            self._session.end()
        else:
            self._pickup.cancel()
        if self._recorder is not None:
            self._recorder.close()

    def _close_audio(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        if self._link is not None:
            self._link.close()
            self._link = None

    def _set_phase(self, phase: Phase, why: str) -> None:
        if phase not in TRANSITIONS[self.phase]:
            raise RuntimeError(f"a call cannot go from {self.phase} to {phase}")
        change = f"{self.phase.value} -> {phase.value}"
        log.info("simulated_call_phase", call_id=self.channel.uniqueid, change=change, reason=why)
        self.phase = phase

    def _originate_response(self, response: str, reason: int) -> Packet:
        return originate_response(self.origination, self.channel.name, self.channel.uniqueid, response, reason)

    def _emit_in_some_order(self, *packets: Packet) -> None:
        """Send packets whose order the real switch does not promise."""
        mixed = list(packets)
        if self._context.order is not None:
            self._context.order.shuffle(mixed)
        for packet in mixed:
            self._emit(packet)

    def _emit(self, packet: Packet) -> None:
        self._context.emit(packet)


def originate_response(asked: Origination, channel: str, uniqueid: str, response: str, reason: int) -> Packet:
    """Return the event that answers an asynchronous `Originate`."""
    identity: Packet = [("ActionID", asked.action_id)] if asked.action_id else []
    return [
        ("Event", "OriginateResponse"),
        ("Privilege", "call,all"),
        *identity,
        ("Response", response),
        ("Channel", channel),
        ("Context", ""),
        ("Exten", ""),
        ("Application", asked.application),
        ("Data", asked.data),
        ("Reason", reason),
        ("Uniqueid", uniqueid),
        ("CallerIDNum", asked.caller_number or events.UNKNOWN),
        ("CallerIDName", asked.caller_name or events.UNKNOWN),
    ]
