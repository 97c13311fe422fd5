"""The tones of the telephone in the callee's sound: a mailbox's beep, ringback, busy, special information, fax.

Owns how stretches of tone become a named signal; pure, one block of 100 ms at a time. A beep is told only after silence
has confirmed it: during the beep, or between two of them, it is not yet our turn. `who_answered` judges what it means;
the live call speaks to a mailbox when a beep is told.
Frequencies and cadences: ITU-T E.180 (call progress, special information tone), T.30 §4 (CNG 1,100 Hz of 0.5 s every
3.5 s, CED 2,100 Hz of 2.6 to 4 s).
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise, takewhile
from statistics import median
from typing import Final

from opendeep.audio_processing_service.line_sound import BLOCK_MS, FRAME_MS, FRAMES, PURE_SHARE, Lobe, SoundBlock

TONE_DBFS: Final = -42.0  # a quieter tone is crosstalk
SAME_TONE_HZ: Final = 160.0  # from block to block: a beep may fall by 1.5 kHz a second
ACTIVE_DB: Final = 8.0  # a 20 ms frame so far below its block's loudest is not part of the tone
EDGE_SHARE: Final = 0.65  # of the power, where a tone begins or ends within the block: the window smears it
BRIDGED_MS: Final = 30  # a shorter hole does not end a tone

BEEP_HZ: Final = (385.0, 2_015.0)
BEEP_MS: Final = (120, 1_600)  # 150 ms and more of real tone: up to 30 ms fall to the frames at its edges
BEEP_SPREAD_HZ: Final = 14.0  # of one tone; 440 + 480 Hz have 20, 400 + 450 Hz 25. A gliding one has more, and moves
GLIDE_HZ: Final = 40.0
STEADY_HZ: Final = 14.0
FLAT_DB: Final = 4.0  # between the loudest and the softest inner frame; speech moves more
MAX_BEEPS: Final = 3
CONFIRM_MS: Final = 350
CONFIRM_CALL_PROGRESS_MS: Final = 750  # a tone of 380 to 500 Hz may be the first of a busy tone
CALL_PROGRESS_HZ: Final = (380.0, 500.0)
LONGEST_LOW_BEEP_MS: Final = 900  # of 380 to 500 Hz: longer is the first ring of a transfer
SPOKEN_DB: Final = 12.0  # below the tone: a softer rest of the line is noise

RINGBACK_ON_MS: Final = (300, 2_400)
RINGBACK_CYCLE_MS: Final = (2_300, 6_800)
RINGBACK_LEAST_MS: Final = 700  # of a ring, double rings counted as one
BUSY_HZ: Final = (380.0, 640.0)
BUSY_ON_MS: Final = (150, 650)
BUSY_TIMES: Final = 3
SIT_HZ: Final = (950.0, 1_400.0, 1_800.0)
SIT_SLACK_HZ: Final = 45.0
CNG_HZ: Final = 1_100.0
CNG_MS: Final = (380, 620)
GREETING_BLOCKS: Final = 3  # of other sound before the tone: somebody greeted
CNG_CYCLE_MS: Final = (3_000, 4_000)
CED_HZ: Final = 2_100.0
CED_MS: Final = 1_000
FAX_SLACK_HZ: Final = 25.0


MAX_RUN: Final = 8
MAX_DETAIL: Final = 40  # blocks


class Signal(StrEnum):
    """What a tone, or a pattern of tones, says."""

    BEEP = "beep"  # record now; also double, triple and falling ones
    RINGBACK = "ringback"
    BUSY = "busy"
    SPECIAL_INFORMATION = "special_information"  # three rising tones: the number cannot be reached
    FAX_CALLING = "fax_calling"  # CNG
    FAX_ANSWERING = "fax_answering"  # CED


@dataclass(frozen=True, slots=True)
class ToneHeard:
    """A signal; `start_ms` and `end_ms` on the meter's clock, `hz` of its (first) tone. `told_ms`: when it was sure."""

    signal: Signal
    hz: float
    start_ms: int
    end_ms: int
    told_ms: int


@dataclass(frozen=True, slots=True)
class _Part:
    """The tone within one block, to 20 ms. `whole`: it fills the block."""

    start_ms: int
    end_ms: int
    levels: tuple[float, ...]

    @property
    def whole(self) -> bool:
        return self.end_ms - self.start_ms == BLOCK_MS


@dataclass(slots=True)
class _Stretch:
    """One uninterrupted tone. Details of at most `MAX_DETAIL` blocks are kept: nothing longer is a pattern."""

    start_ms: int
    end_ms: int
    hz: list[float] = field(default_factory=list)
    spread_hz: float = 0.0
    pure: bool = True
    levels: list[float] = field(default_factory=list)

    def add(self, part: _Part, lobe: Lobe) -> None:
        self.end_ms = part.end_ms
        self.pure = self.pure and lobe.share >= (PURE_SHARE if part.whole else EDGE_SHARE)
        if part.whole:  # the edges of a tone say little about its spectrum
            self.spread_hz = max(self.spread_hz, lobe.spread_hz)
        if len(self.hz) < MAX_DETAIL:
            self.hz.append(lobe.hz)
            self.levels += part.levels

    @property
    def duration_ms(self) -> int:
        return self.end_ms - self.start_ms

    @property
    def centre_hz(self) -> float:
        return median(self.hz)

    def is_beep(self) -> bool:
        """One tone, even in level, steady or gliding one way."""
        if not self.pure or not _within(self.duration_ms, BEEP_MS) or not _within(self.centre_hz, BEEP_HZ):
            return False
        if self.duration_ms > LONGEST_LOW_BEEP_MS and _within(self.centre_hz, CALL_PROGRESS_HZ):
            return False
        glides = abs(self.hz[-1] - self.hz[0]) >= GLIDE_HZ
        inner = self.levels[1:-1] or self.levels
        return (glides or self.spread_hz <= BEEP_SPREAD_HZ) and self._one_way() and max(inner) - min(inner) <= FLAT_DB

    def _one_way(self) -> bool:
        steps = [later - earlier for earlier, later in pairwise(self.hz)]
        return all(step <= STEADY_HZ for step in steps) or all(step >= -STEADY_HZ for step in steps)

    def is_steady(self, hz: float, slack_hz: float) -> bool:
        return self.pure and all(abs(found - hz) <= slack_hz for found in self.hz)


class ToneDetector:
    """Fed with every block in order. A signal that goes on (ringback, busy) is told once, a beep each time."""

    def __init__(self) -> None:
        self._stretch: _Stretch | None = None  # sounding now
        self._run: list[_Stretch] = []  # tones since the last confirmed pause; at most MAX_RUN
        self._rings: deque[tuple[int, int]] = deque(maxlen=2)  # starts and lengths of what may be ringback
        self._cng: int | None = None  # the start of the last tone like CNG
        self._speech_blocks = 0
        self._told: set[Signal] = set()

    @property
    def sounding(self) -> bool:
        """A tone sounds, or has not been judged yet: not the moment to speak."""
        return self._stretch is not None or bool(self._run)

    def receive(self, block: SoundBlock) -> ToneHeard | None:
        """Take the next block. At most one signal is told for each."""
        lobe = _tone_of(block)
        if lobe is None:
            self._end_stretch()
            return self._judge_pause(block)
        for part in _parts(block):
            self._extend(part, lobe)
        return self._judge_sounding(block.end_ms)

    # -- stretches

    def _extend(self, part: _Part, lobe: Lobe) -> None:
        stretch = self._stretch
        if stretch is not None:
            apart = part.start_ms - stretch.end_ms > BRIDGED_MS or abs(lobe.hz - stretch.hz[-1]) > SAME_TONE_HZ
            if apart:
                self._end_stretch()
        if self._stretch is None:
            self._stretch = _Stretch(part.start_ms, part.end_ms)
        self._stretch.add(part, lobe)

    def _end_stretch(self) -> None:
        if self._stretch is not None:
            self._run = [*self._run, self._stretch][-MAX_RUN:]
            self._stretch = None

    # -- while a tone sounds

    def _judge_sounding(self, now_ms: int) -> ToneHeard | None:
        stretch = self._stretch
        if stretch is not None and stretch.duration_ms >= CED_MS and stretch.is_steady(CED_HZ, FAX_SLACK_HZ):
            return self._tell_once(Signal.FAX_ANSWERING, stretch, stretch, now_ms)
        return None

    # -- when it is quiet, or something else sounds

    def _judge_pause(self, block: SoundBlock) -> ToneHeard | None:
        if not self._run:
            self._speech_blocks += block.level_dbfs > TONE_DBFS
            return None
        first, last = self._run[0], self._run[-1]
        if self._is_busy():
            return self._tell_once(Signal.BUSY, first, last, block.end_ms)
        spoken = sorted(block.frames_dbfs)[FRAMES // 2] > max(last.levels) - SPOKEN_DB
        if spoken:
            self._run.clear()  # speech goes on at once: that was part of it
            self._speech_blocks += 1
            return None
        call_progress = _within(last.centre_hz, CALL_PROGRESS_HZ) or not last.pure
        if block.end_ms - last.end_ms < (CONFIRM_CALL_PROGRESS_MS if call_progress else CONFIRM_MS):
            return None
        run, self._run = self._run, []
        return self._judge_run(run, block.end_ms)

    def _judge_run(self, run: list[_Stretch], now_ms: int) -> ToneHeard | None:
        """The tones between two confirmed pauses."""
        first, last = run[0], run[-1]
        if _is_special_information(run):
            return self._tell_once(Signal.SPECIAL_INFORMATION, first, last, now_ms)
        if self._is_ringback(run):
            return self._tell_once(Signal.RINGBACK, first, last, now_ms)
        if len(run) == 1 and first.is_steady(CNG_HZ, FAX_SLACK_HZ) and _within(first.duration_ms, CNG_MS):
            before, self._cng = self._cng, first.start_ms
            again = before is not None and _within(first.start_ms - before, CNG_CYCLE_MS)
            if again or self._speech_blocks < GREETING_BLOCKS:  # nobody greeted, or it comes back: no mailbox
                return self._tell_once(Signal.FAX_CALLING, first, last, now_ms)
        beeps = list(takewhile(_Stretch.is_beep, reversed(run)))  # before them a vowel may have rung like a tone
        if not beeps or len(beeps) > MAX_BEEPS:
            return None
        return ToneHeard(Signal.BEEP, beeps[-1].centre_hz, beeps[-1].start_ms, last.end_ms, now_ms)

    def _is_busy(self) -> bool:
        """Three tones of the same length, with pauses as long."""
        if len(self._run) < BUSY_TIMES:
            return False
        last = self._run[-BUSY_TIMES:]
        pauses = [later.start_ms - earlier.end_ms for earlier, later in pairwise(last)]
        even = all(_within(one.duration_ms, BUSY_ON_MS) and _within(one.centre_hz, BUSY_HZ) for one in last)
        return even and all(_within(pause, BUSY_ON_MS) for pause in pauses)

    def _is_ringback(self, run: list[_Stretch]) -> bool:
        """The second ring of a cycle (a double ring is one)."""
        length_ms = run[-1].end_ms - run[0].start_ms
        like = all(_within(one.centre_hz, CALL_PROGRESS_HZ) and _within(one.duration_ms, RINGBACK_ON_MS) for one in run)
        if not like or length_ms < RINGBACK_LEAST_MS:
            return False
        self._rings.append((run[0].start_ms, length_ms))
        if len(self._rings) < 2:
            return False
        (start_a, length_a), (start_b, length_b) = self._rings
        return _within(start_b - start_a, RINGBACK_CYCLE_MS) and abs(length_a - length_b) <= 2 * BLOCK_MS

    def _tell_once(self, signal: Signal, first: _Stretch, last: _Stretch, now_ms: int) -> ToneHeard | None:
        if signal in self._told:
            return None
        self._told.add(signal)
        return ToneHeard(signal, first.centre_hz, first.start_ms, last.end_ms, now_ms)


def _tone_of(block: SoundBlock) -> Lobe | None:
    """The tone of a block, or None; of two tones together (350 + 440, 480 + 620) the stronger one."""
    first = block.first
    if first is None or block.level_dbfs < TONE_DBFS:
        return None
    both = first.share + (block.second.share if block.second is not None else 0.0)
    return first if both >= PURE_SHARE else None


def _parts(block: SoundBlock) -> list[_Part]:
    """Where the tone is within its block; a hole of two frames and more parts two tones."""
    floor = max(block.frames_dbfs) - ACTIVE_DB
    inside = [number for number, level in enumerate(block.frames_dbfs) if level >= floor]
    starts = [inside[0], *(later for earlier, later in pairwise(inside) if later - earlier > 2)]
    ends = [*(earlier for earlier, later in pairwise(inside) if later - earlier > 2), inside[-1]]
    return [
        _Part(
            block.start_ms + start * FRAME_MS, block.start_ms + (end + 1) * FRAME_MS, block.frames_dbfs[start : end + 1]
        )
        for start, end in zip(starts, ends, strict=True)
    ]


def _is_special_information(run: list[_Stretch]) -> bool:
    """950, 1,400 and 1,800 Hz one after the other, somewhere in the run."""
    order = [
        number for one in run for number, hz in enumerate(SIT_HZ) if any(abs(f - hz) <= SIT_SLACK_HZ for f in one.hz)
    ]
    return [number for place, number in enumerate(order) if number not in order[:place]] == [0, 1, 2]


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]
