"""An event loop whose time stands still until a test moves it; everything else about it is real.

All of asyncio (sleeps, time-outs, timers) sees virtual time, sockets and threads stay what they are: time goes on to
the next timer only after nothing has been ready for a moment of real time, and never while `busy()` says that a thread
still works on something.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

QUIET_S = 0.002  # real seconds without anything ready, then time may go on
WATCHDOG_S = 30.0  # real seconds for what should take milliseconds

Result = TypeVar("Result")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Use `perform` and `advance` from synchronous code; close it at the end."""

    def __init__(self) -> None:
        self._now = 1_000.0
        self._limit = self._now
        self._still: asyncio.Future[None] | None = None
        self._alarm = 0.0
        self.busy: Callable[[], bool] = lambda: False
        super().__init__(_PatientSelector(self))

    def time(self) -> float:
        return self._now

    def perform(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run to its end while time stands still."""
        self._alarm = time.monotonic() + WATCHDOG_S
        return self.run_until_complete(work)

    def advance(self, seconds: float) -> None:
        """Let time pass, timer by timer, until nothing more happens at its end."""
        self._limit = self._now + seconds
        self._alarm = time.monotonic() + WATCHDOG_S
        self._still = self.create_future()
        self.run_until_complete(self._still)
        self._still = None

    def rest(self, timeout: float | None) -> None:
        """Nothing is ready, and the next timer is `timeout` seconds away; called by the selector."""
        if time.monotonic() > self._alarm:
            raise AssertionError("The virtual loop waits for something that does not come.")
        if self.busy():
            return
        if timeout is not None and self._now + timeout <= self._limit:
            self._now += max(timeout, 1e-6)
            self._alarm = time.monotonic() + WATCHDOG_S
            return
        self._now = max(self._now, self._limit)
        if self._still is not None and not self._still.done():
            self._still.set_result(None)


class VirtualClock:
    """`common.clock.Clock` of a virtual loop; `skew_s` is how wrong this machine's wall clock is."""

    def __init__(self, loop: VirtualLoop, skew_s: float = 0.0) -> None:
        self._loop = loop
        self._start = datetime(2026, 3, 2, 15, 0, tzinfo=UTC) + timedelta(seconds=skew_s - loop.time())

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _PatientSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return list(super().select(0))
        ready = list(super().select(QUIET_S))
        if not ready:
            self._loop.rest(timeout)
        return ready
