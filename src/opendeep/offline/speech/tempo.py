"""Faster or slower speech at the same pitch: waveform-similarity overlap-add (WSOLA; Verhelst and Roelands 1993).

Pure; blocking for some ms per second of speech, so callers keep it off the event loop.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from opendeep.offline.speech import pcm

FRAME_S: Final = 0.03  # two to four periods of a voice
SEARCH_S: Final = 0.008  # how far a frame may be shifted to fit the one before: a period of a low voice


def at_speed(speech: bytes, sample_rate: int, speed: float) -> bytes:
    """s16le at `sample_rate` Hz, `speed` times as fast. Raises ValueError for a speed of nothing or less."""
    if speed <= 0:
        raise ValueError(f"speech cannot be {speed} times as fast")
    samples = pcm.from_s16(speech)
    half, reach = int(FRAME_S * sample_rate) // 2, int(SEARCH_S * sample_rate)
    if speed == 1.0 or len(samples) <= 4 * half:
        return speech
    count = int(len(samples) / speed) // half
    window = np.hanning(2 * half + 1)[:-1].astype(np.float32)
    padded = np.pad(samples, (reach, 2 * half + 2 * reach))
    stretched = np.zeros((count + 1) * half, dtype=np.float32)
    start = reach
    for number in range(count):
        wanted = reach + min(int(number * half * speed), len(samples))
        if number:
            start = _best_start(padded, start + half, wanted, half, reach)
        stretched[number * half : (number + 2) * half] += padded[start : start + 2 * half] * window
    return pcm.to_s16(stretched)


def _best_start(padded: pcm.Samples, natural: int, wanted: int, half: int, reach: int) -> int:
    """The start near `wanted` whose sound is most like the natural continuation of the frame before."""
    continuation = padded[natural : natural + half]
    if len(continuation) < half:
        return wanted
    region = padded[wanted - reach : wanted + reach + half]
    likeness = np.correlate(region, continuation, mode="valid")
    return wanted - reach + int(np.argmax(likeness))
