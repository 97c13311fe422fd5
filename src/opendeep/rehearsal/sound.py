"""Measuring sound by its content: where there is any, how loud it is, tones, a known sentence, delays, clipping.

Pure. All sound is mono at 8,000 Hz as `Samples` (16 bit); times are milliseconds from its start, levels RMS in dBFS
(a full-scale sine is -3). Knows nothing of calls.
"""

import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

RATE_HZ: Final = 8_000
FRAME_MS: Final = 20
FRAME_SAMPLES: Final = RATE_HZ * FRAME_MS // 1000
FULL_SCALE: Final = 32_768.0
SILENT_DBFS: Final = -120.0  # what digital silence measures as
AUDIBLE_DBFS: Final = -50.0
CLIPPED_AT: Final = 32_700


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time."""

    from_ms: int
    to_ms: int

    @property
    def ms(self) -> int:
        return self.to_ms - self.from_ms

    def overlap_ms(self, other: "Span") -> int:
        """For how long both go on; 0 when they do not meet."""
        return max(0, min(self.to_ms, other.to_ms) - max(self.from_ms, other.from_ms))

    def covers(self, at_ms: float) -> bool:
        return self.from_ms <= at_ms < self.to_ms


def read_stereo(path: Path) -> tuple[Samples, Samples]:
    """The left and right channel of a WAV file. Raises ValueError unless it is stereo, 16 bit, 8,000 Hz."""
    try:
        with wave.open(str(path), "rb") as file:
            shape = file.getnchannels(), file.getsampwidth() * 8, file.getframerate()
            if shape != (2, 16, RATE_HZ):
                raise ValueError(
                    f"{path.name} has {shape[0]} channel(s), {shape[1]} bit, {shape[2]} Hz; needed is 2, 16, {RATE_HZ}"
                )
            both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16).reshape(-1, 2)
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path.name} cannot be read as WAV: {error}") from error
    return both[:, 0].copy(), both[:, 1].copy()


def duration_ms(sound: Samples) -> int:
    return len(sound) * 1000 // RATE_HZ


def part(sound: Samples, span: Span) -> Samples:
    """What of the sound lies in the span."""
    return sound[max(0, span.from_ms) * RATE_HZ // 1000 : max(0, span.to_ms) * RATE_HZ // 1000]


# -- level


def level_dbfs(sound: Samples) -> float:
    """RMS over all of it."""
    return _dbfs(float(np.sqrt(np.mean(np.square(sound / FULL_SCALE))))) if len(sound) else SILENT_DBFS


def frame_levels(sound: Samples) -> npt.NDArray[np.float64]:
    """RMS (1 is full scale) of each 20 ms; a rest at the end is left out."""
    whole = len(sound) // FRAME_SAMPLES * FRAME_SAMPLES
    frames = sound[:whole].reshape(-1, FRAME_SAMPLES) / FULL_SCALE
    levels: npt.NDArray[np.float64] = np.sqrt(np.mean(np.square(frames), axis=1))
    return levels


def clipped_samples(sound: Samples) -> int:
    """Samples at the very top or bottom of the scale with a neighbour there; a single one may be an honest peak."""
    at_limit = np.abs(sound.astype(np.int32)) >= CLIPPED_AT
    beside = np.zeros_like(at_limit)
    beside[1:] |= at_limit[:-1]
    beside[:-1] |= at_limit[1:]
    return int(np.count_nonzero(at_limit & beside))


# -- where there is sound


def audible_spans(
    sound: Samples, *, above_dbfs: float = AUDIBLE_DBFS, join_ms: int = 200, at_least_ms: int = 40
) -> list[Span]:
    """The stretches louder than the level; gaps shorter than `join_ms` do not divide them."""
    loud = frame_levels(sound) > 10 ** (above_dbfs / 20)
    found = [Span(start * FRAME_MS, end * FRAME_MS) for start, end in _runs(loud)]
    return [span for span in joined(found, join_ms) if span.ms >= at_least_ms]


def joined(spans: Sequence[Span], gap_ms: int) -> list[Span]:
    """Spans in their order, those less than `gap_ms` apart as one."""
    together: list[Span] = []
    for span in spans:
        if together and span.from_ms - together[-1].to_ms < gap_ms:
            together[-1] = Span(together[-1].from_ms, max(span.to_ms, together[-1].to_ms))
        else:
            together.append(span)
    return together


def silent_spans(sound: Samples, *, below_dbfs: float = AUDIBLE_DBFS, at_least_ms: int = 100) -> list[Span]:
    """The stretches in which nothing is louder than the level; both ends of the sound count too."""
    quiet = frame_levels(sound) <= 10 ** (below_dbfs / 20)
    found = [Span(start * FRAME_MS, end * FRAME_MS) for start, end in _runs(quiet)]
    return [span for span in found if span.ms >= at_least_ms]


def silent_after(sound: Samples, from_ms: int, *, for_ms: int, above_dbfs: float = AUDIBLE_DBFS) -> int | None:
    """The first moment from `from_ms` on at which nothing is heard for `for_ms`; the sound's end counts as silence.

    None when the sound is shorter than `from_ms`.
    """
    levels = frame_levels(sound)
    if from_ms // FRAME_MS > len(levels):
        return None
    threshold = 10 ** (above_dbfs / 20)
    quiet = 0
    for index in range(from_ms // FRAME_MS, len(levels)):
        quiet = quiet + 1 if levels[index] <= threshold else 0
        if quiet * FRAME_MS >= for_ms:
            return max(from_ms, (index + 1 - quiet) * FRAME_MS)
    return max(from_ms, (len(levels) - quiet) * FRAME_MS)


# -- content


def tone_spans(sound: Samples, hz: float, *, share: float = 0.6, at_least_ms: int = 60) -> list[Span]:
    """The stretches in which at least this share of the power is at one frequency."""
    whole = len(sound) // FRAME_SAMPLES * FRAME_SAMPLES
    frames = sound[:whole].reshape(-1, FRAME_SAMPLES) / FULL_SCALE
    phase = np.exp(-2j * np.pi * hz * np.arange(FRAME_SAMPLES) / RATE_HZ)
    power = np.sum(np.square(frames), axis=1)
    at_hz = np.abs(frames @ phase) ** 2 * 2 / FRAME_SAMPLES
    pure = (power > FRAME_SAMPLES * 10 ** (AUDIBLE_DBFS / 10)) & (at_hz >= share * power)
    found = [Span(start * FRAME_MS, end * FRAME_MS) for start, end in _runs(pure)]
    return [span for span in found if span.ms >= at_least_ms]


def find_sound(known: Samples, received: Samples) -> tuple[float, float]:
    """Where a known sound is best found: its start in ms, and how alike it is (1: the same, 0: unrelated).

    Normalised cross-correlation: level does not matter, µ-law costs little. Raises ValueError when `received` is
    shorter than `known`, or one of them is silent.
    """
    pattern, field = known.astype(np.float64), received.astype(np.float64)
    if len(field) < len(pattern) or not np.any(pattern) or not np.any(field):
        raise ValueError("cannot look for a sound in something shorter than it, nor in silence")
    size = 1 << (len(field) + len(pattern) - 1).bit_length()
    product = np.fft.rfft(field, size) * np.conj(np.fft.rfft(pattern, size))
    matched = np.fft.irfft(product, size)[: len(field) - len(pattern) + 1]
    sums = np.concatenate([[0.0], np.cumsum(np.square(field))])
    energy = sums[len(pattern) :] - sums[: len(field) - len(pattern) + 1]
    scores = matched / np.sqrt(np.maximum(energy, 1e-6 * float(np.max(energy))) * float(np.sum(np.square(pattern))))
    best = int(np.argmax(scores))
    return best * 1000 / RATE_HZ, float(scores[best])


def delay_ms(sent: Samples, received: Samples) -> float:
    """How much later `received` carries what `sent` carries; negative when it is earlier."""
    size = 1 << (len(sent) + len(received) - 1).bit_length()
    product = np.fft.rfft(received.astype(np.float64), size) * np.conj(np.fft.rfft(sent.astype(np.float64), size))
    shift = int(np.argmax(np.fft.irfft(product, size)))
    return (shift if shift < len(received) else shift - size) * 1000 / RATE_HZ


def _dbfs(rms: float) -> float:
    return max(SILENT_DBFS, 20 * float(np.log10(rms))) if rms > 0 else SILENT_DBFS


def _runs(flags: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Start and end (exclusive) of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return ((int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True))
