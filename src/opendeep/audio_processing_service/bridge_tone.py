"""The sound that bridges a gap when the voice AI is away: two soft notes, so that the line is never dead. Pure."""

from functools import cache
from typing import Final

import numpy as np

from opendeep.audio_processing_service.g711 import Law

RATE_HZ: Final = 8_000
NOTES_HZ: Final = (523.25, 659.25)  # C5, E5
NOTE_MS: Final = 260
FADE_MS: Final = 40
PEAK: Final = 5_000  # of 32,767: about -16 dBFS


@cache
def bridge_tone(law: Law = Law.ULAW) -> bytes:
    """G.711 audio of about half a second, faded at both ends of each note."""
    samples = NOTE_MS * RATE_HZ // 1000
    fade = FADE_MS * RATE_HZ // 1000
    envelope = np.minimum(1.0, np.minimum(np.arange(samples), np.arange(samples)[::-1]) / fade)
    time_s = np.arange(samples) / RATE_HZ
    notes = [PEAK * envelope * np.sin(2 * np.pi * hz * time_s) for hz in NOTES_HZ]
    return law.encode(np.concatenate(notes).astype("<i2").tobytes())
