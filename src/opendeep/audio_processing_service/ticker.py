"""One 20 ms ticker for all calls of the process. Absolute deadlines: a late wake-up is made up for, never added up.

The calls are spread over `PHASES` moments of the period, so that their frames do not leave in one burst: a burst holds
up the loop, and whoever is last in it hears every change of its length as jitter. `Pace` is the pure arithmetic,
`Ticker` the shell that arms the loop's timers. What a tick does is its subscriber's.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

log = structlog.get_logger(__name__)

PERIOD_S: Final = 0.020
PHASES: Final = 4  # 5 ms apart
MAX_CATCH_UP: Final = 10  # frames sent at once after a stall of the process; the rest is given up

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
        self._count += frames
        self.resyncs += frames > self._max_catch_up
        return min(frames, self._max_catch_up)


class Ticker:
    """Beats for every subscriber. A subscriber that raises is dropped and logged; the others go on."""

    def __init__(self) -> None:
        self._phases = [_Phase() for _ in range(PHASES)]

    def __len__(self) -> int:
        return sum(len(phase.beats) for phase in self._phases)

    @property
    def failures(self) -> int:
        """Subscribers that raised."""
        return sum(phase.failures for phase in self._phases)

    def add(self, beat: Beat) -> None:
        """Beat from the next tick on, in the emptiest phase. Adding twice is adding once."""
        if self._phase_of(beat) is None:
            min(self._phases, key=lambda phase: len(phase.beats)).beats[beat] = None

    def remove(self, beat: Beat) -> None:
        """Harmless when it is not there."""
        phase = self._phase_of(beat)
        if phase is not None:
            del phase.beats[beat]

    def replace(self, beat: Beat, successor: Beat) -> None:
        """The successor goes on in the phase of `beat`: the line hears no gap. Without `beat` it is added."""
        phase = self._phase_of(beat)
        if phase is None:
            self.add(successor)
        else:
            del phase.beats[beat]
            phase.beats[successor] = None

    async def run(self) -> None:
        """The worker: beats until it is cancelled."""
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        try:
            for number, phase in enumerate(self._phases):
                phase.start(loop, start_s + number * PERIOD_S / PHASES)
            await loop.create_future()
        finally:
            for phase in self._phases:
                phase.stop()

    def _phase_of(self, beat: Beat) -> "_Phase | None":
        return next((phase for phase in self._phases if beat in phase.beats), None)


class _Phase:
    """The subscribers that share a moment of the period, and its timer."""

    def __init__(self) -> None:
        self.beats: dict[Beat, None] = {}
        self.failures = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop, start_s: float) -> None:
        pace = Pace(start_s)

        def tick() -> None:
            frames = pace.due(loop.time())
            if frames:
                self._beat_all(frames)
            self._timer = loop.call_at(pace.deadline_s, tick)

        self._timer = loop.call_at(pace.deadline_s, tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _beat_all(self, frames: int) -> None:
        for beat in tuple(self.beats):
            try:
                beat(frames)
            except Exception:  # boundary: one call's tick
                self.failures += 1
                self.beats.pop(beat, None)
                log.exception("ticker.beat_failed")
