"""One 20 ms ticker for all calls of the process. Absolute deadlines: a late wake-up is made up for, never added up.

`Pace` is the pure arithmetic, `Ticker` the shell that arms the loop's timer. What a tick does is its subscriber's.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

log = structlog.get_logger(__name__)

PERIOD_S: Final = 0.020
MAX_CATCH_UP: Final = 10  # frames sent at once after a stall of the process; beyond it the beat starts anew

Beat = Callable[[int], None]
"""Called with the number of 20 ms frames that are due, 1 unless the wake-up was late."""


class Pace:
    """When the next tick is due and how many are due now. Seconds of any monotonic clock."""

    def __init__(self, start_s: float, period_s: float = PERIOD_S, max_catch_up: int = MAX_CATCH_UP) -> None:
        self._start_s = start_s
        self._period_s = period_s
        self._max_catch_up = max_catch_up
        self._count = 0
        self.resyncs = 0

    @property
    def deadline_s(self) -> float:
        """When the next tick is due."""
        return self._start_s + (self._count + 1) * self._period_s

    def due(self, now_s: float) -> int:
        """Ticks due since the last call; after a stall of more than `max_catch_up` the rest is given up."""
        frames = max(0, int((now_s - self._start_s) / self._period_s + 1e-6) - self._count)
        if frames > self._max_catch_up:
            self.resyncs += 1
            self._start_s, self._count = now_s, 0
            return self._max_catch_up
        self._count += frames
        return frames


class Ticker:
    """Beats for every subscriber. A subscriber that raises is dropped and logged; the others go on."""

    def __init__(self) -> None:
        self._beats: dict[Beat, None] = {}
        self._handle: asyncio.TimerHandle | None = None
        self.failures = 0
        self.resyncs = 0

    def __len__(self) -> int:
        return len(self._beats)

    def add(self, beat: Beat) -> None:
        """Beat from the next tick on. Adding twice is adding once."""
        self._beats[beat] = None

    def remove(self, beat: Beat) -> None:
        """Harmless when it is not there."""
        self._beats.pop(beat, None)

    async def run(self) -> None:
        """The worker: beats until it is cancelled."""
        loop = asyncio.get_running_loop()
        pace = Pace(loop.time())

        def tick() -> None:
            frames = pace.due(loop.time())
            if frames:
                self._beat_all(frames)
                self.resyncs = pace.resyncs
            self._handle = loop.call_at(pace.deadline_s, tick)

        self._handle = loop.call_at(pace.deadline_s, tick)
        try:
            await loop.create_future()
        finally:
            self._handle.cancel()

    def _beat_all(self, frames: int) -> None:
        for beat in tuple(self._beats):
            try:
                beat(frames)
            except Exception:  # boundary: one call's tick
                self.failures += 1
                self.remove(beat)
                log.exception("ticker.beat_failed")
