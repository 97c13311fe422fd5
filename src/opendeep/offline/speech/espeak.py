"""eSpeak NG through ctypes, from the `espeakng-loader` wheel: always there, any language, robotic.

Owns the C declarations. Blocking; callers keep it off the event loop (ctypes releases the GIL). C declarations:
`espeak-ng/speak_lib.h` 1.52. The wheel is loaded at run time only; eSpeak NG itself is GPL-3.
"""

import atexit
import ctypes
import functools
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_short, c_size_t, c_uint, c_void_p
from importlib import import_module
from pathlib import Path

from opendeep.offline.speech.types import SpeechEngineFault, SpeechEngineMissing

VOICES = {"espeak": "en-us", "espeak-gb": "gmw/en", "espeak-female": "en-us+f3"}
"""Our voice names to eSpeak's own."""
AUDIO_OUTPUT_SYNCHRONOUS = 2
INITIALIZE_DONT_EXIT = 0x8000
"""Without it the library calls exit() when its data path is bad or has 160 bytes or more (`N_PATH_HOME`)."""
LONGEST_DATA_PATH = 159
CHARS_UTF8 = 1
POS_CHARACTER = 1
EE_OK = 0
WORDS_PER_MINUTE = 160
PARAMETER_RATE = 1
MAX_SPOKEN_BYTES = 16 * 1024 * 1024
INSTALL_HINT = "eSpeak NG is not installed: pip install espeakng-loader"

_LIBRARY_IN_USE = threading.Lock()
"""The C library is one synthesiser per process with one callback, however many `EspeakEngine` there are."""

_Callback = CFUNCTYPE(c_int, POINTER(c_short), c_int, c_void_p)


class EspeakEngine:
    """The eSpeak voices. Raises `SpeechEngineMissing` when the wheel is absent or its data cannot be read."""

    name = "espeak"

    def __init__(self, voices: Mapping[str, str] = VOICES) -> None:
        """`voices`: our names to eSpeak's own."""
        self._voices = voices
        library_path, data_path = _paths()
        self._library = ctypes.CDLL(library_path)
        self._declare()
        self._collected = bytearray()
        self._callback = _Callback(self._collect)
        path = os.fsencode(_short_path(data_path))
        with _LIBRARY_IN_USE:
            rate = self._library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, path, INITIALIZE_DONT_EXIT)
        if rate <= 0:
            raise SpeechEngineMissing(f"eSpeak NG did not start with its data in {data_path}; {INSTALL_HINT}")
        self.sample_rate: int = rate

    @property
    def voices(self) -> tuple[str, ...]:
        return tuple(self._voices)

    def speak(self, text: str, voice: str) -> tuple[int, bytes]:
        """Blocking. Returns (Hz, s16le mono). `voice` is one of `voices`."""
        with _LIBRARY_IN_USE:
            return self.sample_rate, self._speak(text.encode("utf-8", "ignore") + b"\0", self._voices[voice])

    def _speak(self, text: bytes, voice: str) -> bytes:
        self._collected.clear()
        self._library.espeak_SetSynthCallback(self._callback)
        if self._library.espeak_SetVoiceByName(voice.encode()) != EE_OK:
            raise SpeechEngineFault(f"eSpeak NG refused its voice {voice}")
        self._library.espeak_SetParameter(PARAMETER_RATE, WORDS_PER_MINUTE, 0)
        status = self._library.espeak_Synth(text, len(text), 0, POS_CHARACTER, 0, CHARS_UTF8, None, None)
        if status != EE_OK or not self._collected:
            raise SpeechEngineFault(f"eSpeak NG returned status {status} and {len(self._collected)} bytes")
        return bytes(self._collected)

    def _collect(self, samples: "ctypes._Pointer[c_short]", count: int, _events: int | None) -> int:
        """Called by the library per piece; a result of 1 stops it (our bound against a runaway)."""
        if samples and count > 0:
            self._collected += ctypes.string_at(samples, count * 2)
        return int(len(self._collected) > MAX_SPOKEN_BYTES)

    def _declare(self) -> None:
        library = self._library
        library.espeak_Initialize.argtypes = [c_int, c_int, c_char_p, c_int]
        library.espeak_SetSynthCallback.argtypes = [_Callback]
        library.espeak_SetSynthCallback.restype = None
        library.espeak_SetVoiceByName.argtypes = [c_char_p]
        library.espeak_SetParameter.argtypes = [c_int, c_int, c_int]
        library.espeak_Synth.argtypes = [c_char_p, c_size_t, c_uint, c_int, c_uint, c_uint, POINTER(c_uint), c_void_p]


def _paths() -> tuple[str, str]:
    try:
        loader = import_module("espeakng_loader")
    except ImportError as error:
        raise SpeechEngineMissing(INSTALL_HINT) from error
    return str(loader.get_library_path()), str(loader.get_data_path())


@functools.cache
def _short_path(data_path: str) -> str:
    """`data_path`, or a short link to it that lives as long as the process (the library reads voices lazily)."""
    if len(os.fsencode(data_path)) <= LONGEST_DATA_PATH:
        return data_path
    folder = tempfile.mkdtemp(prefix="espeak-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    link = Path(folder) / "d"
    link.symlink_to(data_path, target_is_directory=True)
    return str(link)
