"""Both doorbells keep the same promises; the Redis one also crosses processes and survives the loss of Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from opendeep.common.redis_client import Doorbell, InProcessDoorbell, RedisDoorbell
from tests.chaos.evidence import close_waits
from tests.support.services import TemporaryRedis, require

DEADLINE_S = 60.0


async def _started(bell: RedisDoorbell) -> asyncio.Task[None]:
    task = asyncio.create_task(bell.run(), name="bell")
    async with asyncio.timeout(DEADLINE_S):
        await bell._connected.wait()
    return task


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(params=["process", "redis"])
async def bell(request: pytest.FixtureRequest) -> AsyncIterator[Doorbell]:
    if request.param == "process":
        yield InProcessDoorbell()
        return
    redis_bell = RedisDoorbell(Redis.from_url(request.getfixturevalue("redis_url")), "node-a")
    task = await _started(redis_bell)
    yield redis_bell
    await _stopped(task)


async def test_every_listener_hears_the_ring_in_order(bell: Doorbell) -> None:
    async with bell.listen("a", "b") as first, bell.listen("a") as second:
        for number in range(3):
            await bell.ring("a", {"n": number})
        await bell.ring("b", {"n": 9})
        heard = [await first.next(DEADLINE_S) for _ in range(4)]
        assert [m.data["n"] for m in heard if m] == [0, 1, 2, 9]
        assert [m.data["n"] for m in second.drain()] == [0, 1, 2]


async def test_nobody_listens_and_nothing_breaks(bell: Doorbell) -> None:
    await bell.ring("nobody", {"n": 1})
    async with bell.listen("nobody") as late:
        assert await late.next(0.01) is None


async def test_a_full_inbox_drops_the_oldest_and_counts(bell: Doorbell) -> None:
    async with bell.listen("a", capacity=2) as slow:
        for number in range(5):
            await bell.ring("a", {"n": number})
        assert [m.data["n"] for m in slow.drain()] == [3, 4]
        assert slow.dropped == 3


async def test_a_message_crosses_redis_once(redis_url: str) -> None:
    one, two = (RedisDoorbell(Redis.from_url(redis_url), name) for name in ("one", "two"))
    tasks = [await _started(one), await _started(two)]
    async with one.listen("a") as here, two.listen("a") as there:
        await one.ring("a", {"n": 1})
        message = await there.next(DEADLINE_S)
        assert message is not None
        assert message.data == {"n": 1}
        assert [m.data["n"] for m in here.drain()] == [1]
        await two.ring("a", {"n": 2})
        echo = await here.next(DEADLINE_S)
        assert echo is not None
        assert echo.data == {"n": 2}
        assert [m.data["n"] for m in there.drain()] == [2]
    for task in tasks:
        await _stopped(task)


async def test_two_processes_of_one_machine_hear_each_other(redis_url: str) -> None:
    """They share the name of the machine unless NODE_ID is set."""
    web, voice = (RedisDoorbell(Redis.from_url(redis_url), "same-host") for _ in range(2))
    tasks = [await _started(web), await _started(voice)]
    async with web.listen("a") as page:
        await voice.ring("a", {"n": 1})
        message = await page.next(DEADLINE_S)
        assert message is not None
        assert message.data == {"n": 1}
    for task in tasks:
        await _stopped(task)


async def test_a_redis_that_hangs_costs_one_deadline(redis_url: str) -> None:
    """A server that takes connections and never answers: of many rings one waits, and nobody here waits for it."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    redis = Redis.from_url(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    bell = RedisDoorbell(redis, "node")
    async with asyncio.timeout(DEADLINE_S), bell.listen("a") as here:
        for number in range(100):
            await bell.ring("a", {"n": number})
        assert len(here.drain()) == 100
    await redis.aclose()
    server.close()
    await server.wait_closed()


async def test_foreign_garbage_on_a_channel_is_dropped(redis_url: str) -> None:
    bell = RedisDoorbell(Redis.from_url(redis_url), "one")
    task = await _started(bell)
    stranger = Redis.from_url(redis_url)
    async with bell.listen("a") as here:
        for garbage in (b"not json", b"[]", b'{"from": "x"}', b'{"from": "x", "data": 5}'):
            await stranger.publish("a", garbage)
        await stranger.publish("a", b'{"from": "x", "data": {"n": 7}}')
        message = await here.next(DEADLINE_S)
        assert message is not None
        assert message.data == {"n": 7}
    await stranger.aclose()
    await _stopped(task)


async def test_no_connection_of_a_lost_redis_stays_half_open() -> None:
    """Several rings at once open several connections; none waits for the next ring to be closed."""
    require("redis", TemporaryRedis.available(), "install the package redis-server")
    with TemporaryRedis() as server:
        bell = RedisDoorbell(Redis.from_url(server.url), "node-a")
        task = await _started(bell)
        await asyncio.gather(*(bell.ring("a", {"n": number}) for number in range(5)))
        server.kill()
        async with asyncio.timeout(DEADLINE_S):
            while bell._connected.is_set() or close_waits({server.port}):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await _stopped(task)


async def test_redis_gone_and_back() -> None:
    require("redis", TemporaryRedis.available(), "install the package redis-server")
    with TemporaryRedis() as server:
        bell = RedisDoorbell(Redis.from_url(server.url), "one")
        other = RedisDoorbell(Redis.from_url(server.url), "two")
        tasks = [await _started(bell), await _started(other)]
        async with bell.listen("a") as here, other.listen("a") as there:
            server.kill()
            await bell.ring("a", {"n": 1})  # local listeners are served all the same
            message = await here.next(DEADLINE_S)
            assert message is not None
            assert not await bell.healthy()
            server.restart()
            async with asyncio.timeout(60):
                while (message := await there.next(0.2)) is None:  # rings until both have found Redis again
                    await bell.ring("a", {"n": 2})
            assert message.data == {"n": 2}
            assert await bell.healthy()
        for task in tasks:
            await _stopped(task)
