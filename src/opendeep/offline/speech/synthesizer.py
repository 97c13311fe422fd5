"""Text to speech for the offline world: the voices found on this machine behind one interface.

Owns discovery, cleaning of the text, the level, the asked sample rate, the cache and the threads. Knows no C library.
"""

import asyncio
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import structlog

from opendeep.offline.speech import pcm
from opendeep.offline.speech.catalogue import BUILT_IN_VOICES, EngineChoice
from opendeep.offline.speech.types import SpeechEngineMissing, UnknownVoice, UnspeakableText

log = structlog.get_logger(__name__)

MAX_TEXT_CHARS = 1200
CACHE_BYTES = 48 * 1024 * 1024
"""Bound of the cache; the least recently spoken goes first."""
THREADS = 2
MAX_WAITING = 64
"""Sentences in line; more are made to wait at the door, in order (nothing is dropped)."""
TYPOGRAPHY = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": ", ", "\u2026": "."}
)
"""Curly quotes, dashes and the ellipsis to what every engine reads."""

_Key = tuple[str, str, int]


class VoiceEngine(Protocol):
    """One synthesis library: blocking, several voices, its own sample rate."""

    name: str

    @property
    def voices(self) -> tuple[str, ...]: ...

    def speak(self, text: str, voice: str) -> tuple[int, bytes]: ...


class LocalSynthesizer:
    """A `Synthesizer` over the engines of this machine. `close()` ends its threads."""

    def __init__(
        self, engines: Sequence[VoiceEngine], *, voice: str | None = None, cache_bytes: int = CACHE_BYTES
    ) -> None:
        """`voice` is the default; without it the first voice of the first engine. Raises `UnknownVoice`."""
        self._cache_limit = cache_bytes
        self._by_voice = {name: engine for engine in reversed(engines) for name in engine.voices}
        if not self._by_voice:
            raise SpeechEngineMissing("no speech synthesis: apt-get install libflite1, or pip install espeakng-loader")
        self.name = "+".join(engine.name for engine in engines)
        self.voices = tuple(name for engine in engines for name in engine.voices)
        self.default_voice = self._known(voice or self.voices[0])
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="speech-synthesis")
        self._admitted = asyncio.Semaphore(MAX_WAITING)
        self._in_work: dict[_Key, asyncio.Future[bytes]] = {}
        self._cache: OrderedDict[_Key, bytes] = OrderedDict()
        self._cached_bytes = 0

    async def synthesize(self, text: str, *, voice: str | None = None, sample_rate: int = 8000) -> bytes:
        """See `Synthesizer`. The same sentence asked twice at once is spoken once."""
        key = (speakable(text), self._known(voice or self.default_voice), sample_rate)
        if (cached := self._cache.get(key)) is not None:
            self._cache.move_to_end(key)
            return cached
        work = self._in_work.get(key)
        if work is None:
            work = asyncio.create_task(self._render(key), name="speech.synthesize")
            self._in_work[key] = work
            work.add_done_callback(lambda _: self._in_work.pop(key, None))
        return await asyncio.shield(work)

    async def close(self) -> None:
        """Finish what is being spoken, then end the threads. Idempotent."""
        if waiting := list(self._in_work.values()):
            await asyncio.gather(*waiting, return_exceptions=True)
        self._threads.shutdown(wait=True)

    async def _render(self, key: _Key) -> bytes:
        text, voice, sample_rate = key
        async with self._admitted:
            loop = asyncio.get_running_loop()
            spoken = await loop.run_in_executor(self._threads, self._speak, text, voice, sample_rate)
        self._remember(key, spoken)
        return spoken

    def _speak(self, text: str, voice: str, sample_rate: int) -> bytes:
        """In a thread."""
        native_rate, spoken = self._by_voice[voice].speak(text, voice)
        samples = pcm.resample(pcm.from_s16(spoken), native_rate, sample_rate)
        return pcm.to_s16(pcm.normalise_level(samples, sample_rate))

    def _remember(self, key: _Key, spoken: bytes) -> None:
        self._cache[key] = spoken
        self._cached_bytes += len(spoken)
        while self._cached_bytes > self._cache_limit:
            _, oldest = self._cache.popitem(last=False)
            self._cached_bytes -= len(oldest)

    def _known(self, voice: str) -> str:
        if voice not in self._by_voice:
            raise UnknownVoice(f"no voice {voice!r} on this machine; there are: {', '.join(sorted(self._by_voice))}")
        return voice


def speakable(text: str) -> str:
    """Printable text of one line; typographic signs become the plain ones. Raises `UnspeakableText`."""
    if len(text) > MAX_TEXT_CHARS:
        raise UnspeakableText(f"{len(text)} characters in one sentence; at most {MAX_TEXT_CHARS} can be spoken at once")
    plain = unicodedata.normalize("NFC", text.translate(TYPOGRAPHY))
    cleaned = " ".join("".join(c if c.isprintable() else " " for c in plain).split())
    if not any(c.isalnum() for c in cleaned):
        raise UnspeakableText("there is no word to speak")
    return cleaned


def discover_engines(choice: EngineChoice = BUILT_IN_VOICES) -> list[VoiceEngine]:
    """The chosen engine first, then every built-in one that this machine has. Loads the libraries; blocking.

    A built-in engine that was not asked for by name may be missing; one that was raises `SpeechEngineMissing`.
    """
    from opendeep.offline.speech.espeak import EspeakEngine
    from opendeep.offline.speech.flite import FliteEngine
    from opendeep.offline.speech.kokoro import KokoroEngine
    from opendeep.offline.speech.piper import PiperEngine

    built_in: dict[str, Callable[[], VoiceEngine]] = {"flite": FliteEngine, "espeak": EspeakEngine}
    optional: dict[str, Callable[[str], VoiceEngine]] = {"piper": PiperEngine, "kokoro": KokoroEngine}
    found: list[VoiceEngine] = []
    if choice.name in optional:
        found.append(optional[choice.name](choice.model))
    elif choice.name in built_in:
        found.append(built_in.pop(choice.name)())
    for kind in built_in.values():
        try:
            found.append(kind())
        except SpeechEngineMissing as error:
            log.info("speech.engine_missing", reason=str(error))
    return found
