"""The temporary servers themselves: they answer, they come back after an outage, and they leave nothing behind."""

from __future__ import annotations

import pytest
import redis.asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support.services import TemporaryPostgres, TemporaryRedis, require


async def _scalar(url: str, statement: str) -> object:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            return (await connection.execute(sa.text(statement))).scalar_one()
    finally:
        await engine.dispose()


async def _ping(url: str) -> bool:
    async with redis.asyncio.from_url(url) as client:
        return bool(await client.ping())


@pytest.mark.postgres
async def test_each_test_gets_an_empty_database(postgres_url: str) -> None:
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
    assert await _scalar(postgres_url, tables) == 0
    assert "test_" in str(await _scalar(postgres_url, "SELECT current_database()"))


@pytest.mark.postgres
async def test_postgres_comes_back_after_a_kill_with_its_rows() -> None:
    require("postgres", TemporaryPostgres.available(), "install the package postgresql")
    with TemporaryPostgres() as server:
        url = server.create_database("outage")
        server.kill()
        with pytest.raises(OSError, match=r"refused|Connect"):
            await _scalar(url, "SELECT 1")
        server.start()
        assert await _scalar(url, "SELECT 1") == 1
        directory = server._directory
    assert not directory.exists()


@pytest.mark.redis
async def test_redis_comes_back_after_a_kill(redis_url: str) -> None:
    assert await _ping(redis_url)
    with TemporaryRedis() as server:
        server.kill()
        with pytest.raises(redis.exceptions.ConnectionError):
            await _ping(server.url)
        server.start()
        assert await _ping(server.url)


def test_a_missing_part_skips_loudly_and_fails_where_it_was_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="MISSING PART: telescope: none here"):
        require("telescope", False, "none here")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="MISSING PART: telescope"):
        require("telescope", False, "none here")
    require("telescope", True, "not said")
