"""The Kokoro voices, from the optional package `kokoro-onnx` (MIT) and a model that the user downloads.

Blocking: callers keep it off the event loop. One sentence at a time: the ONNX session is shared.
"""

from __future__ import annotations

import threading
from importlib import import_module
from pathlib import Path
from typing import Final

import numpy as np

from opendeep.offline.speech import pcm
from opendeep.offline.speech.catalogue import kokoro_files
from opendeep.offline.speech.types import SpeechEngineFault, SpeechEngineMissing

LANGUAGES: Final = {"a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr", "i": "it", "p": "pt-br"}
"""The first letter of a voice's name tells its language (`af_heart`: American English, female)."""


class KokoroEngine:
    """All voices of the voices file that speak a language in `LANGUAGES`. Raises `SpeechEngineMissing`."""

    name = "kokoro"

    def __init__(self, model: str) -> None:
        """`model`: the folder with the model (`*.onnx`) and its voices (`voices*.bin`)."""
        try:
            package = import_module("kokoro_onnx")
        except ImportError as error:
            raise SpeechEngineMissing("kokoro is not installed: pip install kokoro-onnx") from error
        files = kokoro_files(Path(model))
        if files is None:
            raise SpeechEngineMissing(f"there is no Kokoro model in {model} (*.onnx and voices*.bin)")
        try:
            self._kokoro = package.Kokoro(str(files[0]), str(files[1]))
            names = [str(name) for name in self._kokoro.get_voices()]
        except Exception as error:  # boundary: model files from outside
            raise SpeechEngineMissing(f"Kokoro cannot read its model in {model}: {error}") from error
        self._voices = tuple(sorted(name for name in names if name[:1] in LANGUAGES))
        if not self._voices:
            raise SpeechEngineMissing(f"the voices in {files[1].name} speak no language that is known here")
        self._in_use = threading.Lock()

    @property
    def voices(self) -> tuple[str, ...]:
        return self._voices

    def speak(self, text: str, voice: str) -> tuple[int, bytes]:
        """Blocking. Returns (Hz, s16le mono)."""
        with self._in_use:
            samples, rate = self._kokoro.create(text, voice, lang=LANGUAGES[voice[0]])
        if not len(samples):
            raise SpeechEngineFault(f"Kokoro returned no sound for voice {voice}")
        return int(rate), pcm.to_s16(np.asarray(samples, dtype=np.float32))
