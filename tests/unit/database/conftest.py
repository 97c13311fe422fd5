"""The store tests run on both databases: the same behaviour is the promise."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opendeep.database.db_manager import DatabaseManager
from tests.support.database import World, make_world, sqlite_url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    url = sqlite_url(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    world = await make_world(url)
    yield world
    await world.db.close()


@pytest.fixture
def db(world: World) -> DatabaseManager:
    return world.db
