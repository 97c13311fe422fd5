"""The incoming line: the client's audio as 8 kHz samples, who speaks on it, and beeps.

Owns decoding, the input buffer (bounded: `MAX_BUFFER_MS`, the oldest goes first; before speech only what the prefix
padding may need is kept), voice activity and the beep that ends a voicemail greeting. Time is the time of the
stream: milliseconds of audio since the session began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

import numpy as np
import soxr

from opendeep.offline.realtime.audio_format import AudioFormat
from opendeep.offline.realtime.settings import TurnSettings
from opendeep.offline.speech.vad import SpeechStarted, SpeechStopped

LINE_RATE: Final = 8_000
BYTES_PER_MS: Final = LINE_RATE * 2 // 1000
MAX_BUFFER_MS: Final = 120_000
KEPT_BEFORE_SPEECH_MS: Final = 1_500

BEEP_FRAME_MS: Final = 20
BEEP_MIN_MS: Final = 140  # shorter tones are clicks and key presses (voice.md: one tone of at least 140 ms)
BEEP_PURITY: Final = 0.85  # share of the energy within one narrow band
BEEP_LOW_HZ, BEEP_HIGH_HZ = 400, 2_000
BEEP_MIN_RMS: Final = 300.0


class Activity(Protocol):
    """Voice activity of one stream (`opendeep.offline.speech.VoiceActivity`)."""

    @property
    def voiced_until_ms(self) -> int: ...

    def feed(self, data: bytes) -> list[SpeechStarted | SpeechStopped]: ...


ActivityFactory = Callable[[TurnSettings], Activity]


class BeepDetector:
    """Finds one steady tone of at least `BEEP_MIN_MS`. Pure; fed with s16le at 8 kHz."""

    def __init__(self) -> None:
        self._pending = b""
        self._tone_ms = 0
        self._position_ms = 0
        self.last_end_ms: int | None = None

    @property
    def sounding(self) -> bool:
        return self._tone_ms >= BEEP_MIN_MS

    def feed(self, pcm: bytes) -> None:
        data = self._pending + pcm
        size = BEEP_FRAME_MS * BYTES_PER_MS
        whole = len(data) // size * size
        self._pending = data[whole:]
        if not whole:
            return
        frames = np.frombuffer(data[:whole], dtype="<i2").reshape(-1, size // 2).astype(np.float32)
        for tone in _is_tone(frames):
            if not tone and self.sounding:
                self.last_end_ms = self._position_ms
            self._tone_ms = self._tone_ms + BEEP_FRAME_MS if tone else 0
            self._position_ms += BEEP_FRAME_MS


def _is_tone(frames: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> list[bool]:
    """Per frame: loud enough, and nearly all energy in three neighbouring bins between 400 and 2000 Hz."""
    power = np.abs(np.fft.rfft(frames * np.hanning(frames.shape[1]), axis=1)) ** 2
    hz_per_bin = LINE_RATE / frames.shape[1]
    low, high = int(BEEP_LOW_HZ / hz_per_bin), int(BEEP_HIGH_HZ / hz_per_bin)
    peak = power[:, low : high + 1].argmax(axis=1) + low
    band = sum(np.take_along_axis(power, (peak + shift)[:, None], axis=1)[:, 0] for shift in (-1, 0, 1))
    loud = np.sqrt((frames**2).mean(axis=1)) >= BEEP_MIN_RMS
    return [bool(value) for value in loud & (band >= BEEP_PURITY * np.maximum(power.sum(axis=1), 1e-9))]


class Line:
    """Everything the client has sent, and what is going on in it."""

    def __init__(self, make_activity: ActivityFactory) -> None:
        self._make_activity = make_activity
        self._turns: TurnSettings | None = None
        self._activity: Activity | None = None
        self._activity_start_ms = 0
        self._format = AudioFormat.PCM
        self._resample: soxr.ResampleStream | None = None
        self._odd = b""
        self._buffer = bytearray()
        self._beep = BeepDetector()
        self._received = 0  # bytes of s16le at 8 kHz
        self._speech_start_ms: int | None = None
        self.speaking = False
        self.last_speech_ms = 0  # end of the last voiced sound

    @property
    def now_ms(self) -> int:
        """How much audio has arrived, in ms."""
        return self._received // BYTES_PER_MS

    @property
    def buffered_ms(self) -> int:
        return len(self._buffer) // BYTES_PER_MS

    @property
    def voiced_until_ms(self) -> int:
        """Until when somebody was heard to speak."""
        return self._activity_start_ms + (self._activity.voiced_until_ms if self._activity is not None else 0)

    def configure(self, audio_format: AudioFormat, turns: TurnSettings | None) -> None:
        """Take over new settings; an unchanged one keeps its state."""
        if audio_format is not self._format or (audio_format is AudioFormat.PCM and self._resample is None):
            self._format, self._odd = audio_format, b""
            resampled = audio_format.rate != LINE_RATE
            self._resample = (
                soxr.ResampleStream(audio_format.rate, LINE_RATE, 1, dtype="int16", quality="LQ") if resampled else None
            )
        if turns != self._turns:
            self._turns = turns
            self._activity = self._make_activity(turns) if turns else None
            self._activity_start_ms = self.now_ms
            self._speech_start_ms, self.speaking = None, False

    def append(self, wire: bytes) -> Iterator[tuple[bool, int]]:
        """Take wire audio. Yields the edges of speech as (started, ms of the stream), one at a time, so that the
        caller can `take` an utterance before the next one begins. To be run to its end."""
        pcm = self._decode(wire)
        self._buffer += pcm
        self._received += len(pcm)
        self._beep.feed(pcm)
        if self._activity is not None:
            for edge in self._activity.feed(pcm):
                yield self._edge(edge)
        self._bound()

    def take(self, until_ms: int | None = None) -> bytes:
        """The buffered audio up to `until_ms` of the stream (None: all), from the start of speech if that is known."""
        taken = self.peek(until_ms)
        start_ms = self.now_ms - self.buffered_ms
        del self._buffer[: len(self._buffer) if until_ms is None else max(0, until_ms - start_ms) * BYTES_PER_MS]
        self._speech_start_ms = None
        return taken

    def peek(self, until_ms: int | None = None) -> bytes:
        """What `take` would give, and it stays."""
        start_ms = self.now_ms - self.buffered_ms
        skip = max(0, (self._speech_start_ms or 0) - start_ms) * BYTES_PER_MS
        end = len(self._buffer) if until_ms is None else max(0, until_ms - start_ms) * BYTES_PER_MS
        return bytes(self._buffer[skip:end])

    def clear(self) -> None:
        """Forget what is buffered."""
        self._buffer.clear()
        self._speech_start_ms = None

    @staticmethod
    def convert(wire: bytes, audio_format: AudioFormat) -> bytes:
        """A whole piece of wire audio as s16le at 8 kHz, apart from the stream."""
        size = audio_format.sample_bytes
        pcm = audio_format.to_linear(wire[: len(wire) // size * size])
        if audio_format.rate == LINE_RATE:
            return pcm
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.int16)
        return bytes(soxr.resample(samples, audio_format.rate, LINE_RATE, quality="LQ").astype("<i2").tobytes())

    def greeting_over(self, quiet_ms: int) -> bool:
        """True when a beep has ended after the last speech, or nothing was heard for `quiet_ms`."""
        if self.speaking or self._beep.sounding:
            return False
        beep_end = self._beep.last_end_ms
        if beep_end is not None and beep_end >= self.last_speech_ms:
            return True
        return self.now_ms - self.last_speech_ms >= quiet_ms

    def _decode(self, wire: bytes) -> bytes:
        data = self._odd + wire
        whole = len(data) // self._format.sample_bytes * self._format.sample_bytes
        self._odd = data[whole:]
        pcm = self._format.to_linear(data[:whole])
        if self._resample is None:
            return pcm
        return bytes(self._resample.resample_chunk(np.frombuffer(pcm, dtype="<i2").astype(np.int16)).tobytes())

    def _edge(self, edge: SpeechStarted | SpeechStopped) -> tuple[bool, int]:
        at_ms = edge.at_ms + self._activity_start_ms
        self.speaking = started = isinstance(edge, SpeechStarted)
        if started:
            self._speech_start_ms = at_ms
        else:
            silence = self._turns.silence_duration_ms if self._turns else 0
            self.last_speech_ms = max(0, at_ms - silence)
        return started, at_ms

    def _bound(self) -> None:
        """Keep the buffer bounded: without speech only the padding, never more than `MAX_BUFFER_MS`."""
        waiting = self._activity is not None and not self.speaking
        prefix = self._turns.prefix_padding_ms if self._turns else 0
        limit = (KEPT_BEFORE_SPEECH_MS + prefix if waiting else MAX_BUFFER_MS) * BYTES_PER_MS
        del self._buffer[: max(0, len(self._buffer) - limit)]
