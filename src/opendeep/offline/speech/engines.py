"""The speech engines of one process: synthesis, recognition and voice activity behind one lifetime.

Owns when libraries are loaded and worker processes live. Nothing is loaded before the context is entered.
"""

import asyncio
from types import TracebackType
from typing import Any, Self

from opendeep.offline.speech.catalogue import BUILT_IN_RECOGNISER, BUILT_IN_VOICES, EngineChoice
from opendeep.offline.speech.recognizer import WorkerRecognizer
from opendeep.offline.speech.synthesizer import LocalSynthesizer, discover_engines
from opendeep.offline.speech.types import Recognizer, Synthesizer
from opendeep.offline.speech.vad import VoiceActivity


class SpeechEngines:
    """Async context manager. Raises `SpeechEngineMissing`, `SpeechEngineFault`, `UnknownVoice` on entering."""

    synthesizer: Synthesizer
    recognizer: Recognizer

    def __init__(
        self,
        *,
        workers: int = 1,
        voice: str | None = None,
        recogniser: EngineChoice = BUILT_IN_RECOGNISER,
        synthesiser: EngineChoice = BUILT_IN_VOICES,
    ) -> None:
        """`workers` recogniser processes (each about one core while somebody speaks); `voice` the default voice."""
        self._workers = workers
        self._recogniser_choice, self._synthesiser_choice = recogniser, synthesiser
        self._voice = voice
        self._synthesizer: LocalSynthesizer | None = None
        self._recognizer: WorkerRecognizer | None = None

    async def __aenter__(self) -> Self:
        engines = await asyncio.to_thread(discover_engines, self._synthesiser_choice)
        self.synthesizer = self._synthesizer = LocalSynthesizer(engines, voice=self._voice)
        self.recognizer = self._recognizer = WorkerRecognizer(workers=self._workers, engine=self._recogniser_choice)
        try:
            await self._recognizer.start()
        except BaseException:
            await self._synthesizer.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._recognizer is not None:
            await self._recognizer.close()
        if self._synthesizer is not None:
            await self._synthesizer.close()

    @property
    def voices(self) -> tuple[str, ...]:
        """The voices that can be asked for, once entered."""
        return self._synthesizer.voices if self._synthesizer is not None else ()

    @property
    def default_voice(self) -> str:
        """The voice that speaks when none is asked for."""
        return self._synthesizer.default_voice if self._synthesizer is not None else ""

    def voice_activity(self, **kw: Any) -> VoiceActivity:
        """A fresh detector for one stream; keywords as `VoiceActivity`."""
        return VoiceActivity(**kw)
