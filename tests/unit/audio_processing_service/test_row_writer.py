"""Rows get written in order, whatever one of them or the database does."""

import asyncio
import sqlite3
from pathlib import Path

from opendeep.audio_processing_service.row_writer import RowWriter, Write
from opendeep.common.clock import SystemClock
from opendeep.common.data_models import User
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.database.db_manager import DatabaseManager, Transaction
from tests.support.database import add_user, sqlite_url


async def database(tmp_path: Path) -> tuple[DatabaseManager, User]:
    db = DatabaseManager(sqlite_url(tmp_path), InProcessDoorbell())
    await db.upgrade()
    return db, await add_user(db)


def note(user: User, kind: str) -> Write:
    async def write(work: Transaction) -> None:
        await work.events.add(user.id, kind, "A line.")

    return write


async def kinds(tmp_path: Path) -> list[str]:
    with sqlite3.connect(tmp_path / "test.db") as connection:
        found = [row[0] for row in connection.execute("SELECT kind FROM call_events ORDER BY id")]
    connection.close()
    return found


async def test_a_row_that_cannot_be_written_does_not_block_the_others(tmp_path: Path) -> None:
    db, user = await database(tmp_path)
    rows = RowWriter(db, SystemClock())

    async def broken(work: Transaction) -> None:
        raise ValueError("a bug")

    for write in (note(user, "one"), broken, note(user, "two")):
        rows.put(write)
    rows.finish()
    await asyncio.wait_for(rows.run(), 10)
    assert await kinds(tmp_path) == ["one", "two"]
    await db.close()


async def test_a_locked_database_is_waited_for(tmp_path: Path) -> None:
    db, user = await database(tmp_path)
    rows = RowWriter(db, SystemClock())
    with sqlite3.connect(tmp_path / "test.db", isolation_level=None, timeout=0) as other:
        other.execute("BEGIN IMMEDIATE")
        rows.put(note(user, "late"))
        rows.finish()
        writing = asyncio.create_task(rows.run(), name="rows")
        done, _ = await asyncio.wait({writing}, timeout=0.3)
        assert not done
        other.execute("ROLLBACK")
    other.close()
    await asyncio.wait_for(writing, 60)
    assert await kinds(tmp_path) == ["late"]
    await db.close()


async def test_beyond_its_capacity_the_newest_is_refused(tmp_path: Path) -> None:
    db, user = await database(tmp_path)
    rows = RowWriter(db, SystemClock(), capacity=2)
    for kind in ("one", "two", "three"):
        rows.put(note(user, kind))
    rows.finish()
    await asyncio.wait_for(rows.run(), 10)
    assert rows.refused == 1
    assert await kinds(tmp_path) == ["one", "two"]
    await db.close()
