"""The flite voices through ctypes: `libflite1` as Debian packages it (BSD-like licence, English only).

Owns the C declarations and the loading of voices. Blocking: callers keep it off the event loop (ctypes
releases the GIL while it runs). One call at a time per process: flite shares voice features and a random generator
between calls and is not documented as thread-safe. The same text twice differs in its noise, not in its words.
C structures: `cst_wave.h`, `flite.h` of flite 2.2.
"""

import ctypes
import threading
from ctypes import POINTER, c_char_p, c_int, c_short, c_void_p

from opendeep.offline.speech.types import SpeechEngineFault, SpeechEngineMissing

VOICES = ("rms", "slt", "awb", "kal16")
SONAME = "libflite{part}.so.1"
INSTALL_HINT = "flite is not installed: apt-get install libflite1"

_LIBRARY_IN_USE = threading.Lock()
"""The C library is one per process, however many `FliteEngine` there are."""


class _Wave(ctypes.Structure):
    """`struct cst_wave_struct` of flite 2.2."""

    _fields_ = [
        ("type", c_char_p),
        ("sample_rate", c_int),
        ("num_samples", c_int),
        ("num_channels", c_int),
        ("samples", POINTER(c_short)),
    ]


class FliteEngine:
    """The flite voices of this machine. Raises `SpeechEngineMissing` when the library or every voice is absent."""

    name = "flite"

    def __init__(self) -> None:
        self._core = _load("")
        _load("_usenglish")
        _load("_cmulex")
        with _LIBRARY_IN_USE:
            self._core.flite_init()
        self._core.flite_text_to_wave.restype = POINTER(_Wave)
        self._core.flite_text_to_wave.argtypes = [c_char_p, c_void_p]
        self._core.delete_wave.restype = None
        self._core.delete_wave.argtypes = [POINTER(_Wave)]
        self._voices = {name: voice for name in VOICES if (voice := _register(name)) is not None}
        if not self._voices:
            raise SpeechEngineMissing(INSTALL_HINT)

    @property
    def voices(self) -> tuple[str, ...]:
        return tuple(self._voices)

    def speak(self, text: str, voice: str) -> tuple[int, bytes]:
        """Blocking. Returns (Hz, s16le mono). `text` is printable ASCII; `voice` one of `voices`."""
        with _LIBRARY_IN_USE:
            wave = self._core.flite_text_to_wave(text.encode("ascii", "ignore"), self._voices[voice])
        if not wave:
            raise SpeechEngineFault(f"flite returned no sound for voice {voice}")
        try:
            found = wave.contents
            if found.num_channels != 1 or found.num_samples <= 0:
                raise SpeechEngineFault(f"flite returned {found.num_samples} samples on {found.num_channels} channels")
            return found.sample_rate, ctypes.string_at(found.samples, found.num_samples * 2)
        finally:
            self._core.delete_wave(wave)


def _load(part: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(SONAME.format(part=part), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise SpeechEngineMissing(INSTALL_HINT) from error


def _register(name: str) -> int | None:
    """The voice's address, or None when its library is not installed."""
    try:
        library = ctypes.CDLL(SONAME.format(part=f"_cmu_us_{name}"))
    except OSError:
        return None
    register = getattr(library, f"register_cmu_us_{name}")
    register.restype, register.argtypes = c_void_p, [c_char_p]
    address: int | None = register(None)
    return address
