"""A clock that only the test moves."""

import asyncio
from datetime import UTC, datetime, timedelta


class ManualClock:
    """Implements `common.clock.Clock`; `sleep` returns when `advance` has moved time far enough."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now = now or datetime(2026, 3, 2, 15, 0, tzinfo=UTC)  # a Monday, 10:00 in New York
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both times forward and wake who has slept long enough."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
        for deadline, future in self._sleepers:
            if deadline <= self._monotonic and not future.done():
                future.set_result(None)

    def set_wall_time(self, seconds: float) -> None:
        """Put the wall clock forward or back, as an operator does; monotonic time goes on as it was."""
        self._now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._monotonic + seconds, future))
        await future
