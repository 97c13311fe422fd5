"""One simulated call: its phases and its 20 ms of work per tick.

Owns the life of a call from `Originate` to `Hangup`. Which call gets an action is decided in `exchange`, which events
tell of it in `legs`, what the callee says behind `CalleeSession`.
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
from opendeep.simulation.callee_session import CalleeSession
from opendeep.simulation.channels import Channel, Packet
from opendeep.simulation.legs import NORMAL_CLEARING, Keyed, Legs, interleave
from opendeep.simulation.originate import Origination, parse_audiosocket
from opendeep.simulation.pickup import Answered, Pickup
from opendeep.simulation.recording import StereoRecorder
from opendeep.simulation.witness import Uttered, Visit

log = structlog.get_logger(__name__)

POST_DIAL_MS = 100
KEY_MS = 100
REASON_FAILED = 0
REASON_NO_ANSWER = 3
REASON_ANSWERED = 4
# Where a redirected channel can go to in the shipped dialplan: the echo, and what hangs up every call from outside.
ECHO_CONTEXT, ECHO_EXTEN = "opendeep-phones", "600"
UNANSWERED_CONTEXT, UNANSWERED_CAUSE = "opendeep-in", 20


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
class CallSnapshot:
    """A call as it is now. `state` is the node of the callee's script; times in ms.

    `visited`: the nodes up to now, `visits` with their times; `uttered`: what the callee said and played; `keys`:
    pressed by the caller; `talk_ms`: since the answer; `missed_turns`: turns of the caller that the callee's
    engines were too slow for; `ended`: why it ended, empty while it goes on.
    """

    call_id: str
    channel: str
    number: str
    callee: str
    phase: Phase
    state: str
    age_ms: int
    redirected_to: str
    spoke_before_beep: bool
    visited: tuple[str, ...] = ()
    keys: str = ""
    ended: str = ""
    visits: tuple[Visit, ...] = ()
    uttered: tuple[Uttered, ...] = ()
    talk_ms: int = 0
    missed_turns: int = 0


@dataclass(frozen=True, slots=True)
class CallContext:
    """What every call of a switch shares. `order` mixes the legal orders of events; None keeps the usual one."""

    emit: Callable[[Packet], None]
    order: random.Random | None
    silence_limit_ms: int
    time_scale: float
    record_dir: Path | None
    on_ended: Callable[[CallSnapshot], None] | None = None


class SimulatedCall:
    """One call. `tick` is called every 20 ms until `phase` is `ended`."""

    def __init__(self, origination: Origination, legs: Legs, pickup: Pickup, context: CallContext) -> None:
        self.origination = origination
        self.phase = Phase.DIALLING
        self._ended = ""
        self._legs = legs
        self._pickup = pickup
        self._context = context
        self._now_ms = self._started_ms = legs.channel.created_ms
        self._answered_ms = 0
        self._sound_ms = 0
        self._said = SILENCE_FRAME
        self._session: CalleeSession | None = None
        self._link: AudioLink | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._recorder: StereoRecorder | None = None
        self._redirected_to = ""

    @property
    def channel(self) -> Channel:
        """The channel that `Originate` names; half one of a `Local/` channel."""
        return self._legs.channel

    @property
    def channels(self) -> tuple[Channel, ...]:
        return self._legs.channels

    def snapshot(self) -> CallSnapshot:
        session = self._session
        return CallSnapshot(
            call_id=self.channel.uniqueid,
            channel=self.channel.name,
            number=self.origination.target.number,
            callee=self._pickup.callee_name,
            phase=self.phase,
            state=session.state if session is not None else "",
            age_ms=self._now_ms - self._started_ms,
            redirected_to=self._redirected_to,
            spoke_before_beep=session is not None and session.spoke_before_beep,
            visited=session.visited if session is not None else (),
            keys=session.keys if session is not None else "",
            ended=self._ended,
            visits=session.visits if session is not None else (),
            uttered=session.uttered if session is not None else (),
            talk_ms=self._now_ms - self._answered_ms if session is not None else 0,
            missed_turns=session.missed_turns if session is not None else 0,
        )

    # -- what the manager asks for

    def dial(self) -> None:
        """Begin: the channels appear and the number is dialled."""
        self._emit(self._legs.dialled(self.origination.variables), mixed=False)
        self._pickup.begin()

    def set_variable(self, channel: Channel, name: str, value: str) -> None:
        channel.variables[name] = value
        self._context.emit(events.var_set(channel, name, value))

    def hang_up(self, cause: int = 0) -> None:
        """The manager hangs the call up."""
        if self.phase is Phase.UP:
            self._end("manager_hangup", cause)
        elif self.phase is not Phase.ENDED:
            self._set_phase(Phase.ENDED, "manager_hangup")
            self._emit(self._legs.cancelled(cause, self._originate_response("Failure", REASON_FAILED)))
            self._release()

    def play_digit(self, digit: str, duration_ms: int) -> None:
        """The manager presses a key towards the callee."""
        self._emit(self._legs.key_sent(digit, duration_ms))
        if self._session is not None:
            self._session.receive_digit(digit, self._now_ms - self._answered_ms)

    def redirect(self, context: str, exten: str) -> None:
        """The channel leaves AudioSocket and goes on in the dialplan, or ends when there is no such place."""
        if self.phase is not Phase.UP:
            return
        self._close_audio()
        channel, self._redirected_to = self.channel, f"{exten}@{context}"
        if (context, exten) == (ECHO_CONTEXT, ECHO_EXTEN):
            channel.context, channel.exten, channel.priority = context, exten, 2
            channel.application, channel.application_data = "Echo", ""
            self._context.emit(events.new_exten(channel, "Echo"))
            return
        known = context == UNANSWERED_CONTEXT
        if known:
            channel.context, channel.exten = context, exten
        self._context.emit(events.soft_hangup_request(channel, NORMAL_CLEARING))
        # The extension `h` of that context hangs up too; elsewhere the channel dies where it was sent to.
        channel.context, channel.exten = context, "h" if known else exten
        self._end("redirected_to_a_hangup", UNANSWERED_CAUSE if known else 0)

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
            self._set_phase(Phase.RINGING, "callee_rings")
            self._emit(self._legs.early_media() if self._pickup.early_media else self._legs.ringing())
        verdict = self._pickup.poll(elapsed_ms - POST_DIAL_MS)
        if isinstance(verdict, Answered):
            self._answer()
        elif verdict is not None:
            self._set_phase(Phase.ENDED, f"cause_{verdict.cause}")
            self._emit(self._legs.failed(verdict, self._originate_response("Failure", REASON_FAILED)))
            self._release()

    def _time_out(self) -> None:
        """Nobody answered within the action's `Timeout`."""
        self._set_phase(Phase.ENDED, "originate_timeout")
        self._emit(self._legs.timed_out(self._originate_response("Failure", REASON_NO_ANSWER)))
        self._release()

    def _answer(self) -> None:
        self._set_phase(Phase.UP, "callee_answers")
        self._answered_ms = self._sound_ms = self._now_ms
        self._emit(self._legs.answered(self._originate_response("Success", REASON_ANSWERED)))
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
        said = self._said = self._session.exchange(heard, self._now_ms - self._answered_ms)
        if self._link is not None and self._pickup.sends_sound:
            for frame in self._session.depart(said):
                self._link.send_audio(frame)
        if self._recorder is not None:
            self._recorder.write(heard, said)
        for digit in self._session.take_digits():
            self._press(digit)
        if self._session.hung_up:
            self._set_phase(Phase.ENDED, "callee_hangs_up")
            self._close_audio()
            self._emit(self._legs.ended_by_callee())
            self._release()

    def _hear(self) -> bytes:
        """Return what the callee hears in this tick; ends the call when the audio connection is broken."""
        if self._connecting is not None and self._connecting.done():
            failure = self._connecting.exception()
            self._connecting = None
            self._sound_ms = self._now_ms
            if failure is not None:
                log.warning("audiosocket_connect_failed", call_id=self.channel.uniqueid, error=repr(failure))
                self._end("audiosocket_unreachable", 0)
                return SILENCE_FRAME
        link = self._link
        if link is None:
            return self._said if self.channel.application == "Echo" else SILENCE_FRAME
        if link.ended is not None:
            self._end(f"audiosocket_{link.ended}", 0)
        elif link.take_activity() or self._pickup.sends_sound:
            self._sound_ms = self._now_ms  # a frame from either side keeps the call up (`audiosocket_run`)
        elif self._now_ms - self._sound_ms >= self._context.silence_limit_ms:
            self._end("audiosocket_silent", 0)
        return link.jitter.pull()

    def _press(self, digit: str) -> None:
        """The callee pressed a key: Asterisk tells it twice."""
        self._emit(self._legs.key_received(digit, KEY_MS))
        if self._link is not None:
            self._link.send_digit(digit)

    # -- ends

    def _end(self, why: str, cause: int) -> None:
        """An answered call ends on our side: close the audio connection, send the last events."""
        self._set_phase(Phase.ENDED, why)
        self._close_audio()
        if self.channel.application == "Echo":
            self._context.emit(events.soft_hangup_request(self.channel, NORMAL_CLEARING))
        self._emit(self._legs.ended_here(cause))
        self._release()

    def _release(self) -> None:
        self._close_audio()
        if self._session is not None:
            self._session.end()
        else:
            self._pickup.cancel()
        if self._recorder is not None:
            self._recorder.close()
        if self._context.on_ended is not None:
            self._context.on_ended(self.snapshot())

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
        self._ended = why if phase is Phase.ENDED else ""

    def _originate_response(self, response: str, reason: int) -> Packet:
        channel = self.channel.name if response == "Success" else self.origination.target.channel
        return originate_response(self.origination, channel, response, reason)

    def _emit(self, keyed: list[Keyed], *, mixed: bool = True) -> None:
        for packet in interleave(keyed, self._context.order if mixed else None):
            self._context.emit(packet)


def originate_response(asked: Origination, channel: str, response: str, reason: int) -> Packet:
    """Return the event that answers an asynchronous `Originate`."""
    identity: Packet = [("ActionID", asked.action_id)] if asked.action_id else []
    application: Packet = [("Application", asked.application), ("Data", asked.data)]
    nowhere: Packet = [("Context", ""), ("Exten", "")]
    return [
        ("Event", "OriginateResponse"),
        ("Privilege", "call,all"),
        *identity,
        ("Response", response),
        ("Channel", channel),
        *(application if asked.application else nowhere),
        ("Reason", reason),
        ("Uniqueid", asked.channel_id or events.UNKNOWN),
        ("CallerIDNum", asked.caller_number or events.UNKNOWN),
        ("CallerIDName", asked.caller_name or events.UNKNOWN),
    ]
