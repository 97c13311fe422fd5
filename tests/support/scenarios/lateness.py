"""Whether this process kept up with the clock: a machine that was too busy to speak every 20 ms proves nothing.

Owns one heartbeat beside the scenarios. What is done about a late one is decided in ``worlds``.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

BEAT_S = 0.02
LATE_S = 0.1  # five frames: sounds run together, pauses disappear


class Lateness:
    """Beats every 20 ms while it is open, and remembers when it was last woken 100 ms too late or later."""

    def __init__(self) -> None:
        self._late_at_s = float("-inf")
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat(), name="lateness")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def since(self, moment_s: float) -> bool:
        """Whether the process was late after that moment of the loop's clock."""
        return self._late_at_s >= moment_s

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + BEAT_S
            await asyncio.sleep(BEAT_S)
            if loop.time() - due_s > LATE_S:
                self._late_at_s = loop.time()
