"""The one clock of the switch: a tick every 20 ms for all calls together.

Owns pacing by absolute deadlines. Time is counted in ticks, so a process that was stopped (a debugger, a suspended
machine) finds its calls where it left them. What happens in a tick must not live here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from opendeep.simulation.audiosocket_wire import FRAME_MS

TickHandler = Callable[[int], None]
MAX_CATCH_UP_TICKS = 10


class Ticker(Protocol):
    """Calls a handler every 20 ms with the time in ms since the start."""

    def start(self, on_tick: TickHandler) -> None: ...

    def stop(self) -> None: ...


class PacingTicker:
    """The real clock. A late wake-up is made up for at once, by 10 ticks at most; more than that is skipped."""

    def __init__(self) -> None:
        self._on_tick: TickHandler | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._deadline_s = 0.0
        self._now_ms = 0
        self.skipped_ticks = 0

    def start(self, on_tick: TickHandler) -> None:
        loop = asyncio.get_running_loop()
        self._on_tick = on_tick
        self._deadline_s = loop.time() + FRAME_MS / 1000
        self._handle = loop.call_at(self._deadline_s, self._wake)

    def stop(self) -> None:
        self._on_tick = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _wake(self) -> None:
        try:
            self._tick_until(asyncio.get_running_loop().time())
        finally:  # a handler that raises is reported by the loop and must not stop the clock
            if self._on_tick is not None:
                self._handle = asyncio.get_running_loop().call_at(self._deadline_s, self._wake)

    def _tick_until(self, now_s: float) -> None:
        late_ticks = int((now_s - self._deadline_s) * 1000) // FRAME_MS
        if late_ticks > MAX_CATCH_UP_TICKS:
            self.skipped_ticks += late_ticks - MAX_CATCH_UP_TICKS
            self._deadline_s += (late_ticks - MAX_CATCH_UP_TICKS) * FRAME_MS / 1000
            late_ticks = MAX_CATCH_UP_TICKS
        for _ in range(late_ticks + 1):
            if self._on_tick is None:
                return
            self._now_ms += FRAME_MS
            self._deadline_s += FRAME_MS / 1000
            self._on_tick(self._now_ms)


class ManualTicker:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self._on_tick: TickHandler | None = None
        self.now_ms = 0

    def start(self, on_tick: TickHandler) -> None:
        self._on_tick = on_tick

    def stop(self) -> None:
        self._on_tick = None

    def advance(self, ms: int) -> None:
        """Let `ms` pass, tick by tick."""
        for _ in range(ms // FRAME_MS):
            self.now_ms += FRAME_MS
            if self._on_tick is not None:
                self._on_tick(self.now_ms)
