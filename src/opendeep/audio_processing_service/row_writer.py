"""Writes a call's rows off the audio path: transcripts and timeline lines, in order, in small transactions.

Bounded: beyond `capacity` waiting writes the newest is refused and counted. A database that is away is waited for,
with backoff, until `close` runs out of time. What is written is decided by the caller.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from opendeep.common.clock import Clock
from opendeep.common.errors import DatabaseUnavailable, OpenDeepError
from opendeep.database.db_manager import DatabaseManager, Transaction

log = structlog.get_logger(__name__)

CAPACITY: Final = 1_000
BATCH: Final = 20
BACKOFF_FIRST_S: Final = 0.1
BACKOFF_MAX_S: Final = 2.0

Write = Callable[[Transaction], Awaitable[object]]


class RowWriter:
    """`put` from anywhere on the loop, `run` as one task, `close` at the end of the call."""

    def __init__(self, db: DatabaseManager, clock: Clock, capacity: int = CAPACITY) -> None:
        self._db = db
        self._clock = clock
        self._capacity = capacity
        self._waiting: deque[Write] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self.refused = 0

    def put(self, write: Write) -> None:
        """Write soon. `write` may run again when its transaction failed."""
        if len(self._waiting) >= self._capacity:
            self.refused += 1
            if self.refused == 1:
                log.error("call.rows_refused", waiting=len(self._waiting))
            return
        self._waiting.append(write)
        self._arrived.set()

    async def run(self) -> None:
        """Write until `finish` was called and nothing waits."""
        backoff = BACKOFF_FIRST_S
        while self._waiting or not self._closing:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            batch = [self._waiting[n] for n in range(min(BATCH, len(self._waiting)))]
            try:
                await self._write(batch)
            except DatabaseUnavailable as error:
                log.warning("call.rows_delayed", error=str(error), waiting=len(self._waiting))
                await self._clock.sleep(backoff)
                backoff = min(backoff * 2, BACKOFF_MAX_S)
                continue
            backoff = BACKOFF_FIRST_S
            for _ in batch:
                self._waiting.popleft()

    def finish(self) -> None:
        """Nothing more will be put: `run` returns when everything is written."""
        self._closing = True
        self._arrived.set()

    async def _write(self, batch: list[Write]) -> None:
        try:
            async with self._db.transaction() as work:
                for write in batch:
                    await write(work)
        except DatabaseUnavailable:
            raise
        except Exception:  # boundary: one batch; a row that can never be written must not block the others
            log.exception("call.rows_failed", rows=len(batch))
            if len(batch) > 1:
                for write in batch:
                    await self._write_alone(write)

    async def _write_alone(self, write: Write) -> None:
        try:
            async with self._db.transaction() as work:
                await write(work)
        except DatabaseUnavailable as error:
            log.error("call.row_lost", error=str(error))
        except OpenDeepError as error:
            log.error("call.row_lost", error=str(error))
        except Exception:  # boundary: one row
            log.exception("call.row_lost")
