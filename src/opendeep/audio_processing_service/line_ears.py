"""Listens to the callee's line for tones at the beginning of a call: a mailbox's beep, fax, busy, ringback.

Owns how long it is listened, what the timeline says about a tone, and which tone is whose matter: a beep is told to
`beep`, a fax machine to `fax`. Hearing is `tone_detection`'s, what is done about it the call's. 0.07 ms
of work for 100 ms of sound, therefore only in the first `LISTEN_MS`.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

from opendeep.audio_processing_service.line_sound import SoundMeter
from opendeep.audio_processing_service.tone_detection import Signal, ToneDetector, ToneHeard

LISTEN_MS: Final = 45_000  # since the first audio; greetings of mailboxes are shorter
_NAMES: Final = {
    Signal.BEEP: "A beep",
    Signal.RINGBACK: "Ringing after the answer",
    Signal.BUSY: "A busy tone",
    Signal.SPECIAL_INFORMATION: "The tone of a number that cannot be reached",
    Signal.FAX_CALLING: "The calling tone of a fax machine",
    Signal.FAX_ANSWERING: "The answering tone of a fax machine",
}


class Note(Protocol):
    """Writes a line of the call's timeline."""

    def __call__(self, kind: str, detail: str, **data: Any) -> None: ...


class LineEars:
    """One per call. `beep` is called after each confirmed beep, `fax` at most once for each kind of fax tone."""

    def __init__(self, note: Note, beep: Callable[[], None], fax: Callable[[], None]) -> None:
        self._note, self._beep, self._fax = note, beep, fax
        self._meter = SoundMeter()
        self._tones = ToneDetector()
        self._open = True

    def hear(self, pcm: bytes) -> None:
        """Audio of the callee, s16le at 8 kHz."""
        if not self._open:
            return
        for block in self._meter.receive(pcm):
            if heard := self._tones.receive(block):
                self._report(heard)
            self._open = block.end_ms < LISTEN_MS

    def _report(self, heard: ToneHeard) -> None:
        at, length = heard.start_ms, heard.end_ms - heard.start_ms
        detail = f"{_NAMES[heard.signal]} was heard ({heard.hz:.0f} Hz)."
        self._note("call.tone_heard", detail, signal=heard.signal.value, hz=round(heard.hz), at_ms=at, ms=length)
        if heard.signal is Signal.BEEP:
            self._beep()
        elif heard.signal in (Signal.FAX_ANSWERING, Signal.FAX_CALLING):
            self._fax()
