"""Vosk through the optional package `vosk` and a model that the user downloads.

Blocking; runs in the worker process. The model's own vocabulary decides what can be heard; hints are not used, because
Vosk takes them only as a closed grammar, which hears its sentences in everything.
"""

from __future__ import annotations

from importlib import import_module

import orjson

from opendeep.offline.speech import pcm
from opendeep.offline.speech.decoder import MODEL_HZ, Decoded
from opendeep.offline.speech.decoders import as_decoded, for_model
from opendeep.offline.speech.types import SpeechEngineMissing


class VoskDecoder:
    """A `Decoder`. Raises `SpeechEngineMissing` without the package or a model that can be read."""

    def __init__(self, model: str) -> None:
        """`model`: the folder of the model."""
        try:
            self._package = import_module("vosk")
        except ImportError as error:
            raise SpeechEngineMissing("vosk is not installed: pip install vosk") from error
        self._package.SetLogLevel(-1)
        try:
            self._model = self._package.Model(model)
        except Exception as error:  # boundary: a model from outside
            raise SpeechEngineMissing(f"Vosk cannot read the model in {model}: {error}") from error

    def decode(self, samples: bytes, sample_rate: int, expects: str, hints: tuple[str, ...]) -> Decoded:
        """One utterance, s16le mono. The confidence is the mean of its words'."""
        recognizer = self._package.KaldiRecognizer(self._model, MODEL_HZ)
        recognizer.SetWords(True)
        results = []
        if recognizer.AcceptWaveform(pcm.to_s16(for_model(samples, sample_rate))):
            results.append(orjson.loads(recognizer.Result()))
        results.append(orjson.loads(recognizer.FinalResult()))
        words = [word for result in results for word in result.get("result", ())]
        if not words:
            return Decoded("", 0.0, ())
        confidence = sum(float(word["conf"]) for word in words) / len(words)
        return as_decoded(" ".join(str(word["word"]) for word in words), confidence)

    def prepare(self, expects: str, hints: tuple[str, ...]) -> None:
        """Nothing to get ready: the model is loaded once."""

    def take_unknown(self) -> list[str]:
        """Hints are not used."""
        return []
