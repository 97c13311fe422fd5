"""Real synthesised speech at the telephone's rate, for tests that need a voice and not a tone."""

from __future__ import annotations

import functools

import numpy as np

from opendeep.offline.speech.synthesizer import discover_engines
from tests.support import sound

RATE_HZ = 8_000
AUDIBLE = 0.02  # of full scale


@functools.cache
def spoken(text: str, voice: str = "slt") -> bytes:
    """`text` in s16le at 8 kHz by the voice of that name, without the silence at its ends."""
    for engine in discover_engines():
        if voice in engine.voices:
            rate, pcm = engine.speak(text, voice)
            samples = sound.samples_of(pcm)
            at = np.arange(len(samples) * RATE_HZ // rate) * rate / RATE_HZ
            whole = np.interp(at, np.arange(len(samples)), samples)
            loud = np.flatnonzero(np.abs(whole) > AUDIBLE)
            return sound.pcm_of(whole[loud[0] : loud[-1] + 1])
    raise AssertionError(f"no voice {voice}")
