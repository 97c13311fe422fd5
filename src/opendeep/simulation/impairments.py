"""What a telephone line does to sound: coding, level, noise, echo, loss and lateness.

Owns pure functions over 8 kHz s16le frames of 20 ms: the same seed and frame number give the same result. Which line a
callee has is described in `callee_line`; `line_quality` applies it to a call.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from opendeep.simulation.audiosocket_wire import FRAME_BYTES, FRAME_MS, SAMPLE_RATE_HZ
from opendeep.simulation.callee_line import NoiseKind
from opendeep.simulation.tunes import tune

Samples = NDArray[np.float64]

PATTERN_FRAMES = 9_000  # three minutes, then the pattern of loss and lateness begins anew
NOISE_S = 12  # then the noise begins anew; it fits onto itself without a click
FULL_SCALE = 32768.0
FRAME_SAMPLES = FRAME_BYTES // 2
REPEAT_FADES_DB = -3.0  # each repeated frame: concealment sounds for a moment, then falls silent
VOICES = 8  # that make a babble


# -- coding and level


def _mulaw_levels() -> NDArray[np.int32]:
    """The 255 different values that G.711 µ-law can carry, sorted, on the 16-bit scale."""
    segment, step = np.divmod(np.arange(128), 16)
    positive = (((2 * step + 33) << segment) - 33) * 4
    return np.unique(np.concatenate([-positive, positive])).astype(np.int32)


@lru_cache(maxsize=1)
def _mulaw_table() -> NDArray[np.int16]:
    """For each 16-bit sample (as unsigned index) the value that comes out at the other end."""
    levels = _mulaw_levels()
    borders = [(low + high) / 2 for low, high in pairwise(levels.tolist())]
    samples = np.arange(65_536, dtype=np.uint16).view(np.int16)
    table: NDArray[np.int16] = levels[np.searchsorted(borders, samples)].astype(np.int16)
    return table


def through_mulaw(frame: bytes) -> bytes:
    """Return the frame after G.711 µ-law and back."""
    heard: bytes = _mulaw_table()[np.frombuffer(frame, dtype="<u2")].astype("<i2").tobytes()
    return heard


def amplified(frame: bytes, gain_db: float) -> bytes:
    """Return the frame louder or softer; what is too loud is clipped."""
    return _pcm(_samples(frame) * 10 ** (gain_db / 20))


def mixed(*frames: bytes) -> bytes:
    """Return the sum of frames of one length; what is too loud is clipped."""
    whole = _samples(frames[0])
    for frame in frames[1:]:
        whole += _samples(frame)
    return _pcm(whole)


def _samples(frame: bytes) -> Samples:
    return np.frombuffer(frame, dtype="<i2").astype(np.float64)


def _pcm(samples: Samples) -> bytes:
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()


# -- noise


def noise_frame(kind: NoiseKind, level_dbfs: float, seed: int, index: int) -> bytes:
    """Return the frame with this number of a noise whose RMS is `level_dbfs`."""
    whole = _noise(kind, seed)
    begin = index * FRAME_SAMPLES % len(whole)
    return _pcm(whole[begin : begin + FRAME_SAMPLES] * (FULL_SCALE * 10 ** (level_dbfs / 20)))


@lru_cache(maxsize=16)
def _noise(kind: NoiseKind, seed: int) -> Samples:
    """Return 12 s with an RMS of 1, a whole number of frames."""
    dice = np.random.default_rng([seed, list(NoiseKind).index(kind)])
    match kind:
        case NoiseKind.WHITE:
            wave = dice.normal(size=SAMPLE_RATE_HZ * NOISE_S)
        case NoiseKind.STREET:
            wave = _shaped(dice, 60, 900, 1.0) * (1 + 0.6 * _slow(dice, 0.3))
        case NoiseKind.BABBLE:
            wave = np.sum([_shaped(dice, 250, 3000, 0.8) * (1 + _slow(dice, 4.0)) for _ in range(VOICES)], axis=0)
        case NoiseKind.HUM:
            at = np.arange(SAMPLE_RATE_HZ * NOISE_S) / SAMPLE_RATE_HZ
            wave = np.sum([np.sin(2 * np.pi * 60 * k * at + k) / k for k in (1, 2, 3, 5, 7)], axis=0)
        case NoiseKind.RADIO:
            wave = np.resize(tune(seed), SAMPLE_RATE_HZ * NOISE_S)
    level: Samples = wave / np.sqrt(np.mean(np.square(wave)))
    return level


def _shaped(dice: np.random.Generator, low_hz: float, high_hz: float, fall: float) -> Samples:
    """Return noise of one band that falls with the frequency to the power of `fall`."""
    count = SAMPLE_RATE_HZ * NOISE_S
    hz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE_HZ)
    inside = (hz >= low_hz) & (hz <= high_hz)
    weight = np.where(inside, np.maximum(hz, 1.0) ** -fall, 0.0)
    phases = np.exp(2j * np.pi * dice.random(len(hz)))
    wave: Samples = np.fft.irfft(weight * phases, count)
    level: float = np.sqrt(np.mean(np.square(wave)))
    return wave / level


def _slow(dice: np.random.Generator, highest_hz: float) -> Samples:
    """Return a swing between -1 and 1 that has nothing faster than `highest_hz`."""
    count = SAMPLE_RATE_HZ * NOISE_S
    hz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE_HZ)
    phases = np.exp(2j * np.pi * dice.random(len(hz)))
    wave: Samples = np.fft.irfft(np.where((hz > 0) & (hz <= highest_hz), phases, 0), count)
    return wave / float(np.max(np.abs(wave)))


# -- loss and lateness


@lru_cache(maxsize=32)
def lost_frames(share: float, burst: float, seed: int) -> NDArray[np.bool_]:
    """Tell for 9,000 frames which are lost: a Gilbert model, bursts of `burst` frames on average."""
    dice = np.random.default_rng([seed, 101])
    begins, ends = share / (burst * (1 - share)), 1 / burst
    chances = dice.random(PATTERN_FRAMES)
    lost = np.zeros(PATTERN_FRAMES, dtype=bool)
    for index in range(1, PATTERN_FRAMES):
        lost[index] = chances[index] >= ends if lost[index - 1] else chances[index] < begins
    return lost


@lru_cache(maxsize=32)
def late_frames(ms: int, share: float, seed: int) -> NDArray[np.int64]:
    """Tell for 9,000 frames by how many ticks of 20 ms each is late by itself."""
    dice = np.random.default_rng([seed, 202])
    late = dice.integers(1, ms // FRAME_MS, endpoint=True, size=PATTERN_FRAMES)
    return np.where(dice.random(PATTERN_FRAMES) < share, late, 0).astype(np.int64)
