"""The decoders that a recogniser's worker can run, behind one interface, and what those of whole models share.

Owns the interface and the choice; blocking, in the worker process only.
"""

from __future__ import annotations

from typing import Protocol

from opendeep.offline.speech import pcm
from opendeep.offline.speech.catalogue import EngineChoice
from opendeep.offline.speech.decoder import KEYWORDS, MODEL_HZ, Decoded, UtteranceDecoder
from opendeep.offline.speech.types import SpeechEngineMissing
from opendeep.offline.speech.words import spoken


class Decoder(Protocol):
    """Whole utterances in, words out."""

    def decode(self, samples: bytes, sample_rate: int, expects: str, hints: tuple[str, ...]) -> Decoded:
        """One utterance, s16le mono."""
        ...

    def prepare(self, expects: str, hints: tuple[str, ...]) -> None:
        """Get ready for what will be asked, where that helps."""
        ...

    def take_unknown(self) -> list[str]:
        """Words of hints that cannot be used; each is told once."""
        ...


def load_decoder(choice: EngineChoice) -> Decoder:
    """Raises `SpeechEngineMissing` when the package is not there or its model cannot be read."""
    from opendeep.offline.speech.vosk_decoder import VoskDecoder
    from opendeep.offline.speech.whisper_decoder import WhisperDecoder

    match choice.name:
        case "pocketsphinx":
            return UtteranceDecoder()
        case "faster-whisper":
            return WhisperDecoder(choice.model)
        case "vosk":
            return VoskDecoder(choice.model)
    raise SpeechEngineMissing(f"there is no recogniser named {choice.name!r}")


def for_model(samples: bytes, sample_rate: int) -> pcm.Samples:
    """s16le to floats at 16 kHz, which both models take."""
    return pcm.resample(pcm.from_s16(samples), sample_rate, MODEL_HZ)


def as_decoded(text: str, confidence: float) -> Decoded:
    """A transcript as the conversation reads it: spoken words, and the opt-out and voicemail phrases in them."""
    words = spoken(text)
    if not words:
        return Decoded("", 0.0, ())
    spotted = tuple(name for name, phrases in KEYWORDS.items() if any(f" {p} " in f" {words} " for p in phrases))
    return Decoded(words, min(1.0, max(0.0, confidence)), spotted)
