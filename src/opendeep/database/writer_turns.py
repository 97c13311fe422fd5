"""`WriterTurns`: who may write next in this process. Knows neither database nor rows.

SQLite takes one writer at a time. PostgreSQL takes many, but each needs a connection of the pool, and those who wait
there wait in one line. A hundred calls that write their timelines would keep the few whose word all calls wait for (the
scheduler, the claim of lines, the lease of the node) at the end of that line, so these go first: one of them, then one
of the others, in turn, each kind in the order of arrival. So neither kind can starve the other.
"""

import asyncio
from collections import deque

Waiter = asyncio.Future[None]


class WriterTurns:
    """At most `at_once` writers."""

    def __init__(self, at_once: int = 1) -> None:
        self._free = at_once
        self._urgent: deque[Waiter] = deque()
        self._others: deque[Waiter] = deque()
        self._last_was_urgent = False

    async def take(self, *, urgent: bool = False) -> None:
        """Wait for a turn; `give_back` ends it."""
        if self._free:
            self._free -= 1
            return
        line = self._urgent if urgent else self._others
        waiter: Waiter = asyncio.get_running_loop().create_future()
        line.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():  # the turn came in the same moment
                self.give_back()
            raise  # a cancelled waiter stays in its line, which passes over it

    def give_back(self) -> None:
        """The turn passes to the next waiter itself: nobody who comes just now is before it."""
        first, second = (self._others, self._urgent) if self._last_was_urgent else (self._urgent, self._others)
        for line in (first, second):
            while line:
                waiter = line.popleft()
                if not waiter.done():
                    self._last_was_urgent = line is self._urgent
                    waiter.set_result(None)
                    return
        self._free += 1
