"""Sounds of the network and of waiting lines, made of sines: call progress and fax tones, and a tune for every seed.

Owns arithmetic on 8 kHz s16le; when a sound is played is decided by scripts. Cadences: ITU-T E.180 (North America) and
T.30 §4. The tune holds its notes for tenths of a second, over chords, as music on hold does and voices do not.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from opendeep.simulation.audiosocket_wire import SAMPLE_RATE_HZ
from opendeep.simulation.callee_schema import SignalKind
from opendeep.simulation.sound import tone

Samples = NDArray[np.float64]
Step = tuple[tuple[float, ...], int]
"""Frequencies (none: silence) and how long, in ms."""

FULL_SCALE = 32768.0
CADENCES: dict[SignalKind, tuple[Step, ...]] = {
    SignalKind.RINGBACK: (((440, 480), 2000), ((), 4000)),
    SignalKind.BUSY: (((480, 620), 500), ((), 500)),
    SignalKind.SPECIAL_INFORMATION: (((950,), 330), ((1400,), 330), ((1800,), 330), ((), 1000)),
    SignalKind.FAX_CALLING: (((1100,), 500), ((), 3000)),
    SignalKind.FAX_ANSWERING: (((2100,), 3000), ((), 500)),
}

TUNE_S = 16
BAR_MS, NOTE_MS = 1600, 400
CHORDS = ((0, 4, 7), (-3, 0, 4), (-7, -3, 0), (-5, -1, 2))  # I vi IV V, semitones from the root
SCALE = (0, 2, 4, 7, 9, 12)
ROOT = 60  # MIDI: middle C
HARMONICS = 5
ATTACK_S = 0.02
FALL_PER_S = 1.0


def signal(kind: SignalKind, times: int = 1, level_dbfs: float = -15.0) -> bytes:
    """Return the cadence of a signal, `times` in a row; the peaks of all its tones together stay below the level."""
    return b"".join(_together(hz, ms, level_dbfs) for hz, ms in CADENCES[kind]) * times


def music(ms: int, level_dbfs: float = -22.0, seed: int = 1) -> bytes:
    """Return so much of the tune of this seed, from its beginning, again and again; RMS at `level_dbfs`."""
    wave = np.resize(tune(seed), SAMPLE_RATE_HZ * ms // 1000) * (FULL_SCALE * 10 ** (level_dbfs / 20))
    return np.clip(np.rint(wave), -32768, 32767).astype("<i2").tobytes()


@lru_cache(maxsize=8)
def tune(seed: int) -> Samples:
    """Return 16 s of a tune with an RMS of 1."""
    dice = np.random.default_rng(seed)
    root = ROOT + int(dice.integers(-5, 6))
    bars: list[Samples] = []
    for bar in range(TUNE_S * 1000 // BAR_MS):
        chord = CHORDS[bar % len(CHORDS)]
        pad = sum((_note(root - 12 + step, BAR_MS, FALL_PER_S / 2) for step in chord), np.zeros(1))
        voice = [_note(root + int(dice.choice(SCALE)), NOTE_MS, FALL_PER_S) for _ in range(BAR_MS // NOTE_MS)]
        bars.append(0.5 * pad + np.concatenate(voice))
    whole: Samples = np.concatenate(bars)
    level: float = np.sqrt(np.mean(np.square(whole)))
    return whole / level


def _note(midi: int, ms: int, fall_per_s: float) -> Samples:
    at = np.arange(ms * SAMPLE_RATE_HZ // 1000) / SAMPLE_RATE_HZ
    hz = 440 * 2 ** ((midi - 69) / 12)
    partials = [np.sin(2 * np.pi * hz * k * at) / k for k in range(1, HARMONICS + 1) if hz * k < 3800]
    shape = np.minimum(1, at / ATTACK_S) * np.exp(-fall_per_s * at)
    note: Samples = shape * np.sum(partials, axis=0)
    return note


def _together(frequencies_hz: tuple[float, ...], ms: int, level_dbfs: float) -> bytes:
    if not frequencies_hz:
        return bytes(2 * SAMPLE_RATE_HZ * ms // 1000)
    each = level_dbfs - 20 * float(np.log10(len(frequencies_hz)))
    waves = [np.frombuffer(tone(hz, ms, each), dtype="<i2").astype(np.int32) for hz in frequencies_hz]
    whole: bytes = np.sum(waves, axis=0).astype("<i2").tobytes()
    return whole
