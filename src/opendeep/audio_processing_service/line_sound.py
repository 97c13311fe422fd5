"""What a tenth of a second of the callee's line sounds like: level, the strongest tones, the level of every 20 ms.

Owns the measuring only; what it means (beep, ringback, music, speech) is judged by `tone_detection`, `music_detection`
and `cadence`, which share these blocks so that a call is measured once. One FFT for 100 ms, and none for silence. Pure;
used by whoever must know what answered, and only while that is open.
"""

from dataclasses import dataclass
from math import log10
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RATE_HZ: Final = 8_000
FRAME_MS: Final = 20
BLOCK_MS: Final = 100
FRAMES: Final = BLOCK_MS // FRAME_MS
BLOCK_BYTES: Final = RATE_HZ * 2 * BLOCK_MS // 1000
SILENT_DBFS: Final = -96.0
QUIET_DBFS: Final = -50.0  # RMS; a block below it is not looked into
LOBE_HZ: Final = 60.0  # to each side: a tone that glides by 100 Hz in a block, or two that beat, are one lobe
PURE_SHARE: Final = 0.85  # of the power in one lobe: one tone and nothing else (a tone at 10 dB SNR has 0.9)

_FFT: Final = 1024
_BIN_HZ: Final = RATE_HZ / _FFT
_LOBE: Final = round(LOBE_HZ / _BIN_HZ)
_FIRST, _LAST = round(250 / _BIN_HZ), round(3_500 / _BIN_HZ)  # the telephone's band
_WINDOW: Final = (np.hanning(RATE_HZ * BLOCK_MS // 1000) / 32_768).astype(np.float32)
_S16: Final = np.dtype("<i2")


@dataclass(frozen=True, slots=True)
class Lobe:
    """A strong tone: its centre and spread (standard deviation) in Hz, and its share of the block's power, 0 to 1."""

    hz: float
    spread_hz: float
    share: float


@dataclass(frozen=True, slots=True)
class SoundBlock:
    """100 ms of the line. `start_ms` is since the first sample; levels are RMS in dBFS (a full-scale sine is -3)."""

    start_ms: int
    level_dbfs: float
    frames_dbfs: tuple[float, ...]
    first: Lobe | None = None  # None in a quiet block
    second: Lobe | None = None  # None beside a pure tone, too

    @property
    def end_ms(self) -> int:
        return self.start_ms + BLOCK_MS


class SoundMeter:
    """Cuts the callee's audio into blocks and measures them. Keeps less than one block (1,600 bytes)."""

    def __init__(self, start_ms: int = 0) -> None:
        self._pcm = bytearray()
        self._now_ms = start_ms

    def receive(self, pcm: bytes) -> list[SoundBlock]:
        """Take s16le of 8 kHz, any length; return the blocks that are complete now (mostly none)."""
        self._pcm += pcm
        blocks: list[SoundBlock] = []
        while len(self._pcm) >= BLOCK_BYTES:
            blocks.append(measure(bytes(self._pcm[:BLOCK_BYTES]), self._now_ms))
            del self._pcm[:BLOCK_BYTES]
            self._now_ms += BLOCK_MS
        return blocks


def loudness_dbfs(pcm: bytes) -> float:
    """RMS of s16le in dBFS, and nothing else: 5 µs for 100 ms."""
    samples = np.frombuffer(pcm, _S16).astype(np.float64)
    return _dbfs(float(samples @ samples) / (len(samples) * 32_768.0**2)) if len(samples) else SILENT_DBFS


def measure(pcm: bytes, start_ms: int) -> SoundBlock:
    """Measure one block: exactly `BLOCK_BYTES` of s16le. Raises `ValueError` for another length."""
    if len(pcm) != BLOCK_BYTES:
        raise ValueError(f"a block is {BLOCK_BYTES} bytes, not {len(pcm)}")
    samples = np.frombuffer(pcm, _S16).astype(np.float32)
    rows = samples.reshape(FRAMES, -1)
    powers = (np.einsum("ij,ij->i", rows, rows) * _POWER_OF_ONE).tolist()
    levels = tuple([_dbfs(power) for power in powers])
    level = _dbfs(sum(powers) / FRAMES)
    if level < QUIET_DBFS:
        return SoundBlock(start_ms, level, levels)
    first, second = _lobes(samples)
    return SoundBlock(start_ms, level, levels, first, second)


def _dbfs(power: float) -> float:
    return max(SILENT_DBFS, 10 * log10(power)) if power > 0.0 else SILENT_DBFS


def _lobes(samples: NDArray[np.float32]) -> tuple[Lobe, Lobe | None]:
    """The two strongest lobes of the spectrum; no second one beside a tone that is (nearly) all there is."""
    np.multiply(samples, _WINDOW, out=_PADDED[: len(_WINDOW)])
    spectrum = np.fft.rfft(_PADDED)[_FIRST:_LAST]
    power = spectrum.real**2 + spectrum.imag**2
    total = float(np.add.reduce(power)) or 1.0
    first = _take_lobe(power, total)
    return first, None if first.share >= PURE_SHARE else _take_lobe(power, total)


def _take_lobe(power: NDArray[np.floating[Any]], total: float) -> Lobe:
    """The strongest lobe; it is removed from `power`."""
    peak = int(power.argmax())
    start = max(0, peak - _LOBE)
    lobe = power[start : peak + _LOBE + 1]
    inside, first_moment, second_moment = _MOMENTS[len(lobe)].dot(lobe).tolist()
    if inside <= 0.0:
        return Lobe(0.0, 0.0, 0.0)
    mean = first_moment / inside
    spread = second_moment / inside - mean * mean
    lobe[:] = 0.0
    return Lobe((_FIRST + start + mean) * _BIN_HZ, max(0.0, spread) ** 0.5 * _BIN_HZ, inside / total)


_POWER_OF_ONE: Final = 1 / (RATE_HZ * FRAME_MS / 1000 * 32_768.0**2)
_PADDED: Final = np.zeros(_FFT, np.float32)  # scratch, zero beyond the window: padding costs `rfft` as much again
_MOMENTS: Final = [  # by the lobe's length: what gives its power, and its first and second moment
    np.vander(np.arange(length, dtype=np.float32), 3, increasing=True).T.copy() for length in range(2 * _LOBE + 2)
]
