"""What a tenth of a second of a callee's line sounds like: level, the strongest tones, the level of every 20 ms.

Owns the measuring only; what it means (beep, ringback, music, speech) is judged by `tone_detection`, `music_detection`
and `cadence`, which share these blocks so that a call is measured once. The blocks of many calls are measured together
(`shared_meter`): numpy takes as long for one as for ten. Pure.
"""

from collections.abc import Sequence
from math import log10
from typing import Any, Final, NamedTuple

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


class Lobe(NamedTuple):
    """A strong tone: its centre and spread (standard deviation) in Hz, and its share of the block's power, 0 to 1."""

    hz: float
    spread_hz: float
    share: float


class SoundBlock(NamedTuple):
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
    return measure_all([(pcm, start_ms)])[0]


def measure_all(blocks: Sequence[tuple[bytes, int]]) -> list[SoundBlock]:
    """Measure blocks of any calls, each with its `start_ms`. Raises `ValueError` when one has another length."""
    for pcm, _ in blocks:
        if len(pcm) != BLOCK_BYTES:
            raise ValueError(f"a block is {BLOCK_BYTES} bytes, not {len(pcm)}")
    samples = np.frombuffer(b"".join([pcm for pcm, _ in blocks]), _S16).astype(np.float32).reshape(len(blocks), -1)
    frames = samples.reshape(len(blocks), FRAMES, -1)
    powers = np.einsum("bfs,bfs->bf", frames, frames) * _POWER_OF_ONE
    frame_levels = _dbfs_of(powers).tolist()
    levels = _dbfs_of(powers.mean(axis=1))
    loud = np.flatnonzero(levels >= QUIET_DBFS)
    lobes = dict(zip(loud.tolist(), _lobes(samples[loud]), strict=True)) if len(loud) else {}
    return [
        SoundBlock(start_ms, level, tuple(of_frames), *lobes.get(number, (None, None)))
        for number, ((_, start_ms), level, of_frames) in enumerate(
            zip(blocks, levels.tolist(), frame_levels, strict=True)
        )
    ]


def _dbfs(power: float) -> float:
    return max(SILENT_DBFS, 10 * log10(power)) if power > 0.0 else SILENT_DBFS


def _dbfs_of(powers: NDArray[np.float32]) -> NDArray[np.float32]:
    return 10 * np.log10(np.maximum(powers, _SILENT_POWER))


def _lobes(samples: NDArray[np.float32]) -> list[tuple[Lobe, Lobe | None]]:
    """The two strongest lobes of each row's spectrum; no second one beside a tone that is (nearly) all there is."""
    spectrum = np.fft.rfft(samples * _WINDOW, _FFT)[:, _FIRST:_LAST]
    power = spectrum.real**2 + spectrum.imag**2
    total = power.sum(axis=1)
    total[total == 0.0] = 1.0
    first, second = _take_lobes(power, total), _take_lobes(power, total)
    return [(one, None if one.share >= PURE_SHARE else two) for one, two in zip(first, second, strict=True)]


def _take_lobes(power: NDArray[np.floating[Any]], total: NDArray[np.floating[Any]]) -> list[Lobe]:
    """The strongest lobe of each row; it is removed from `power`."""
    peaks = power.argmax(axis=1)[:, None]
    bins = peaks + _AROUND
    rows = np.arange(len(power))[:, None]
    within = (bins >= 0) & (bins < power.shape[1])
    bins = bins.clip(0, power.shape[1] - 1)
    moments = (power[rows, bins] * within) @ _MOMENTS
    power[rows, bins] = 0.0
    inside = moments[:, 0]
    heard = np.where(inside > 0.0, inside, 1.0)
    mean = moments[:, 1] / heard
    spread = np.sqrt(np.maximum(moments[:, 2] / heard - mean * mean, 0.0)) * _BIN_HZ
    centre = (_FIRST + peaks[:, 0] + mean) * _BIN_HZ
    found = zip(centre.tolist(), spread.tolist(), (inside / total).tolist(), strict=True)
    return [Lobe(*one) if one[2] > 0.0 else Lobe(0.0, 0.0, 0.0) for one in found]


_POWER_OF_ONE: Final = 1 / (RATE_HZ * FRAME_MS / 1000 * 32_768.0**2)
_SILENT_POWER: Final = 10 ** (SILENT_DBFS / 10)
_AROUND: Final = np.arange(-_LOBE, _LOBE + 1)
_MOMENTS: Final = np.vander(_AROUND.astype(np.float32), 3, increasing=True)  # power, first and second moment of a lobe
