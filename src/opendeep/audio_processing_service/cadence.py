"""How the callee talks, told from the loudness of every 20 ms: when a voice began, the greeting's length, its pauses.

Owns telling sound from the line's own noise, and the first greeting's extent. What the words are, and whether the sound
is a tone or music, is not known here; `who_answered` puts it together. Pure; fed with the blocks of `line_sound`.
"""

from dataclasses import dataclass
from typing import Final

from opendeep.audio_processing_service.line_sound import FRAME_MS, SoundBlock

LEAST_DBFS: Final = -45.0  # softer is never a voice
ABOVE_NOISE_DB: Final = 10.0
LOUDEST_NOISE_DBFS: Final = -38.0  # a line whose noise is louder than that is a voice
FLOOR_RISE_DB: Final = 0.04  # per frame: 2 dB a second; down it goes at once
LEAST_BURST_MS: Final = 60  # shorter is a click
GREETING_PAUSE_MS: Final = 900  # a pause so long ends the greeting


@dataclass(frozen=True, slots=True)
class CadenceFacts:
    """What is known up to `now_ms`. Before the first voice the greeting's fields are 0 and `greeting_over` is False."""

    now_ms: int
    first_voice_ms: int | None
    greeting_ms: int  # from the first voice to the last one before the pause
    greeting_over: bool
    bursts: int  # stretches of sound in the greeting
    voiced_ms: int  # of sound in the greeting
    longest_pause_ms: int  # inside the greeting
    quiet_ms: int  # since the last sound, or since the beginning


class Cadence:
    """One per call, until it is known who answered."""

    def __init__(self) -> None:
        self._floor_dbfs = LOUDEST_NOISE_DBFS
        self._now_ms = 0
        self._burst_since_ms: int | None = None
        self._first_ms: int | None = None
        self._last_ms = 0  # the end of the last sound
        self._greeting_end_ms = 0
        self._voiced_ms = self._bursts = self._longest_pause_ms = 0
        self._over = False

    def receive(self, block: SoundBlock, *, tone: bool = False) -> None:
        """Take the next block. `tone`: it is one of the network or of a machine, and nobody's voice."""
        for level in block.frames_dbfs:
            if tone:
                self._now_ms += FRAME_MS
                self._be_quiet()
            else:
                self._hear(level)

    @property
    def facts(self) -> CadenceFacts:
        begun = self._first_ms is not None
        return CadenceFacts(
            now_ms=self._now_ms,
            first_voice_ms=self._first_ms,
            greeting_ms=self._greeting_end_ms - (self._first_ms or 0) if begun else 0,
            greeting_over=self._over,
            bursts=self._bursts,
            voiced_ms=self._voiced_ms,
            longest_pause_ms=self._longest_pause_ms,
            quiet_ms=self._now_ms - self._last_ms,
        )

    def _hear(self, level_dbfs: float) -> None:
        start_ms, self._now_ms = self._now_ms, self._now_ms + FRAME_MS
        self._floor_dbfs = min(level_dbfs, self._floor_dbfs + FLOOR_RISE_DB, LOUDEST_NOISE_DBFS)
        if level_dbfs < max(LEAST_DBFS, self._floor_dbfs + ABOVE_NOISE_DB):
            self._be_quiet()
            return
        if self._burst_since_ms is None:
            self._burst_since_ms = start_ms
        if self._now_ms - self._burst_since_ms >= LEAST_BURST_MS:
            self._count(self._burst_since_ms)

    def _be_quiet(self) -> None:
        self._burst_since_ms = None
        quiet_ms = self._now_ms - self._last_ms
        self._over = self._over or (self._first_ms is not None and quiet_ms >= GREETING_PAUSE_MS)

    def _count(self, since_ms: int) -> None:
        """A sound long enough to count goes on."""
        if not self._over:
            new = self._first_ms is None or since_ms >= self._last_ms + FRAME_MS
            if new and self._first_ms is not None:
                self._longest_pause_ms = max(self._longest_pause_ms, since_ms - self._last_ms)
            self._bursts += new
            self._voiced_ms += LEAST_BURST_MS if new else FRAME_MS
            self._first_ms = since_ms if self._first_ms is None else self._first_ms
            self._greeting_end_ms = self._now_ms
        self._last_ms = self._now_ms
