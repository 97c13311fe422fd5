"""The microphone of a user who has taken over, on its way to the line: a small jitter buffer. Pure.

The network brings audio in lumps, the line takes 20 ms at a time. Playing begins when `START_BYTES` are there, and
again so after the buffer has run empty. Overflow: beyond `MAX_BYTES` the oldest goes, down to `TARGET_BYTES`, so that a
microphone whose clock runs fast does not build up a delay.
"""

from collections.abc import Callable
from typing import Final

BYTES_PER_MS: Final = 8  # µ-law
FRAME_BYTES: Final = 20 * BYTES_PER_MS
START_BYTES: Final = 60 * BYTES_PER_MS
TARGET_BYTES: Final = 120 * BYTES_PER_MS
MAX_BYTES: Final = 400 * BYTES_PER_MS
SILENCE: Final = b"\xff" * FRAME_BYTES


class GuestVoice:
    """One per take-over. `played` gets every 20 ms that left, µ-law, silence included."""

    def __init__(self, played: Callable[[bytes], None] = lambda _: None) -> None:
        self._played = played
        self._waiting = bytearray()
        self._playing = False
        self.dropped_bytes = 0
        self.gaps = 0

    @property
    def waiting_ms(self) -> int:
        return len(self._waiting) // BYTES_PER_MS

    def receive(self, audio: bytes) -> None:
        """µ-law, any number of bytes."""
        self._waiting += audio
        if len(self._waiting) > MAX_BYTES:
            excess = len(self._waiting) - TARGET_BYTES
            del self._waiting[:excess]
            self.dropped_bytes += excess

    def next_frame(self) -> bytes | None:
        """The next 20 ms, padded where the audio runs out; None while there is nothing to play."""
        if not self._playing and len(self._waiting) < START_BYTES:
            self._played(SILENCE)
            return None
        self._playing = True
        frame = bytes(self._waiting[:FRAME_BYTES])
        del self._waiting[:FRAME_BYTES]
        if len(frame) < FRAME_BYTES:
            self._playing = False
            self.gaps += 1
            frame = frame.ljust(FRAME_BYTES, b"\xff")
        self._played(frame)
        return frame
