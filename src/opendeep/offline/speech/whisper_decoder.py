"""Whisper through the optional package `faster-whisper` and a CTranslate2 model that the user downloads.

Blocking; runs in the worker process. The languages of the conversation's rules are English, so is the transcript.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Final

from opendeep.offline.speech.decoder import Decoded
from opendeep.offline.speech.decoders import as_decoded, for_model
from opendeep.offline.speech.types import SpeechEngineMissing

LANGUAGE: Final = "en"
THREADS: Final = 1  # several calls share the machine; more workers, not more threads


class WhisperDecoder:
    """A `Decoder`. Raises `SpeechEngineMissing` without the package or a model that can be read."""

    def __init__(self, model: str) -> None:
        """`model`: the folder with `model.bin`."""
        try:
            package = import_module("faster_whisper")
        except ImportError as error:
            message = "faster-whisper is not installed: pip install faster-whisper"
            raise SpeechEngineMissing(message) from error
        try:
            self._model = package.WhisperModel(
                model, device="cpu", compute_type="int8", cpu_threads=THREADS, local_files_only=True
            )
        except Exception as error:  # boundary: a model from outside
            raise SpeechEngineMissing(f"faster-whisper cannot read the model in {model}: {error}") from error

    def decode(self, samples: bytes, sample_rate: int, expects: str, hints: tuple[str, ...]) -> Decoded:
        """One utterance, s16le mono. `hints` are words that the model should rather hear."""
        segments, _ = self._model.transcribe(
            for_model(samples, sample_rate),
            language=LANGUAGE,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
            hotwords=", ".join(hints) or None,
        )
        found = [segment for segment in segments if segment.text.strip()]
        if not found:
            return Decoded("", 0.0, ())
        likely = math.exp(sum(segment.avg_logprob for segment in found) / len(found))
        speech = 1.0 - max(segment.no_speech_prob for segment in found)
        return as_decoded(" ".join(segment.text for segment in found), likely * speech)

    def prepare(self, expects: str, hints: tuple[str, ...]) -> None:
        """Nothing to get ready: the model takes its hints with the utterance."""

    def take_unknown(self) -> list[str]:
        """Every word can be written."""
        return []
