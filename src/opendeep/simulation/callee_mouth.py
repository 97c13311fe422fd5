"""What a callee utters, one thing after the other, in 20 ms frames.

Owns the queue of utterances and its playout; which utterance comes next is decided in `callee_script`. Synthesised
lines come from a `LineStore`; a line that is not ready yet is waited for in silence, up to a deadline.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Protocol

from opendeep.simulation.audiosocket_wire import FRAME_BYTES, FRAME_MS, SILENCE_FRAME
from opendeep.simulation.callee_schema import SignalTone, Tone, Voice
from opendeep.simulation.sound import tone
from opendeep.simulation.tunes import music, signal
from opendeep.simulation.witness import MAX_WITNESSED, Sounding, Uttered

MAX_QUEUE = 64
LINE_DEADLINE_MS = 8000
KEY_MS = 120
KEY_GAP_MS = 100
SECOND_BYTES = FRAME_BYTES * 50


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a line, in a voice (None: the synthesiser's default)."""

    text: str
    voice: Voice | None = None


@dataclass(frozen=True, slots=True)
class Play:
    """Play a tone."""

    tone: Tone


@dataclass(frozen=True, slots=True)
class PlaySignal:
    """Play a signal of the network or of a fax machine."""

    signal: SignalTone


@dataclass(frozen=True, slots=True)
class PlayMusic:
    """Play so much of a tune."""

    ms: int
    level_dbfs: float
    seed: int


@dataclass(frozen=True, slots=True)
class Clip:
    """Play a sound that came with the callee file."""

    name: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Stay quiet for so long."""

    ms: int


@dataclass(frozen=True, slots=True)
class Press:
    """Press keys, one after the other."""

    digits: str


@dataclass(frozen=True, slots=True)
class Echo:
    """From now on repeat what is heard (`on`), or stop that."""

    on: bool


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""


Utterance = Say | Play | PlaySignal | PlayMusic | Clip | Pause | Press | Echo | HangUp
SOUNDS: dict[type[Utterance], Sounding] = {
    Say: Sounding.WORDS,
    Play: Sounding.TONE,
    PlaySignal: Sounding.SIGNAL,
    PlayMusic: Sounding.MUSIC,
    Clip: Sounding.CLIP,
}


class LineStore(Protocol):
    """The callee's sounds: s16le at 8 kHz."""

    def get(self, say: Say) -> bytes | None:
        """Return a synthesised line, None while it is not ready."""
        ...

    def clip(self, name: str) -> bytes:
        """Return a sound that came with the callee file."""
        ...


class Mouth:
    """Plays utterances. The queue holds 64; what comes when it is full is dropped and counted."""

    def __init__(self, lines: LineStore) -> None:
        self._lines = lines
        self._queue: deque[Utterance] = deque()
        self._pcm = b""
        self._offset = 0
        self._waited_ms = 0
        self._digits: list[str] = []
        self._now_ms = 0
        self._sounded: list[Uttered] = []
        self.echoing = False
        self.hung_up = False
        self.dropped = 0

    @property
    def idle(self) -> bool:
        """Nothing is being uttered and nothing waits."""
        return not self._queue and self._offset >= len(self._pcm)

    @property
    def uttered(self) -> tuple[Uttered, ...]:
        """What was played up to now, in order; the first 400. Times count the frames pulled."""
        return tuple(self._sounded)

    def add(self, utterance: Utterance) -> None:
        if len(self._queue) >= MAX_QUEUE:
            self.dropped += 1
            return
        self._queue.append(utterance)

    def stop(self) -> None:
        """Drop what is being uttered and everything that waits."""
        self._queue.clear()
        if self._offset < len(self._pcm) and self._sounded and self._sounded[-1].until_ms > self._now_ms:
            last = self._sounded[-1]
            self._sounded[-1] = replace(last, ms=max(0, self._now_ms - last.at_ms))
        self._pcm, self._offset, self._waited_ms = b"", 0, 0

    def take_digits(self) -> list[str]:
        """Return the keys pressed since the last call."""
        digits, self._digits = self._digits, []
        return digits

    def pull(self, heard: bytes) -> bytes:
        """Return the next 20 ms; `heard` is what the other side said in the same 20 ms (for an echo)."""
        if self._offset >= len(self._pcm):
            self._begin_next()
        self._now_ms += FRAME_MS
        if self._offset < len(self._pcm):
            frame = self._pcm[self._offset : self._offset + FRAME_BYTES]
            self._offset += FRAME_BYTES
            return frame if len(frame) == FRAME_BYTES else frame + bytes(FRAME_BYTES - len(frame))
        return heard if self.echoing else SILENCE_FRAME

    def _begin_next(self) -> None:
        """Start utterances until one of them makes a sound, or one has to be waited for."""
        while self._queue and self._offset >= len(self._pcm):
            pcm = self._perform(self._queue[0])
            if pcm is None:
                return
            self._note(self._queue.popleft(), len(pcm))
            self._pcm, self._offset, self._waited_ms = pcm, 0, 0

    def _note(self, utterance: Utterance, length: int) -> None:
        """Remember what sounds from now on, for whoever judges the call."""
        kind = SOUNDS.get(type(utterance))
        if kind is not None and length and len(self._sounded) < MAX_WITNESSED:
            words = utterance.text if isinstance(utterance, Say) else ""
            self._sounded.append(Uttered(self._now_ms, length * FRAME_MS // FRAME_BYTES, kind, words))

    def _perform(self, utterance: Utterance) -> bytes | None:
        """Do one utterance and return its sound (maybe empty), or None when it is not ready."""
        match utterance:
            case Say():
                return self._line(utterance)
            case Play(what):
                return tone(what.hz, what.ms, what.level_dbfs)
            case PlaySignal(what):
                return signal(what.kind, what.times, what.level_dbfs)
            case PlayMusic(ms, level_dbfs, seed):
                return music(ms, level_dbfs, seed)
            case Clip(name):
                return self._lines.clip(name)
            case Pause(ms):
                return bytes(ms // FRAME_MS * FRAME_BYTES)
            case Press(digits):
                return self._press(digits)
            case Echo(on):
                self.echoing = on
            case HangUp():
                self.hung_up = True
        return b""

    def _line(self, say: Say) -> bytes | None:
        pcm = self._lines.get(say)
        if pcm is None and self._waited_ms < LINE_DEADLINE_MS:
            self._waited_ms += FRAME_MS
            return None
        return pcm or b""

    def _press(self, digits: str) -> bytes:
        """Press the first key now; the others follow after its length and a gap."""
        self._digits.append(digits[0])
        if len(digits) > 1:
            self._queue.insert(1, Press(digits[1:]))
        return bytes((KEY_MS + KEY_GAP_MS) // FRAME_MS * FRAME_BYTES)
