"""The microphone of a browser on its way into the call: a small jitter buffer whose delay does not grow. Pure.

The network brings µ-law in lumps, the call takes 20 ms at a time. Playing begins with `START_FRAMES`, and again so
after the buffer has run empty. Beyond `MAX_FRAMES` the oldest go, down to `START_FRAMES`; and what was never needed
in `WINDOW_FRAMES` goes too, so that a microphone whose clock runs fast and a network that stumbled once leave no delay.
"""

from __future__ import annotations

from typing import Final

FRAME_MS: Final = 20
FRAME_BYTES: Final = 160  # µ-law at 8 kHz
START_FRAMES: Final = 3
MAX_FRAMES: Final = 15
SPARE_FRAMES: Final = 2
WINDOW_FRAMES: Final = 100
SILENCE: Final = b"\xff"


class MicrophoneBuffer:
    """One per call. `dropped_ms`, `gaps` and `most_ms` measure it: given up, ran empty, longest wait of a sound."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._playing = False
        self._least = MAX_FRAMES  # frames that were left over in this window
        self._pulls = 0
        self.dropped_ms = 0
        self.gaps = 0
        self.most_ms = 0

    @property
    def waiting_ms(self) -> int:
        return len(self._waiting) * FRAME_MS // FRAME_BYTES

    def push(self, audio: bytes) -> None:
        """Take µ-law of any length."""
        self._waiting += audio
        if len(self._waiting) > MAX_FRAMES * FRAME_BYTES:
            self._drop(len(self._waiting) - START_FRAMES * FRAME_BYTES)
        self.most_ms = max(self.most_ms, self.waiting_ms)

    def pull(self) -> bytes | None:
        """Return the next 20 ms (160 bytes), padded where the sound runs out; None while there is nothing to play."""
        if not self._playing and len(self._waiting) < START_FRAMES * FRAME_BYTES:
            return None
        self._playing = True
        frame = bytes(self._waiting[:FRAME_BYTES])
        del self._waiting[:FRAME_BYTES]
        self._look_back()
        if len(frame) == FRAME_BYTES:
            return frame
        self._playing = False
        self.gaps += 1
        return frame.ljust(FRAME_BYTES, SILENCE) if frame else None

    def _look_back(self) -> None:
        """Give up what stayed over in the whole window."""
        self._least = min(self._least, len(self._waiting) // FRAME_BYTES)
        self._pulls += 1
        if self._pulls < WINDOW_FRAMES:
            return
        if self._least > SPARE_FRAMES:
            self._drop((self._least - SPARE_FRAMES) * FRAME_BYTES)
        self._least, self._pulls = MAX_FRAMES, 0

    def _drop(self, count: int) -> None:
        del self._waiting[:count]
        self.dropped_ms += count * FRAME_MS // FRAME_BYTES
