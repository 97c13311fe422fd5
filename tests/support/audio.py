"""Sound for tests: G.711 mu-law, tones, and finding a tone in what was received.

Written for the tests alone and independent of the product's codecs, so that one mistake cannot hide another. All PCM
is signed 16 bit little endian, mono, 8,000 Hz. Must not do I/O.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 8_000
FRAME_MS = 20
FRAME_SAMPLES = SAMPLE_RATE_HZ * FRAME_MS // 1_000
FRAME_BYTES = 2 * FRAME_SAMPLES
MULAW_SILENCE = 0xFF
TONE_AMPLITUDE = 8_000

_BIAS = 132  # G.711 mu-law in 14 bit terms: 33 << 2


@functools.cache
def _decode_table() -> NDArray[np.int16]:
    """All 256 mu-law codes as samples, straight from the definition in ITU-T G.711."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + _BIAS << ((code & 0x70) >> 4)) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


@functools.cache
def _encode_table() -> NDArray[np.uint8]:
    """The nearest mu-law code for each of the 65,536 samples (index: the sample as unsigned)."""
    decoded = _decode_table().astype(np.int32)
    codes = np.delete(np.arange(256), 0x7F)  # the second zero is never sent
    order = codes[np.argsort(decoded[codes])]
    levels = decoded[order]
    samples = np.arange(-32_768, 32_768)
    nearest = np.searchsorted((levels[1:] + levels[:-1]) / 2, samples)
    table = np.empty(65_536, np.uint8)
    table[samples.astype(np.uint16)] = order[nearest]
    return table


def mulaw_decode(data: bytes) -> bytes:
    """Mu-law bytes to PCM."""
    return bytes(_decode_table()[np.frombuffer(data, np.uint8)].astype("<i2"))


def mulaw_encode(pcm: bytes) -> bytes:
    """PCM to mu-law bytes."""
    return bytes(_encode_table()[np.frombuffer(pcm, "<u2")])


def tone(hz: float, ms: int, amplitude: int = TONE_AMPLITUDE) -> bytes:
    """A sine as PCM."""
    time_s = np.arange(SAMPLE_RATE_HZ * ms // 1_000) / SAMPLE_RATE_HZ
    return bytes((amplitude * np.sin(2 * np.pi * hz * time_s)).astype("<i2"))


def silence(ms: int) -> bytes:
    """Digital silence as PCM."""
    return bytes(2 * SAMPLE_RATE_HZ * ms // 1_000)


def tone_ms(pcm: bytes, hz: float, *, purity: float = 0.8, floor: int = 500) -> int:
    """How many milliseconds of ``pcm`` are the tone ``hz``.

    A 20 ms frame counts when it is louder than ``floor`` (RMS) and at least ``purity`` of its energy lies at ``hz``.
    """
    usable = len(pcm) // FRAME_BYTES * FRAME_BYTES
    frames = np.frombuffer(pcm[:usable], "<i2").reshape(-1, FRAME_SAMPLES).astype(np.float64)
    phase = 2 * np.pi * hz * np.arange(FRAME_SAMPLES) / SAMPLE_RATE_HZ
    at_hz = (frames @ np.cos(phase)) ** 2 + (frames @ np.sin(phase)) ** 2
    energy = (frames**2).sum(axis=1)
    loud = energy / FRAME_SAMPLES > floor**2
    pure = at_hz * 2 / FRAME_SAMPLES > purity * energy
    return int((loud & pure).sum()) * FRAME_MS
