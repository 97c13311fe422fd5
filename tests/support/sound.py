"""Checks of sound by content, for every test that hears something. All sound is s16le mono unless said otherwise.

Owns measuring (level, clipping, silence, tones, delay, a known sentence) and the telephone channel that spoils good
speech on purpose: 300-3400 Hz, µ-law and back, white noise. Shares no code with production; numpy only.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

FULL_SCALE = 32768.0
SILENT_DBFS = -120.0
"""What an all-zero signal measures as."""
WINDOW_MS = 20
MULAW_BIAS = 33
MULAW_CLIP = 8158
"""G.711 µ-law works on 14 bits; with its bias the clip is the largest size below 2**13, the end of the last segment."""
BAND_HZ = (300.0, 3400.0)

Samples = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tone:
    """One stretch of a tone; milliseconds from the start of the sound."""

    start_ms: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Gap:
    """One stretch of silence; milliseconds from the start of the sound."""

    start_ms: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Found:
    """Where a known sound was found: the start in ms, and how alike it is (1 = the same shape, 0 = unrelated)."""

    at_ms: float
    likeness: float


def samples_of(pcm: bytes) -> Samples:
    """s16le bytes as floats in [-1, 1)."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64) / FULL_SCALE


def pcm_of(samples: Samples) -> bytes:
    """Floats as s16le bytes, clamped."""
    whole: bytes = np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype("<i2").tobytes()
    return whole


def silence(duration_ms: int, sample_rate: int = 8000) -> bytes:
    """Digital silence."""
    return bytes(2 * (duration_ms * sample_rate // 1000))


def sine(frequency_hz: float, duration_ms: int, *, level_dbfs: float = -12.0, sample_rate: int = 8000) -> bytes:
    """A tone whose peak is at `level_dbfs`."""
    at = np.arange(duration_ms * sample_rate // 1000) / sample_rate
    return pcm_of(10 ** (level_dbfs / 20) * np.sin(2 * np.pi * frequency_hz * at))


# -- level -----------------------------------------------------------------------------------------------------------


def rms_dbfs(pcm: bytes) -> float:
    """RMS over all of it; a full-scale sine is -3.01, digital silence `SILENT_DBFS`."""
    found = samples_of(pcm)
    return _dbfs(float(np.sqrt(np.mean(np.square(found))))) if len(found) else SILENT_DBFS


def peak_dbfs(pcm: bytes) -> float:
    """The largest sample; 0 is full scale."""
    found = samples_of(pcm)
    return _dbfs(float(np.max(np.abs(found)))) if len(found) else SILENT_DBFS


def clipped_samples(pcm: bytes) -> int:
    """Samples in runs of two or more at the very top or bottom of the scale (a single one may be an honest peak)."""
    found = np.frombuffer(pcm, dtype="<i2")
    at_limit = (found >= 32767) | (found <= -32767)
    beside = np.zeros_like(at_limit)
    beside[1:] |= at_limit[:-1]
    beside[:-1] |= at_limit[1:]
    return int(np.count_nonzero(at_limit & beside))


def silence_gaps(
    pcm: bytes, *, below_dbfs: float = -50.0, at_least_ms: int = 100, sample_rate: int = 8000
) -> list[Gap]:
    """Every stretch of 20 ms windows below the level, in order; the ends of the sound count too."""
    levels = _window_rms(samples_of(pcm), sample_rate)
    quiet = levels < 10 ** (below_dbfs / 20)
    return [
        Gap(start * WINDOW_MS, (end - start) * WINDOW_MS)
        for start, end in _runs(quiet)
        if (end - start) * WINDOW_MS >= at_least_ms
    ]


# -- tones -----------------------------------------------------------------------------------------------------------


def goertzel(samples: Samples, frequency_hz: float, sample_rate: int) -> float:
    """The share of the power (0 to 1) that is at `frequency_hz`."""
    power = float(np.sum(np.square(samples)))
    if not len(samples) or power == 0.0:
        return 0.0
    at = np.arange(len(samples)) * (2j * np.pi * frequency_hz / sample_rate)
    return min(1.0, float(np.abs(np.sum(samples * np.exp(-at))) ** 2 * 2 / (len(samples) * power)))


def find_tones(
    pcm: bytes,
    frequency_hz: float,
    *,
    at_least_ms: int = 60,
    share: float = 0.6,
    above_dbfs: float = -45.0,
    sample_rate: int = 8000,
) -> list[Tone]:
    """Every stretch of the tone: at least `share` of the power in each 20 ms window, and louder than `above_dbfs`."""
    windows = _windows(samples_of(pcm), sample_rate)
    loud = _window_rms(samples_of(pcm), sample_rate) > 10 ** (above_dbfs / 20)
    pure = np.array([goertzel(window, frequency_hz, sample_rate) >= share for window in windows], dtype=bool)
    return [
        Tone(start * WINDOW_MS, (end - start) * WINDOW_MS)
        for start, end in _runs(loud & pure)
        if (end - start) * WINDOW_MS >= at_least_ms
    ]


# -- comparison ------------------------------------------------------------------------------------------------------


def find_sound(known: bytes, received: bytes, *, sample_rate: int = 8000) -> Found:
    """The best place of `known` in `received`, by normalised cross-correlation.

    Survives level changes and µ-law (likeness stays above 0.95); other speech of the same length stays below 0.3.
    Raises `ValueError` when `received` is shorter than `known` or either is silent.
    """
    pattern, field = samples_of(known), samples_of(received)
    if len(field) < len(pattern) or not np.any(pattern) or not np.any(field):
        raise ValueError("cannot look for a sound in something shorter than it, nor in silence")
    size = 1 << (len(field) + len(pattern) - 1).bit_length()
    product = np.fft.rfft(field, size) * np.conj(np.fft.rfft(pattern, size))
    matched = np.fft.irfft(product, size)[: len(field) - len(pattern) + 1]
    sums = np.concatenate([[0.0], np.cumsum(np.square(field))])
    energy = sums[len(pattern) :] - sums[: len(field) - len(pattern) + 1]
    floor = 1e-6 * float(np.max(energy))
    scores = matched / np.sqrt(np.maximum(energy, floor) * float(np.sum(np.square(pattern))))
    best = int(np.argmax(scores))
    return Found(at_ms=best * 1000 / sample_rate, likeness=float(scores[best]))


def delay_ms(sent: bytes, received: bytes, *, sample_rate: int = 8000) -> float:
    """How much later `received` carries what `sent` carries; negative when it is earlier."""
    first, second = samples_of(sent), samples_of(received)
    size = 1 << (len(first) + len(second) - 1).bit_length()
    matched = np.fft.irfft(np.fft.rfft(second, size) * np.conj(np.fft.rfft(first, size)), size)
    shift = int(np.argmax(matched))
    return (shift if shift < len(second) else shift - size) * 1000 / sample_rate


def word_errors(expected: str, heard: str) -> int:
    """Substitutions, deletions and insertions between two sentences of blank-separated words."""
    wanted, found = expected.split(), heard.split()
    row = list(range(len(found) + 1))
    for number, word in enumerate(wanted, start=1):
        before, row = row, [number]
        for column, other in enumerate(found, start=1):
            row.append(min(before[column] + 1, row[-1] + 1, before[column - 1] + (word != other)))
    return row[-1]


# -- the telephone ---------------------------------------------------------------------------------------------------


def telephone(pcm: bytes, *, noise_snr_db: float | None = None, sample_rate: int = 8000, seed: int = 1) -> bytes:
    """What is left of speech after the telephone: band-limited, noisy if asked, through µ-law and back."""
    samples = samples_of(pcm)
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / sample_rate)
    spectrum[(frequencies < BAND_HZ[0]) | (frequencies > BAND_HZ[1])] = 0
    narrow: Samples = np.fft.irfft(spectrum, len(samples))
    if noise_snr_db is not None:
        level = float(np.sqrt(np.mean(np.square(narrow)))) * 10 ** (-noise_snr_db / 20)
        narrow = narrow + np.random.default_rng(seed).normal(0.0, level, len(narrow))
    return mulaw_decode(mulaw_encode(pcm_of(narrow)))


def mulaw_encode(pcm: bytes) -> bytes:
    """G.711 µ-law, by its definition (no table): one byte per sample."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.int32) >> 2
    size = np.minimum(np.abs(samples), MULAW_CLIP) + MULAW_BIAS
    segment = np.floor(np.log2(size)).astype(np.int32) - 5
    step = (size >> (segment + 1)) & 0x0F
    sign = np.where(samples < 0, 0x80, 0x00)
    encoded: bytes = (~(sign | (segment << 4) | step) & 0xFF).astype(np.uint8).tobytes()
    return encoded


def mulaw_decode(encoded: bytes) -> bytes:
    """The inverse of `mulaw_encode`, to the middle of each step."""
    code = ~np.frombuffer(encoded, dtype=np.uint8).astype(np.int32) & 0xFF
    segment, step = (code >> 4) & 0x07, code & 0x0F
    size = ((2 * step + MULAW_BIAS) << segment) - MULAW_BIAS
    samples = np.where(code & 0x80, -size, size) * 4
    decoded: bytes = samples.astype("<i2").tobytes()
    return decoded


def _dbfs(value: float) -> float:
    return max(SILENT_DBFS, 20 * float(np.log10(value))) if value > 0 else SILENT_DBFS


def _windows(samples: Samples, sample_rate: int) -> Samples:
    size = WINDOW_MS * sample_rate // 1000
    return samples[: len(samples) // size * size].reshape(-1, size)


def _window_rms(samples: Samples, sample_rate: int) -> Samples:
    found: Samples = np.sqrt(np.mean(np.square(_windows(samples, sample_rate)), axis=1))
    return found


def _runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open index ranges where `flags` is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in list(pairwise(edges))[::2]]
