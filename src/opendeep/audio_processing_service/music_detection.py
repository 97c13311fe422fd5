"""Music on the callee's line, told from speech: notes stand still for tenths of a second, voices never do.

Owns one judgement over the last five seconds. Tones of the network are `tone_detection`'s; whether music means hold is
`hold_watch`'s. Pure; fed with the blocks of `line_sound`.
"""

from collections import deque
from typing import Final

from opendeep.audio_processing_service.line_sound import BLOCK_MS, Lobe, SoundBlock

WINDOW_BLOCKS: Final = 50  # 5 s
LEAST_BLOCKS: Final = 40  # before that there is no judgement
HELD_HZ: Final = 7.0  # a note stays within; a semitone at 250 Hz is 15 Hz
HELD_SHARE: Final = 0.12  # of the power: softer lobes are chance
BEGINS_AT: Final = 0.42  # of the window's blocks hold a note of the block before
ENDS_AT: Final = 0.32
SOUNDING_PART: Final = 0.7  # of the window is louder than `AUDIBLE_DBFS`
AUDIBLE_DBFS: Final = -45.0
BREAK_BLOCKS: Final = 10  # a second of other sound ends the music at once: somebody may be back
BROKEN: Final = 0.5  # of the notes that the tune held before
NETWORK_SHARE: Final = 0.97  # all the power in one lobe or two: a tone of the network, not an instrument


class MusicDetector:
    """`playing` begins some seconds after the music, and ends a second after it. Keeps 50 pairs of flags."""

    def __init__(self) -> None:
        self._held: deque[bool] = deque(maxlen=WINDOW_BLOCKS)
        self._audible: deque[bool] = deque(maxlen=WINDOW_BLOCKS)
        self._held_count = self._audible_count = 0  # of both, kept rather than added up ten times a second
        self._before: tuple[Lobe, ...] = ()
        self.playing = False

    @property
    def held_part(self) -> float:
        """The part of the window in which a note stood still, 0 to 1."""
        return self._held_count / len(self._held) if self._held else 0.0

    @property
    def listened_ms(self) -> int:
        """How much of the window is filled."""
        return len(self._held) * BLOCK_MS

    def receive(self, block: SoundBlock) -> None:
        """Take the next block."""
        lobes = tuple(lobe for lobe in (block.first, block.second) if lobe is not None and lobe.share >= HELD_SHARE)
        network = sum(lobe.share for lobe in lobes) >= NETWORK_SHARE
        held = any(abs(lobe.hz - earlier.hz) <= HELD_HZ for lobe in lobes for earlier in self._before)
        self._remember(held and not network, block.level_dbfs >= AUDIBLE_DBFS)
        self._before = lobes
        self.playing = self._judge()
        if self.playing and self._broken():
            self._held.clear()
            self._audible.clear()
            self._held_count = self._audible_count = 0
            self.playing = False

    def _remember(self, held: bool, audible: bool) -> None:
        if len(self._held) == WINDOW_BLOCKS:
            self._held_count -= self._held[0]
            self._audible_count -= self._audible[0]
        self._held.append(held)
        self._audible.append(audible)
        self._held_count += held
        self._audible_count += audible

    def _judge(self) -> bool:
        if len(self._held) < LEAST_BLOCKS:
            return False
        sounding = self._audible_count >= SOUNDING_PART * len(self._audible)
        return sounding and self.held_part >= (ENDS_AT if self.playing else BEGINS_AT)

    def _broken(self) -> bool:
        """The last second sounds, but not like the tune before it."""
        lately, audible = list(self._held)[-BREAK_BLOCKS:], list(self._audible)[-BREAK_BLOCKS:]
        return sum(audible) >= BREAK_BLOCKS / 2 and sum(lately) <= BROKEN * self.held_part * BREAK_BLOCKS
