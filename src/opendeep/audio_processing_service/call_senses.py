"""What a live call makes of its line: who answered, a beep, a fax machine, a hold that begins and ends.

Joins the ears, the judgement of who answered and the hold's policy, and owns what the timeline and the AI are told of
it. Synchronous, no I/O; carried out through `SensePorts`. Times are ms of the call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from opendeep.audio_processing_service.answer_watch import AnswerWatch
from opendeep.audio_processing_service.hold_watch import HoldAct, HoldFacts, HoldLimits, HoldWatch
from opendeep.audio_processing_service.line_ears import LISTEN_MS, LineEars, Note, SoundFacts
from opendeep.audio_processing_service.shared_meter import Measure
from opendeep.audio_processing_service.tone_detection import Signal
from opendeep.audio_processing_service.who_answered import AnsweredBy, Verdict, asks_to_hold
from opendeep.common.call_facts import ANSWERED_BY
from opendeep.config.prompt_config import ANSWERED_NOTES, HOLD_ENDED_NOTE

ASKED_LISTEN_MS: Final = 30_000  # after words that ask to hold

_WHO: Final = {
    AnsweredBy.HUMAN: "A person has answered",
    AnsweredBy.VOICEMAIL: "A voicemail has answered",
    AnsweredBy.IVR: "A keypad menu has answered",
    AnsweredBy.SCREENING: "The call is being screened",
    AnsweredBy.FAX: "A fax machine has answered",
    AnsweredBy.HOLD: "A waiting line has answered",
    AnsweredBy.SILENCE: "Nobody speaks",
    AnsweredBy.UNKNOWN: "It is not clear who has answered",
}


@dataclass(frozen=True, slots=True)
class SensePorts:
    """What follows from what was heard. None of these may block.

    `inform`: a note for the AI that asks for no answer; `pause`: on hold, neither audio to the AI nor words from it;
    `listen`: audio to the AI again (or not), still no words; `resume`: talk, with a note; `end`: for this reason.
    """

    note: Note
    inform: Callable[[str], None]
    beep: Callable[[], None]
    pause: Callable[[], None]
    listen: Callable[[bool], None]
    resume: Callable[[str], None]
    end: Callable[[str], None]


class CallSenses:
    """One per call. `hear` gets the callee's audio, `heard_words` what was recognised of it; `close` at the call's end:
    nothing is told any more."""

    def __init__(self, ports: SensePorts, limits: HoldLimits, measure: Measure) -> None:
        self._ports = ports
        self._ears = LineEars(ports.note, self._signal, measure)
        self._answer = AnswerWatch()
        self._hold = HoldWatch(limits)
        self._held_since_ms = 0
        self.hear = self._ears.hear
        self.close = self._ears.rest

    @property
    def on_hold(self) -> bool:
        """Nothing may be said: nobody would hear it."""
        return self._hold.on_hold

    @property
    def held_ms(self) -> int:
        """How long the call was on hold, all holds together."""
        return self._hold.held_ms

    def heard_words(self, words: str, now_ms: int) -> None:
        """What the callee was understood to say."""
        self._answer.heard_words(words)
        self._hold.heard_words(words, now_ms)
        if asks_to_hold(words):
            self._ears.listen(ASKED_LISTEN_MS)

    def check(self, now_ms: int, *, we_speak: bool) -> None:
        """Every 100 ms or so."""
        if self.on_hold:
            self._ears.listen()
        sound = self._ears.facts
        if sound is None:
            return
        if now_ms < LISTEN_MS and (verdict := self._answer.check(now_ms, sound)):
            self._tell(verdict)
        facts = HoldFacts(now_ms, sound.music, sound.ringing, sound.voice, we_speak)
        if act := self._hold.check(facts):
            self._carry_out(act, sound, now_ms)

    # -- inside

    def _signal(self, signal: Signal) -> None:
        self._answer.heard_signal(signal)
        if signal is Signal.BEEP and not self.on_hold:
            self._ports.beep()
        elif signal in (Signal.FAX_ANSWERING, Signal.FAX_CALLING):
            self._ports.end("fax")

    def _tell(self, verdict: Verdict) -> None:
        who = verdict.answered_by
        confidence = round(verdict.confidence, 2)
        detail = f"{_WHO[who]}: {verdict.because}."
        self._ports.note(ANSWERED_BY, detail, answered_by=who.value, confidence=confidence)
        if verdict.sure and (told := ANSWERED_NOTES.get(who.value)):
            self._ports.inform(told)
        if verdict.sure and who is AnsweredBy.HUMAN:
            self._ears.rest()

    def _carry_out(self, act: HoldAct, sound: SoundFacts, now_ms: int) -> None:
        match act:
            case HoldAct.PAUSE:
                self._held_since_ms = now_ms
                why = "music is playing" if sound.music else "it rings" if sound.ringing else "we were asked to wait"
                self._ports.note("call.on_hold", f"The call is on hold: {why}.", at_ms=now_ms)
                self._ports.pause()
            case HoldAct.LISTEN:
                self._ports.listen(True)
            case HoldAct.PAUSE_AGAIN:
                self._ports.listen(False)
            case HoldAct.RESUME:
                self._off_hold(now_ms)
                self._ports.resume(HOLD_ENDED_NOTE)
            case HoldAct.GIVE_UP_TIME | HoldAct.GIVE_UP_MONEY:
                self._off_hold(now_ms, given_up=True)
                self._ports.end("hold_too_long" if act is HoldAct.GIVE_UP_TIME else "hold_too_dear")

    def _off_hold(self, now_ms: int, *, given_up: bool = False) -> None:
        waited_ms = now_ms - self._held_since_ms
        what = "Nobody came back" if given_up else "Somebody is back"
        detail = f"{what} after {waited_ms / 1000:.0f} s on hold."
        self._ports.note("call.off_hold", detail, ms=waited_ms, given_up=given_up)
