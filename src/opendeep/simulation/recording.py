"""Stereo recordings of simulated calls: left is what the callee hears, right is what it says.

Owns one WAV file per call (s16le, 8 kHz). Writes go through a buffer of two seconds; ten minutes are kept, the rest of
a longer call is not recorded.
"""

from __future__ import annotations

import re
import wave
from pathlib import Path

import numpy as np

from opendeep.simulation.audiosocket_wire import FRAME_BYTES, SAMPLE_RATE_HZ

FLUSH_BYTES = 100 * FRAME_BYTES
MAX_BYTES_PER_SIDE = 10 * 60 * SAMPLE_RATE_HZ * 2
UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


class StereoRecorder:
    """Records one call. The file exists from the start and is valid after `close`."""

    def __init__(self, folder: Path, call_id: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # The id comes over AMI, so it must not name another folder.
        self.path = folder / f"{UNSAFE.sub('_', call_id)[:100].lstrip('.') or 'call'}.wav"
        self._file = wave.open(str(self.path), "wb")  # noqa: SIM115 (closed by close)
        self._file.setnchannels(2)
        self._file.setsampwidth(2)
        self._file.setframerate(SAMPLE_RATE_HZ)
        self._left = bytearray()
        self._right = bytearray()
        self._written = 0

    def write(self, heard: bytes, said: bytes) -> None:
        """Add 20 ms of both sides (320 bytes each)."""
        if self._written + len(self._left) >= MAX_BYTES_PER_SIDE:
            return
        self._left += heard
        self._right += said
        if len(self._left) >= FLUSH_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        stereo = np.empty(len(self._left), dtype="<i2")
        stereo[0::2] = np.frombuffer(self._left, dtype="<i2")
        stereo[1::2] = np.frombuffer(self._right, dtype="<i2")
        self._file.writeframesraw(stereo.tobytes())
        self._written += len(self._left)
        self._left, self._right = bytearray(), bytearray()
