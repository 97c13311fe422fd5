"""The moments of a call at which a fault can be aimed, as the network around the product sees them."""

from __future__ import annotations

import asyncio
from enum import StrEnum


class Moment(StrEnum):
    ORIGINATE = "just after the originate"
    RINGING = "while it rings"
    TALKING = "in mid-call"
    FAREWELL = "as the call ends"
    ANALYSIS = "during the analysis"
    ANY = "at any moment"


class Moments:
    """Whoever sees a moment announces it; a fault waits for the next one."""

    def __init__(self) -> None:
        self._waiting: dict[Moment, list[asyncio.Future[None]]] = {}

    def announce(self, moment: Moment) -> None:
        for waiting in self._waiting.pop(moment, []):
            if not waiting.done():
                waiting.set_result(None)

    async def next(self, moment: Moment, deadline_s: float) -> bool:
        """Wait for the moment; False when it did not come in time."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(moment, []).append(waiting)
        try:
            async with asyncio.timeout(deadline_s):
                await waiting
        except TimeoutError:
            return False
        return True
