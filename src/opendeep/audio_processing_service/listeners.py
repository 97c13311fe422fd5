"""Who listens to a call, and what they get: both sides in batches of 100 ms with their levels. Pure.

Owns the leases and the batches. Nothing is encoded or measured while nobody listens, and no sound is encoded while
everybody only looks at levels. Time is that of the line: 20 ms for each frame.
"""

from collections import deque
from collections.abc import Callable
from math import log10
from typing import Final

import numpy as np

from opendeep.audio_processing_service.g711 import Law
from opendeep.audio_processing_service.live_messages import BATCH_MS, LEASE_S, Sound

FRAME_MS: Final = 20
FRAME_BYTES: Final = 320  # s16le
BATCH_FRAMES: Final = BATCH_MS // FRAME_MS
LEASE_MS: Final = round(LEASE_S * 1000)
MAX_LISTENERS: Final = 16
MAX_EARLY_FRAMES: Final = 10  # of the callee, that wait for their tick; the oldest goes first
FLOOR_DB: Final = -90.0  # below is silence
SILENCE: Final = bytes(FRAME_BYTES)


def level_db(pcm: bytes) -> float | None:
    """The RMS of s16le audio in dBFS (0: full scale), to a tenth; None below the smallest audible step."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    power = float(np.dot(samples, samples)) / max(1, len(samples)) / 32_768.0**2
    level = 10 * log10(power) if power > 0 else FLOOR_DB
    return round(level, 1) if level > FLOOR_DB else None


class Listeners:
    """One per call. `heard` gets each batch, `idle` is called when the last listener has gone."""

    def __init__(self, heard: Callable[[Sound], None], idle: Callable[[], None]) -> None:
        self._heard = heard
        self._idle = idle
        self._leases: dict[str, tuple[int, bool]] = {}  # until when, and whether sound is wanted
        self._now_ms = 0
        self._early: deque[bytes] = deque(maxlen=MAX_EARLY_FRAMES)
        self._callee: list[bytes | None] = []
        self._ours: list[bytes | None] = []
        self.guest: str | None = None  # told with each batch

    def __len__(self) -> int:
        return len(self._leases)

    def __contains__(self, listener: str) -> bool:
        return listener in self._leases

    def renew(self, listener: str, *, sound: bool) -> bool:
        """Listen for `LEASE_MS` from now; False when there are too many."""
        if listener not in self._leases and len(self._leases) >= MAX_LISTENERS:
            return False
        self._leases[listener] = (self._now_ms + LEASE_MS, sound)
        return True

    def leave(self, listener: str) -> None:
        if self._leases.pop(listener, None) is not None and not self._leases:
            self._stop()

    def hear(self, pcm: bytes) -> None:
        """A frame of the callee."""
        self._early.append(pcm)

    def tick(self, spoken: bytes | None) -> None:
        """20 ms are over: our frame, None for silence."""
        self._now_ms += FRAME_MS
        self._callee.append(self._early.popleft() if self._early else None)
        self._ours.append(spoken)
        if len(self._ours) >= BATCH_FRAMES:
            self._hand_over()

    def _hand_over(self) -> None:
        callee, ours = _joined(self._callee), _joined(self._ours)
        self._callee.clear()
        self._ours.clear()
        callee_db = None if callee is None else level_db(callee)
        ours_db = None if ours is None else level_db(ours)
        wanted = any(sound for _, sound in self._leases.values())
        at_ms = self._now_ms
        self._heard(
            Sound(
                at_ms,
                _encoded(callee if wanted and callee_db is not None else None),
                _encoded(ours if wanted and ours_db is not None else None),
                callee_db,
                ours_db,
                self.guest,
            )
        )
        gone = [listener for listener, (until_ms, _) in self._leases.items() if until_ms <= at_ms]
        for listener in gone:
            self.leave(listener)

    def _stop(self) -> None:
        for waiting in (self._early, self._callee, self._ours):
            waiting.clear()
        self._idle()


def _joined(frames: list[bytes | None]) -> bytes | None:
    """One batch of whole frames; None when all of it is silence."""
    if not any(frames):
        return None
    return b"".join((frame or SILENCE)[:FRAME_BYTES].ljust(FRAME_BYTES, b"\0") for frame in frames)


def _encoded(pcm: bytes | None) -> bytes | None:
    return None if pcm is None else Law.ULAW.encode(pcm)
