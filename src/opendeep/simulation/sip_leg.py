"""One SIP call to a callee: from INVITE to BYE, 20 ms at a time. Time is an argument.

Owns the dialog and its phases; the socket and the finding of callees live in `sip_phones`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from opendeep.simulation.callee_session import CalleeSession
from opendeep.simulation.pickup import Answered, Pickup
from opendeep.simulation.recording import StereoRecorder
from opendeep.simulation.rtp_leg import RtpLeg
from opendeep.simulation.simulated_call import CallSnapshot, Phase
from opendeep.simulation.sip_wire import SipMessage, bye, event_payload, response, sound_address, sound_offer

log = structlog.get_logger(__name__)

REPEAT_OK_MS = 500  # T1 of RFC 3261: our 200 is repeated until it is acknowledged
GIVE_UP_OK_MS = 32_000
FIRST_SEQUENCE = 1
DEFAULT_REFUSAL = 480

Send = Callable[[SipMessage], None]


class SipLeg:
    """One call. `receive` takes the requests of its dialog, `tick` is called every 20 ms until `phase` is ended."""

    def __init__(
        self, invite: SipMessage, pickup: Pickup, rtp: RtpLeg, host: str, contact: str, send: Send, now_ms: int
    ) -> None:
        self.number = invite.number
        self.phase = Phase.DIALLING
        self._invite = invite
        self._pickup = pickup
        self._rtp = rtp
        self._contact = contact
        self._send = send
        self._tag = f"{abs(hash(invite.get('Call-ID'))):x}"
        self._offer = sound_offer(host, rtp.port)
        self._began_ms = self._now_ms = now_ms
        self._answered_ms = 0
        self._acknowledged = False
        self._repeated_ms = 0
        self._session: CalleeSession | None = None
        self._recorder: StereoRecorder | None = None
        self.recording: Path | None = None
        self._ended = ""

    def begin(self) -> None:
        """The callee's phone is found. Raises ValueError when the offer is of no use."""
        self._rtp.connect(sound_address(self._invite.body), event_payload(self._invite.body))
        self._answer_request(100)
        self._pickup.begin()

    def snapshot(self) -> CallSnapshot:
        session = self._session
        return CallSnapshot(
            call_id=self._invite.get("Call-ID"),
            channel=self._contact,
            number=self.number,
            callee=self._pickup.callee_name,
            phase=self.phase,
            state=session.state if session is not None else "",
            age_ms=self._now_ms - self._began_ms,
            redirected_to="",
            spoke_before_beep=session is not None and session.spoke_before_beep,
            visited=session.visited if session is not None else (),
            keys=session.keys if session is not None else "",
            ended=self._ended,
            visits=session.visits if session is not None else (),
            uttered=session.uttered if session is not None else (),
            talk_ms=self._now_ms - self._answered_ms if session is not None else 0,
            missed_turns=session.missed_turns if session is not None else 0,
        )

    def receive(self, request: SipMessage) -> None:
        """A request of this dialog."""
        match request.method:
            case "ACK":
                self._acknowledged = True
            case "BYE":
                self._send(response(request, 200, self._tag, self._contact))
                self._end("caller_hangs_up")
            case "CANCEL":
                self._send(response(request, 200, self._tag, self._contact))
                if self.phase in (Phase.DIALLING, Phase.RINGING):
                    self._answer_request(487)
                    self._end("caller_cancels")
            case "INVITE" if self.phase is Phase.UP:  # a session timer, or our 200 was lost
                self._send(response(request, 200, self._tag, self._contact, self._offer))
            case "INVITE":
                self._answer_request(180 if self.phase is Phase.RINGING else 100)
            case _:
                self._send(response(request, 501, self._tag, self._contact))

    def tick(self, now_ms: int, record_to: Callable[[], StereoRecorder | None]) -> None:
        """Do 20 ms of work; `record_to` opens the recording at the answer."""
        self._now_ms = now_ms
        if self.phase is Phase.UP:
            self._talk()
        elif self.phase is not Phase.ENDED:
            self._ring(record_to)

    def abandon(self) -> None:
        """The telephones are switched off."""
        if self.phase is Phase.UP:
            self._say_bye()
        elif self.phase is not Phase.ENDED:
            self._answer_request(DEFAULT_REFUSAL)
        self._end("phones_stopped")

    def _ring(self, record_to: Callable[[], StereoRecorder | None]) -> None:
        if self.phase is Phase.DIALLING and self._pickup.rings:
            self.phase = Phase.RINGING
            self._answer_request(183 if self._pickup.early_media else 180)
        verdict = self._pickup.poll(self._now_ms - self._began_ms)
        if isinstance(verdict, Answered):
            self.phase = Phase.UP
            self._answered_ms = self._repeated_ms = self._now_ms
            self._answer_request(200)
            self._session = self._pickup.session()
            self._session.answer()
            self._recorder = record_to()
            self.recording = self._recorder.path if self._recorder is not None else None
        elif verdict is not None:
            self._answer_request(verdict.sip_status or DEFAULT_REFUSAL)
            self._end(f"cause_{verdict.cause}")

    def _talk(self) -> None:
        session = self._session
        if session is None:
            return
        self._insist()
        talked_ms = self._now_ms - self._answered_ms
        heard = self._rtp.jitter.pull()
        for key in self._rtp.take_keys():
            session.receive_digit(key, talked_ms)
        said = session.exchange(heard, talked_ms)
        frames = session.depart(said)
        if self._pickup.sends_sound:
            self._rtp.send(frames)
        if self._recorder is not None:
            self._recorder.write(heard, said)
        for key in session.take_digits():
            self._rtp.press(key)
        if session.hung_up:
            self._say_bye()
            self._end("callee_hangs_up")

    def _insist(self) -> None:
        """Repeat the 200 until it is acknowledged (RFC 3261 §13.3.1.4)."""
        if self._acknowledged or self._now_ms - self._repeated_ms < REPEAT_OK_MS:
            return
        if self._now_ms - self._answered_ms > GIVE_UP_OK_MS:
            self._say_bye()
            self._end("never_acknowledged")
            return
        self._repeated_ms = self._now_ms
        self._answer_request(200)

    def _answer_request(self, status: int) -> None:
        sdp = self._offer if status in (183, 200) else ""
        self._send(response(self._invite, status, self._tag, self._contact, sdp))

    def _say_bye(self) -> None:
        via = f"SIP/2.0/UDP {self._contact.partition('@')[2]};rport;branch=z9hG4bK{self._tag}{self._now_ms}"
        self._send(bye(self._invite, self._tag, self._contact, via, FIRST_SEQUENCE))

    def _end(self, why: str) -> None:
        if self.phase is Phase.ENDED:
            return
        log.info("sip_callee_ended", callee=self._pickup.callee_name, reason=why)
        self.phase, self._ended = Phase.ENDED, why
        if self._session is not None:
            self._session.end()
        else:
            self._pickup.cancel()
        if self._recorder is not None:
            self._recorder.close()
        self._rtp.close()
