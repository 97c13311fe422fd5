"""Makes one voice of the synthesiser sound like other people: slower, faster, higher (a child), lower, softer.

Owns pitch (by resampling) and speed (by overlapping similar pieces, WSOLA: Verhelst and Roelands, 1993) of 8 kHz s16le
speech. Pure; which voice somebody has is written in the callee file.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from opendeep.simulation.audiosocket_wire import SAMPLE_RATE_HZ

Samples = NDArray[np.float64]

PIECE = SAMPLE_RATE_HZ * 30 // 1000
HOP = PIECE // 2
SEARCH = SAMPLE_RATE_HZ * 10 // 1000


def styled(pcm: bytes, *, speed: float = 1.0, pitch: float = 1.0, level_db: float = 0.0) -> bytes:
    """Return the speech `speed` times as fast, `pitch` times as high, and so much louder; 1, 1, 0 change nothing."""
    if speed == 1.0 and pitch == 1.0 and level_db == 0.0:
        return pcm
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2").astype(np.float64)
    if len(samples) > PIECE:
        samples = _stretched(_resampled(samples, pitch), pitch / speed)
    loud = samples * 10 ** (level_db / 20)
    return np.clip(np.rint(loud), -32768, 32767).astype("<i2").tobytes()


def _resampled(samples: Samples, factor: float) -> Samples:
    """Return the samples played `factor` times as fast: shorter and higher. Nothing folds over."""
    count = max(2, round(len(samples) / factor))
    if count == len(samples):
        return samples
    spectrum = np.fft.rfft(samples)
    kept = np.zeros(count // 2 + 1, dtype=complex)
    common = min(len(kept), len(spectrum))
    kept[:common] = spectrum[:common]
    played: Samples = np.fft.irfft(kept, count) * (count / len(samples))
    return played


def _stretched(samples: Samples, factor: float) -> Samples:
    """Return the samples `factor` times as long at the same pitch."""
    if abs(factor - 1.0) < 0.01 or len(samples) <= PIECE + 2 * SEARCH:
        return samples
    window = np.hanning(PIECE + 1)[:PIECE]
    count = int(len(samples) * factor)
    out = np.zeros(count + PIECE)
    padded = np.concatenate([samples, np.zeros(PIECE + HOP + 2 * SEARCH)])
    taken = 0
    for at in range(0, count, HOP):
        wanted = min(int(at / factor), len(samples))
        if at:
            taken = _most_alike(padded, wanted, padded[taken + HOP : taken + HOP + PIECE])
        out[at : at + PIECE] += window * padded[taken : taken + PIECE]
    return out[:count]


def _most_alike(samples: Samples, wanted: int, follows: Samples) -> int:
    """Return where, around `wanted`, the sound goes on most like what would follow."""
    begin = max(0, wanted - SEARCH)
    field = samples[begin : wanted + SEARCH + PIECE]
    if len(field) < PIECE or len(follows) < PIECE:
        return min(wanted, len(samples) - PIECE)
    return begin + int(np.argmax(np.correlate(field, follows, mode="valid")))
