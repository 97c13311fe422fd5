"""`NodeName`: a voice node's name in a shared database, held by one process at a time.

Owns the PostgreSQL session whose advisory lock is the name, and its renewal: a server that restarts, or a connection
that breaks, takes the lock with it. Two processes with one name would take each other's calls for orphans.
"""

import contextlib

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from opendeep.common.clock import Clock
from opendeep.common.errors import ConfigurationError
from opendeep.database.outages import translated

log = structlog.get_logger(__name__)

WAIT_S = 5.0  # PostgreSQL may notice a moment later that a process was killed
RETRY_S = 0.2
_TAKE = text("SELECT pg_try_advisory_lock(hashtextextended(:node, 0))")


def taken(node_id: str) -> ConfigurationError:
    """What the second process of a name is told."""
    return ConfigurationError(f"Another process with NODE_ID={node_id} uses this database. Give each its own NODE_ID.")


class NodeName:
    """`take` first, then `keep` from time to time, `release` at the end. All raise `DatabaseUnavailable`."""

    def __init__(self, engine: AsyncEngine, node_id: str, clock: Clock) -> None:
        self._engine = engine
        self._node_id = node_id
        self._clock = clock
        self._connection: AsyncConnection | None = None

    async def take(self) -> None:
        """Raises `ConfigurationError` when another process has it for `WAIT_S` seconds on."""
        try:
            with translated():
                await self._take()
        except BaseException:
            await self.release()  # an open session is believed to have the lock
            raise

    async def _take(self) -> None:
        plain = await self._engine.connect()
        self._connection = connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        deadline = self._clock.monotonic() + WAIT_S
        while not await connection.scalar(_TAKE, {"node": f"opendeep:{self._node_id}"}):
            if self._clock.monotonic() > deadline:
                raise taken(self._node_id)
            await self._clock.sleep(RETRY_S)

    async def keep(self) -> None:
        """Take the name again if its session was lost. Raises `ConfigurationError` when another was faster."""
        if self._connection is not None:
            try:
                await self._connection.execute(text("SELECT 1"))
            except (DBAPIError, OSError) as error:
                log.warning("node.name_lost", node_id=self._node_id, error=type(error).__name__, effect="taken again")
                await self.release()
        if self._connection is None:
            await self.take()

    async def release(self) -> None:
        """End the session: the lock is its own, and must not go back into the pool. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(DBAPIError, OSError):  # it may be broken already
                await connection.invalidate()
                await connection.close()
