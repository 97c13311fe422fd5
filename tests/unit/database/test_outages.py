"""A database that is away, on the manager: each way of being away is `DatabaseUnavailable`, and soon."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from opendeep.common.errors import DatabaseUnavailable
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.database import db_manager
from opendeep.database.db_manager import DatabaseManager
from tests.support.services import free_tcp_port

DEADLINE_S = 60.0
WRITERS = 12
BUSY_S = db_manager.SQLITE_BUSY_TIMEOUT_MS / 1000


@pytest.mark.parametrize("address", ["127.0.0.1:{port}/x", "/x?host=/no/such/folder", "256.0.0.1:{port}/x"])
async def test_a_server_that_cannot_be_reached(address: str) -> None:
    url = f"postgresql+asyncpg://nobody@{address.format(port=free_tcp_port())}"
    manager = DatabaseManager(url, InProcessDoorbell())
    try:
        with pytest.raises(DatabaseUnavailable):
            await manager.ping()
        with pytest.raises(DatabaseUnavailable):
            async with manager.transaction() as work:
                await work.tasks.next_due_at()
    finally:
        await manager.close()


async def test_writers_behind_a_locked_file_do_not_wait_for_one_another(tmp_path: Path) -> None:
    manager = DatabaseManager(f"sqlite+aiosqlite:///{tmp_path}/t.db", InProcessDoorbell())
    await manager.upgrade()
    locker = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")

    async def write() -> None:
        async with manager.transaction() as work:
            await work.users.get_or_create("Ann")

    try:
        async with asyncio.timeout(WRITERS * BUSY_S / 2):  # not `WRITERS` times the file's own patience
            results = await asyncio.gather(*(write() for _ in range(WRITERS)), return_exceptions=True)
        assert [type(result) for result in results] == [DatabaseUnavailable] * WRITERS
        locker.execute("ROLLBACK")
        await asyncio.wait_for(write(), DEADLINE_S)
    finally:
        locker.close()
        await manager.close()
