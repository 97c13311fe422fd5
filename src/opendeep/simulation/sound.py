"""Sounds and ears of the telephone network: tones, levels, the callee's turn detector and its jitter buffer.

Owns arithmetic on 8 kHz s16le audio; scripts, sockets and clocks must not live here. Our lines carry either exact
silence or speech, so energy tells them apart (`reference`: real lines need a trained detector, this one does not).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from opendeep.simulation.audiosocket_wire import FRAME_BYTES, FRAME_MS, SAMPLE_RATE_HZ, SILENCE_FRAME

SPEECH_LEVEL_RMS = 120.0  # about -49 dBFS: above µ-law's idle noise, below quiet speech
SPEECH_START_MS = 60
PRE_ROLL_MS = 200
MAX_TURN_MS = 30_000
RAMP_MS = 5


def tone(frequency_hz: float, duration_ms: int, level_dbfs: float = -12.0) -> bytes:
    """Return a sine with short ramps (no clicks), s16le at 8 kHz; `level_dbfs` is its peak."""
    count = SAMPLE_RATE_HZ * duration_ms // 1000
    wave = np.sin(2 * np.pi * frequency_hz * np.arange(count) / SAMPLE_RATE_HZ)
    ramp = min(SAMPLE_RATE_HZ * RAMP_MS // 1000, count // 2)
    if ramp:
        edge = np.linspace(0.0, 1.0, ramp)
        wave[:ramp] *= edge
        wave[-ramp:] *= edge[::-1]
    peak = 32767.0 * 10 ** (level_dbfs / 20)
    return (wave * peak).astype("<i2").tobytes()


def to_8khz(pcm: bytes, rate_hz: int) -> bytes:
    """Return s16le at 8 kHz; other rates are averaged down, good enough for a callee's ear. An odd byte is dropped."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2")
    if rate_hz == SAMPLE_RATE_HZ or samples.size == 0:
        return samples.tobytes()
    count = samples.size * SAMPLE_RATE_HZ // rate_hz
    sums = np.concatenate(([0.0], np.cumsum(samples, dtype=np.float64)))
    edges = np.linspace(0, samples.size, count + 1).astype(int)
    lengths = np.maximum(np.diff(edges), 1)
    means: np.ndarray = np.round(np.diff(sums[edges]) / lengths).astype("<i2")
    return means.tobytes()


def is_loud(frame: bytes, threshold_rms: float = SPEECH_LEVEL_RMS) -> bool:
    """Tell whether a frame of s16le carries a signal; exact silence costs one comparison."""
    if frame == SILENCE_FRAME:
        return False
    samples = np.frombuffer(frame, dtype="<i2").astype(np.float32)
    return float(np.dot(samples, samples)) > threshold_rms * threshold_rms * samples.size


class JitterBuffer:
    """What arrived from the peer and was not heard yet: bytes of any length in, 20 ms frames out.

    After an underrun it waits for 40 ms before it plays again. It holds one second; when full the oldest is dropped
    and counted, so that delay cannot grow.
    """

    PREBUFFER_BYTES = 2 * FRAME_BYTES
    MAX_BYTES = 50 * FRAME_BYTES
    PATIENCE_FRAMES = 3

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._filling = True
        self._waited_frames = 0
        self.dropped_bytes = 0

    def push(self, pcm: bytes) -> None:
        self._buffer += pcm
        excess = len(self._buffer) - self.MAX_BYTES
        if excess > 0:
            del self._buffer[:excess]
            self.dropped_bytes += excess

    def pull(self) -> bytes:
        """Return the next 20 ms (320 bytes); silence when there is nothing to play."""
        if self._filling and not self._ready():
            return SILENCE_FRAME
        if not self._buffer:
            self._filling, self._waited_frames = True, 0
            return SILENCE_FRAME
        self._filling = False
        frame = bytes(self._buffer[:FRAME_BYTES])
        del self._buffer[:FRAME_BYTES]
        return frame if len(frame) == FRAME_BYTES else frame + bytes(FRAME_BYTES - len(frame))

    def _ready(self) -> bool:
        """Enough is queued, or a short rest has waited long enough for more."""
        if not self._buffer:
            return False
        self._waited_frames += 1
        return len(self._buffer) >= self.PREBUFFER_BYTES or self._waited_frames >= self.PATIENCE_FRAMES


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The other side began to speak."""


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The other side has been quiet for the whole pause; `pcm` is the turn, `speech_ms` its voiced part."""

    pcm: bytes
    speech_ms: int


class TurnDetector:
    """Finds the other side's turns in 20 ms frames. Time is counted in frames.

    A turn ends after `end_of_turn_ms` of quiet, so pauses shorter than that stay inside. At most 30 s of a turn are
    kept; when full the oldest is dropped.
    """

    def __init__(self, end_of_turn_ms: int) -> None:
        self._end_frames = max(1, end_of_turn_ms // FRAME_MS)
        self._start_frames = SPEECH_START_MS // FRAME_MS
        self._audio = bytearray()
        self._loud_in_a_row = 0
        self._quiet_in_a_row = 0
        self._speech_frames = 0
        self.speaking = False

    @property
    def speech_ms(self) -> int:
        """Voiced length of the turn so far."""
        return self._speech_frames * FRAME_MS

    def feed(self, frame: bytes) -> TurnStarted | TurnEnded | None:
        """Take one frame of 320 bytes and tell what it changed."""
        loud = is_loud(frame)
        self._loud_in_a_row = self._loud_in_a_row + 1 if loud else 0
        self._quiet_in_a_row = 0 if loud else self._quiet_in_a_row + 1
        self._keep(frame)
        if not self.speaking:
            return self._maybe_start()
        self._speech_frames += loud
        return self._end() if self._quiet_in_a_row >= self._end_frames else None

    def _keep(self, frame: bytes) -> None:
        limit_ms = MAX_TURN_MS if self.speaking else PRE_ROLL_MS + SPEECH_START_MS
        self._audio += frame
        excess = len(self._audio) - limit_ms // FRAME_MS * FRAME_BYTES
        if excess > 0:
            del self._audio[:excess]

    def _maybe_start(self) -> TurnStarted | None:
        if self._loud_in_a_row < self._start_frames:
            return None
        self.speaking = True
        self._speech_frames = self._loud_in_a_row
        return TurnStarted()

    def _end(self) -> TurnEnded:
        ended = TurnEnded(bytes(self._audio), self.speech_ms)
        self.speaking = False
        self._speech_frames = 0
        self._audio.clear()
        return ended
