"""A node's name is taken once, and free again when its holder ends."""

import pytest

from opendeep.common.clock import SystemClock
from opendeep.common.errors import ConfigurationError
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.database.db_manager import DatabaseManager
from tests.support.database import World


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
