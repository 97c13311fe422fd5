#!/usr/bin/env python3
"""Speak the sentences of `config/prompt_line_faults.py` into the µ-law files that the package ships.

`python scripts/make_line_sentences.py` writes them all anew. English needs flite (`apt-get install libflite1`); eSpeak
speaks the other languages. Not part of the build: run it when a sentence was changed, and listen to the result.
"""

from opendeep.audio_processing_service.g711 import Law
from opendeep.audio_processing_service.line_sentences import RATE_HZ, SOUNDS, LineSentence
from opendeep.offline.speech import pcm
from opendeep.offline.speech.espeak import EspeakEngine
from opendeep.offline.speech.flite import FliteEngine

ENGLISH_VOICE = "rms"  # of flite's voices the one that is understood best
ESPEAK_VOICES = {"de": "gmw/de", "fr": "roa/fr", "es": "roa/es", "it": "roa/it", "nl": "gmw/nl"}
QUIET = 0.003  # of full scale
EDGE = RATE_HZ * 60 // 1000  # samples of silence at both ends


def main() -> None:
    """Write every file."""
    flite, espeak = FliteEngine(), EspeakEngine(ESPEAK_VOICES)
    SOUNDS.mkdir(exist_ok=True)
    for sentence in LineSentence:
        for language, text in sentence.words.items():
            rate_hz, spoken = flite.speak(text, ENGLISH_VOICE) if language == "en" else espeak.speak(text, language)
            path = sentence.file(language)
            path.write_bytes(as_file(rate_hz, spoken))
            print(f"{path.name}: {path.stat().st_size / RATE_HZ:.1f} s")


def as_file(rate_hz: int, spoken: bytes) -> bytes:
    """µ-law at 8 kHz, at the level of speech, without the quiet at its ends."""
    samples = pcm.resample(pcm.from_s16(spoken), rate_hz, RATE_HZ)
    loud = (abs(samples) > QUIET).nonzero()[0]
    samples = pcm.normalise_level(samples[loud[0] : loud[-1] + 1], RATE_HZ)
    return Law.ULAW.encode(bytes(2 * EDGE) + pcm.to_s16(samples) + bytes(2 * EDGE))


if __name__ == "__main__":
    main()
