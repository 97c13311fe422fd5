"""The Piper voices, from the optional package `piper-tts` (GPL-3) and a voice file that the user downloads.

Blocking: callers keep it off the event loop. One sentence at a time: the ONNX session is shared.
"""

from __future__ import annotations

import threading
from importlib import import_module
from pathlib import Path

from opendeep.offline.speech.types import SpeechEngineFault, SpeechEngineMissing


class PiperEngine:
    """One voice file. Its name here is the file's, `en_US-joe-medium`. Raises `SpeechEngineMissing`."""

    name = "piper"

    def __init__(self, model: str) -> None:
        """`model`: the path of `NAME.onnx`, with `NAME.onnx.json` beside it."""
        try:
            package = import_module("piper")
        except ImportError as error:
            raise SpeechEngineMissing("piper is not installed: pip install piper-tts") from error
        try:
            self._voice = package.PiperVoice.load(model)
        except Exception as error:  # boundary: a voice file from outside
            raise SpeechEngineMissing(f"Piper cannot read the voice {model}: {error}") from error
        self._name = Path(model).stem
        self._in_use = threading.Lock()

    @property
    def voices(self) -> tuple[str, ...]:
        return (self._name,)

    def speak(self, text: str, voice: str) -> tuple[int, bytes]:
        """Blocking. Returns (Hz, s16le mono)."""
        with self._in_use:
            chunks = list(self._voice.synthesize(text))
        if not chunks or any(chunk.sample_channels != 1 for chunk in chunks):
            raise SpeechEngineFault(f"Piper returned {len(chunks)} pieces of sound, not one channel of it")
        return int(chunks[0].sample_rate), b"".join(chunk.audio_int16_bytes for chunk in chunks)
