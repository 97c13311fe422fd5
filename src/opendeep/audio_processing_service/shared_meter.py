"""Measures the sound of all calls together: what came within 20 ms is one piece of work for numpy.

Owns the collecting and who is told; the measuring is `line_sound`'s. A call's tenth of a second is so told up to 20 ms
late, which no judgement about tones, music or pauses feels.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from opendeep.audio_processing_service.line_sound import SoundBlock, measure, measure_all

log = structlog.get_logger(__name__)

GATHER_S: Final = 0.02

Tell = Callable[[SoundBlock], None]


class Measure(Protocol):
    """Takes one block of s16le at 8 kHz and its beginning in ms of its call; tells what it sounds like."""

    def __call__(self, pcm: bytes, start_ms: int, tell: Tell, /) -> None: ...


def measure_at_once(pcm: bytes, start_ms: int, tell: Tell) -> None:
    """For whoever listens to one line alone."""
    tell(measure(pcm, start_ms))


class SharedMeter:
    """One per process; used within its event loop."""

    def __init__(self) -> None:
        self._waiting: list[tuple[bytes, int]] = []
        self._tell: list[Tell] = []
        self.failures = 0

    def measure(self, pcm: bytes, start_ms: int, tell: Tell) -> None:
        """Tell within `GATHER_S` what the block sounds like. Raises RuntimeError outside an event loop."""
        if not self._waiting:
            asyncio.get_running_loop().call_later(GATHER_S, self.flush)
        self._waiting.append((pcm, start_ms))
        self._tell.append(tell)

    def flush(self) -> None:
        """Tell now: a call ends, and what was heard last counts."""
        waiting, told = self._waiting, self._tell
        if not waiting:
            return
        self._waiting, self._tell = [], []
        for block, tell in zip(measure_all(waiting), told, strict=True):
            try:
                tell(block)
            except Exception:  # boundary: one call's ears
                self.failures += 1
                log.exception("sound.listener_failed")
