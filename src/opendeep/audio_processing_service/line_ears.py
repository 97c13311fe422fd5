"""Listens to the callee's line: tones, music, voices. Closely at the beginning of a call and when something is afoot.

Owns when it is listened closely and when only the loudness is watched (a tenth of the work):
a line that is loud for seconds on end, as music is and talk is not, is listened to again, and left alone for a while
when that was in vain. What tones and music sound like is known to `tone_detection`, `music_detection` and `cadence`;
what they mean for the call to `call_senses`.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from opendeep.audio_processing_service.cadence import Cadence, CadenceFacts
from opendeep.audio_processing_service.line_sound import BLOCK_BYTES, BLOCK_MS, SoundBlock, loudness_dbfs
from opendeep.audio_processing_service.music_detection import AUDIBLE_DBFS, NETWORK_SHARE, MusicDetector
from opendeep.audio_processing_service.shared_meter import Measure
from opendeep.audio_processing_service.tone_detection import Signal, ToneDetector, ToneHeard

LISTEN_MS: Final = 45_000  # from the beginning; greetings of mailboxes are shorter
LOUD_BLOCKS: Final = 21  # of the last `LOOSE_BLOCKS`: no talk has so few pauses
LOOSE_BLOCKS: Final = 30
LOOK_AGAIN_MS: Final = 10_000
IN_VAIN_MS: Final = 30_000  # a loud line that is no music is left alone for so long
VOICE_FADES_MS: Final = 400  # shorter is a pause between words
RINGING_MS: Final = 6_000  # after the end of a ring; the next one follows within
BYTES_PER_MS: Final = 16
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


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """The callee's line now. `voice`: sound that is neither music nor a tone; `ringing`: ringback after the answer."""

    cadence: CadenceFacts
    music: bool
    ringing: bool
    voice: bool


class LineEars:
    """One per call. `signal` is told each tone that was named; `measure` does so at once, or together with others."""

    def __init__(self, note: Note, signal: Callable[[Signal], None], measure: Measure) -> None:
        self._note, self._signal, self._measure = note, signal, measure
        self._now_ms = 0  # of what was heard
        self._close_until_ms = LISTEN_MS
        self._pcm = bytearray()  # of less than one block
        self._leave_until_ms = 0
        self._loud: deque[bool] = deque(maxlen=LOOSE_BLOCKS)
        self._begin()

    def _begin(self) -> None:
        """Prick up the ears: nothing of what was heard before counts."""
        self._pcm.clear()
        self._since_ms = self._block_ms = self._now_ms  # where this listening, and its next block, begin
        self._tones = ToneDetector()
        self._music = MusicDetector()
        self._cadence = Cadence()
        self._rang = False
        self._tone_ms = 0  # when the last tone was heard
        self._listening = True

    @property
    def facts(self) -> SoundFacts | None:
        """What is known of the line; None while it is not listened closely."""
        if not self._listening:
            return None
        cadence, music = self._cadence.facts, self._music.playing
        sounds = cadence.first_voice_ms is not None and cadence.quiet_ms < VOICE_FADES_MS
        ringing = self._rang and self._now_ms - self._tone_ms < RINGING_MS
        return SoundFacts(cadence, music, ringing, voice=sounds and not music)

    def listen(self, for_ms: int = LOOK_AGAIN_MS) -> None:
        """Listen closely, for so long at least."""
        self._close_until_ms = max(self._close_until_ms, self._now_ms + for_ms)
        if not self._listening:
            self._begin()

    def rest(self) -> None:
        """Nothing is expected of the line any more: only its loudness is watched, until it is listened to again."""
        self._close_until_ms = self._now_ms
        self._listening = False

    def hear(self, pcm: bytes) -> None:
        """Audio of the callee, s16le at 8 kHz."""
        self._now_ms += len(pcm) // BYTES_PER_MS
        self._pcm += pcm
        if len(self._pcm) < BLOCK_BYTES:
            return
        if not self._listening:
            return self._hear_loosely()
        while len(self._pcm) >= BLOCK_BYTES:
            self._measure(bytes(self._pcm[:BLOCK_BYTES]), self._block_ms, self._measured)
            del self._pcm[:BLOCK_BYTES]
            self._block_ms += BLOCK_MS

    def _measured(self, block: SoundBlock) -> None:
        """What a block sounds like; one from before this listening, or told after its end, counts for nothing."""
        if not self._listening or block.start_ms < self._since_ms:
            return
        self._music.receive(block)
        tone = _is_tone(block)
        self._cadence.receive(block, tone=tone)
        if tone:
            self._tone_ms = block.end_ms
        if heard := self._tones.receive(block):
            self._report(heard)
        if self._music.playing:
            self._leave_until_ms = 0
            self.listen()
        elif self._now_ms >= self._close_until_ms:
            self._listening = False

    def _hear_loosely(self) -> None:
        self._loud.append(loudness_dbfs(bytes(self._pcm)) >= AUDIBLE_DBFS)
        self._pcm.clear()
        if sum(self._loud) >= LOUD_BLOCKS and self._now_ms >= self._leave_until_ms:
            self._loud.clear()
            self._leave_until_ms = self._now_ms + LOOK_AGAIN_MS + IN_VAIN_MS
            self.listen()

    def _report(self, heard: ToneHeard) -> None:
        at, length = heard.start_ms, heard.end_ms - heard.start_ms
        detail = f"{_NAMES[heard.signal]} was heard ({heard.hz:.0f} Hz)."
        self._note("call.tone_heard", detail, signal=heard.signal.value, hz=round(heard.hz), at_ms=at, ms=length)
        if heard.signal is Signal.RINGBACK:
            self._rang = True
        self._signal(heard.signal)


def _is_tone(block: SoundBlock) -> bool:
    shares = (lobe.share for lobe in (block.first, block.second) if lobe is not None)
    return sum(shares) >= NETWORK_SHARE
