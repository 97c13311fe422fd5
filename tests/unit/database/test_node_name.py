"""A node's name is taken once, and free again when its holder ends."""

import pytest
from sqlalchemy import text

from opendeep.call_processor_service.node_lease import NodeLease
from opendeep.common.clock import SystemClock
from opendeep.common.errors import ConfigurationError
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.database.db_manager import DatabaseManager
from tests.support.database import World, make_world


class HastyClock(SystemClock):
    """Waiting takes no time: every look at the clock is a second later."""

    def __init__(self) -> None:
        self._monotonic = 0.0

    def monotonic(self) -> float:
        self._monotonic += 1.0
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        pass


async def test_a_second_process_with_the_same_name_is_refused(world: World) -> None:
    other = DatabaseManager(world.url, InProcessDoorbell(), HastyClock())
    async with world.db.as_node("voice/1"):
        with pytest.raises(ConfigurationError, match="its own NODE_ID"):
            async with other.as_node("voice/1"):
                pytest.fail("two processes have one name")
        async with other.as_node("voice/2"):
            pass
    async with other.as_node("voice/1"):
        pass
    await other.close()


@pytest.mark.postgres
async def test_a_name_whose_session_was_lost_is_taken_again(postgres_url: str) -> None:
    """A restart of PostgreSQL ends all sessions, and the locks with them."""
    world = await make_world(postgres_url)
    other = DatabaseManager(postgres_url, InProcessDoorbell(), HastyClock())
    async with world.db.as_node("voice"):
        await end_all_other_sessions(other)
        await world.db.keep_name()
        with pytest.raises(ConfigurationError, match="NODE_ID=voice"):
            async with other.as_node("voice"):
                pytest.fail("two processes have one name")
        await world.db.keep_name()
    async with other.as_node("voice"):
        pass
    await other.close()
    await world.db.close()


@pytest.mark.postgres
async def test_who_lost_the_name_to_another_process_is_told(postgres_url: str) -> None:
    world = await make_world(postgres_url)
    mine, other = (DatabaseManager(postgres_url, InProcessDoorbell(), HastyClock()) for _ in range(2))
    async with mine.as_node("voice"):
        await end_all_other_sessions(world.db)
        async with other.as_node("voice"):
            lease = NodeLease("voice", mine, HastyClock(), 30.0, tuple, lambda ids, reason: None)
            with pytest.raises(ConfigurationError, match="NODE_ID=voice"):
                await lease.renew()
            await other.keep_name()
    for db in (mine, other, world.db):
        await db.close()


async def end_all_other_sessions(db: DatabaseManager) -> None:
    async with db.transaction() as work:
        await work.session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
