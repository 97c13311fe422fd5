"""What a telephone line plays besides speech, synthesised: call progress tones, fax tones, beeps, music.

Levels in dBFS, sound as s16le of 8 kHz. Cadences of ITU-T E.180 and T.30; no code is shared with production.
"""

import numpy as np

from tests.support import sound
from tests.support.sound import Samples

RATE_HZ = 8_000
SCALE = (57, 60, 62, 64, 65, 67, 69)
"""MIDI numbers that the music is made of."""


def tones(*frequencies_hz: float, ms: int, level_dbfs: float = -15.0) -> bytes:
    """Several sines at once; their peaks together stay below `level_dbfs`."""
    each = level_dbfs - 20 * float(np.log10(len(frequencies_hz)))
    parts = [sound.samples_of(sound.sine(hz, ms, level_dbfs=each)) for hz in frequencies_hz]
    return sound.pcm_of(np.sum(parts, axis=0))


def glide(first_hz: float, last_hz: float, ms: int, *, level_dbfs: float = -12.0) -> bytes:
    """A tone that falls or rises evenly."""
    at = np.arange(ms * RATE_HZ // 1000) / RATE_HZ
    phase = 2 * np.pi * (first_hz * at + (last_hz - first_hz) * at * at / (2 * ms / 1000))
    return sound.pcm_of(10 ** (level_dbfs / 20) * np.sin(phase))


def repeated(times: int, *parts: bytes) -> bytes:
    return b"".join(parts) * times


RINGBACK = {
    "US": repeated(3, tones(440, 480, ms=2000), sound.silence(4000)),
    "GB": repeated(3, tones(400, 450, ms=400), sound.silence(200), tones(400, 450, ms=400), sound.silence(2000)),
    "DE": repeated(3, tones(425, ms=1000), sound.silence(4000)),
}
BUSY = {
    "US": repeated(5, tones(480, 620, ms=500), sound.silence(500)),
    "GB": repeated(5, tones(400, ms=375), sound.silence(375)),
    "DE": repeated(5, tones(425, ms=480), sound.silence(480)),
}
SPECIAL_INFORMATION = b"".join((*(tones(hz, ms=330) for hz in (950, 1400, 1800)), sound.silence(1500)))
FAX_CALLING = repeated(3, tones(1100, ms=500), sound.silence(3000))
FAX_ANSWERING = tones(2100, ms=3000) + sound.silence(500)


def music(seed: int, *, note_ms: int, decay_per_s: float, chords: bool, seconds: int = 12) -> bytes:
    """A tune of one voice with five harmonics, over chords or alone."""
    dice = np.random.default_rng(seed)
    bars: list[Samples] = []
    for _ in range(seconds * 1000 // note_ms):
        root = int(dice.choice(SCALE))
        bar = _note(root + int(dice.choice((0, 4, 7, 12))), note_ms, decay_per_s)
        if chords:
            bar = bar + 0.5 * sum(_note(root - 12 + step, note_ms, decay_per_s / 2) for step in (0, 4, 7))
        bars.append(bar)
    whole = np.concatenate(bars)
    return sound.pcm_of(whole / float(np.max(np.abs(whole))) * 0.3)


def _note(midi: int, ms: int, decay_per_s: float) -> Samples:
    at = np.arange(ms * RATE_HZ // 1000) / RATE_HZ
    hz = 440 * 2 ** ((midi - 69) / 12)
    wave = np.sum([np.sin(2 * np.pi * hz * k * at) / k for k in range(1, 6) if hz * k < 3900], axis=0)
    note: Samples = np.minimum(1, at / 0.02) * np.exp(-decay_per_s * at) * wave
    return note
