"""Whether what comes back on the line is our own voice. Pure.

An echo is a delayed, softer, slightly filtered copy of what was played; another voice is not. Looked at only when the
callee seems to speak over the AI: one correlation by FFT, up to 1 ms of work.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE_HZ: Final = 8_000
HEARD_MS: Final = 400  # of the callee's side that are compared
DELAY_MS: Final = 700  # the longest way there and back
ECHO_AT: Final = 0.4  # likeness, 0 to 1: other voices stay below 0.35, echoes of 6 to 30 dB loss above 0.43
LEAST_RMS: Final = 30.0  # of s16: softer is silence, and like nothing

HEARD_BYTES: Final = HEARD_MS * RATE_HZ // 1000 * 2
PLAYED_BYTES: Final = (HEARD_MS + DELAY_MS) * RATE_HZ // 1000 * 2
_S16: Final = np.dtype("<i2")


def echo_likeness(played: bytes, heard: bytes) -> float:
    """How much the end of `heard` is a copy of something in `played`, 0 to 1. Both s16le at 8 kHz, the newest last;
    only the last `PLAYED_BYTES` and `HEARD_BYTES` count."""
    ours = _brightened(played[-PLAYED_BYTES:])
    theirs = _brightened(heard[-HEARD_BYTES:])
    if len(theirs) < 2 or len(ours) < len(theirs):
        return 0.0
    their_power = float(theirs @ theirs)
    if their_power <= len(theirs) * LEAST_RMS**2 / 4:
        return 0.0
    size = 1 << (len(ours) + len(theirs) - 1).bit_length()
    product = np.fft.rfft(ours, size) * np.conj(np.fft.rfft(theirs, size))
    places = len(ours) - len(theirs) + 1
    likeness = np.abs(np.fft.irfft(product, size)[:places])
    powers = np.concatenate(([0.0], np.cumsum(ours * ours)))
    local = powers[len(theirs) :] - powers[:places]
    return float(np.max(likeness / np.sqrt(np.maximum(local, 1.0) * their_power)))


def _brightened(pcm: bytes) -> NDArray[np.float64]:
    """Without the weight of the deep tones, which all voices share."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], _S16).astype(np.float64)
    return np.diff(samples)
