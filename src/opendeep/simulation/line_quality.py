"""A callee's telephone line in one call: what it says and hears, as the line lets it through, frame by frame.

Owns the state that the impairments need (what was heard before, what is still on its way); their arithmetic lives in
`impairments`. A clean line costs nothing.
"""

from __future__ import annotations

from collections import deque

from opendeep.simulation.audiosocket_wire import FRAME_BYTES, SAMPLE_RATE_HZ, SILENCE_FRAME
from opendeep.simulation.callee_line import LineQuality, LostAs
from opendeep.simulation.impairments import (
    PATTERN_FRAMES,
    REPEAT_FADES_DB,
    amplified,
    late_frames,
    lost_frames,
    mixed,
    noise_frame,
    through_mulaw,
)

OTHER_WAY = 1_000_000  # added to the seed: the two directions lose different frames


class CalleeLine:
    """Fed once a tick, in this order: `hear`, `speak`, `depart`. Holds at most a second of each side."""

    def __init__(self, quality: LineQuality) -> None:
        self._quality = quality
        self._clean = quality == LineQuality(seed=quality.seed)
        self._heard_at = self._said_at = self._departed_at = 0
        echo = quality.echo
        self._echo = bytearray(2 * (SAMPLE_RATE_HZ * echo.delay_ms // 1000) if echo is not None else 0)
        self._before = SILENCE_FRAME
        self._on_the_way: deque[tuple[int, bytes]] = deque()

    def hear(self, frame: bytes) -> bytes:
        """Return what the callee hears of what the caller said."""
        quality, index = self._quality, self._heard_at
        self._heard_at += 1
        if not quality.both_ways:
            return frame
        if self._is_lost(index, OTHER_WAY):
            return SILENCE_FRAME
        return through_mulaw(frame) if quality.mulaw else frame

    def speak(self, frame: bytes, heard: bytes) -> bytes:
        """Return what leaves the callee's telephone; `heard` is what came out of its earpiece in the same 20 ms."""
        if self._clean:
            return frame
        quality, index = self._quality, self._said_at
        self._said_at += 1
        if quality.gain_db:
            frame = amplified(frame, quality.gain_db)
        if quality.echo is not None:
            self._echo += heard
            returned = bytes(self._echo[:FRAME_BYTES])
            del self._echo[:FRAME_BYTES]
            frame = mixed(frame, amplified(returned, quality.echo.level_db))
        if quality.noise is not None:
            noise = quality.noise
            frame = mixed(frame, noise_frame(noise.kind, noise.level_dbfs, quality.seed, index))
        return through_mulaw(frame) if quality.mulaw else frame

    def depart(self, frame: bytes) -> tuple[bytes, ...]:
        """Return the frames that arrive at the caller's end in this tick, in order: mostly this very one."""
        quality, index = self._quality, self._departed_at
        if quality.loss is None and quality.jitter is None:
            return (frame,)
        self._departed_at += 1
        arriving = self._survivor(frame, index)
        if quality.jitter is None:
            return () if arriving is None else (arriving,)
        late = late_frames(quality.jitter.ms, quality.jitter.share, quality.seed)
        if arriving is not None:
            self._on_the_way.append((index + int(late[index % PATTERN_FRAMES]), arriving))
        there: list[bytes] = []
        while self._on_the_way and self._on_the_way[0][0] <= index:
            there.append(self._on_the_way.popleft()[1])
        return tuple(there)

    def _survivor(self, frame: bytes, index: int) -> bytes | None:
        """Return what the network makes of a frame, None when nothing of it arrives."""
        loss = self._quality.loss
        if loss is None or not self._is_lost(index):
            self._before = frame
            return frame
        if loss.lost_as is LostAs.NOTHING:
            return None
        if loss.lost_as is LostAs.SILENCE:
            return SILENCE_FRAME
        self._before = amplified(self._before, REPEAT_FADES_DB)
        return self._before

    def _is_lost(self, index: int, other_way: int = 0) -> bool:
        loss = self._quality.loss
        if loss is None:
            return False
        return bool(lost_frames(loss.share, loss.burst, self._quality.seed + other_way)[index % PATTERN_FRAMES])
