"""One sampling rate to another, as a stream: s16le in, s16le out, three milliseconds later and not a sample fewer.

A polyphase filter by table (Kaiser window, 60 dB), one matrix product for each piece. `soxr`, which we use for whole
sentences, is no choice here: as a stream it works in blocks and holds back 40 to 75 ms (measured, its qualities LQ to
HQ), more than a callee's barge-in may cost. Pure.
"""

from functools import cache
from math import ceil, gcd
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

LOBES: Final = 24  # of the sinc, to each side: 3 ms at 8 kHz
CUTOFF: Final = 0.94  # of the lower rate's half: flat to 3.4 kHz at 8 kHz
KAISER_BETA: Final = 5.65

Samples = NDArray[np.float32]


class Resampler:
    """A stream in one direction. Any number of bytes may come at a time; an odd one is kept for the next piece."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        divisor = gcd(from_hz, to_hz)
        self._step = from_hz // divisor  # so many samples in give `to_hz // divisor` out
        self._kernel = _kernel(self._step, to_hz // divisor)
        self._overlap = len(self._kernel) - self._step
        self._odd = b""
        self._samples: Samples
        self.restart()

    def restart(self) -> None:
        """Forget what was before: the next piece begins after silence."""
        self._samples = np.zeros(self._overlap, np.float32)
        self._odd = b""

    def convert(self, pcm: bytes) -> bytes:
        """The next piece. Its length is exactly in proportion where the piece is whole steps (20 ms always are)."""
        pcm = self._odd + pcm
        whole = len(pcm) & ~1
        self._odd = pcm[whole:]
        new = np.frombuffer(pcm, "<i2", whole // 2).astype(np.float32)
        samples = np.concatenate((self._samples, new))
        steps = (len(samples) - self._overlap) // self._step
        if not steps:
            self._samples = samples
            return b""
        windows = sliding_window_view(samples, len(self._kernel))[:: self._step][:steps]
        self._samples = samples[steps * self._step :]
        out: NDArray[np.float32] = np.rint(windows @ self._kernel)
        return np.clip(out, -32_768, 32_767).astype("<i2").tobytes()


@cache
def _kernel(step_in: int, step_out: int) -> Samples:
    """Row: a sample of the window, which ends with the step. Column: a sample out. One table for all streams."""
    band = CUTOFF * min(1.0, step_out / step_in)  # of half the rate that comes in
    half = ceil(LOBES * max(1.0, step_in / step_out))
    at = np.arange(step_out) * step_in / step_out + half - np.arange(2 * half + step_in)[:, None]
    inside = np.clip(1 - (at / half) ** 2, 0.0, None)
    kernel = np.sinc(band * at) * np.i0(KAISER_BETA * np.sqrt(inside)) * (inside > 0.0)
    normalised: NDArray[np.float64] = kernel / kernel.sum(axis=0)
    return normalised.astype(np.float32)
