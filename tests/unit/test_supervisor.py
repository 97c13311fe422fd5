"""Lifetimes: the order of the end, the deadline of a drain, and what a dead worker leaves."""

import asyncio
from collections.abc import Awaitable, Callable

from opendeep.supervisor import EXIT_OK, EXIT_WORKER_DIED, Supervisor, Worker

DEADLINE_S = 60.0


class Stage:
    """A worker that needs a moment for its end; `log` gets what happened in order."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.log = log
        self.started = asyncio.Event()

    async def run(self) -> None:
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.log.append(f"{self.name} ends")
            for _ in range(3):  # what it says last needs the workers below it
                await asyncio.sleep(0)
            self.log.append(f"{self.name} ended")

    async def drain(self) -> None:
        self.log.append(f"{self.name} drained")

    def worker(self) -> Worker:
        return Worker(self.name, self.run, self.drain)


async def run_until(supervisor: Supervisor, workers: list[Worker], then: Callable[[], Awaitable[object]]) -> int:
    async with asyncio.timeout(DEADLINE_S):
        running = asyncio.create_task(supervisor.run(workers), name="supervisor")
        await then()
        return await running


async def _nothing() -> None:
    return


async def test_each_worker_ends_while_what_it_stands_on_still_lives() -> None:
    log: list[str] = []
    ami, calls = Stage("ami", log), Stage("calls", log)
    supervisor = Supervisor(drain_seconds=5.0)

    async def stop() -> None:
        await calls.started.wait()
        supervisor.request_stop()

    assert await run_until(supervisor, [ami.worker(), calls.worker()], stop) == EXIT_OK
    assert log == ["calls drained", "ami drained", "calls ends", "calls ended", "ami ends", "ami ended"]


async def test_a_dead_worker_ends_the_others_in_order_without_a_drain() -> None:
    log: list[str] = []
    ami, calls = Stage("ami", log), Stage("calls", log)

    async def dies() -> None:
        await calls.started.wait()
        raise RuntimeError("a bug")

    workers = [ami.worker(), calls.worker(), Worker("analysis", dies)]
    assert await run_until(Supervisor(5.0), workers, calls.started.wait) == EXIT_WORKER_DIED
    assert log == ["calls ends", "calls ended", "ami ends", "ami ended"]


async def test_a_worker_that_dies_during_the_drain_cuts_it_short() -> None:
    supervisor = Supervisor(drain_seconds=3600.0)
    draining = asyncio.Event()

    async def drains_for_ever() -> None:
        draining.set()
        await asyncio.Event().wait()

    async def dies() -> None:
        await draining.wait()
        raise RuntimeError("a bug")

    async def stop() -> None:
        supervisor.request_stop()

    log: list[str] = []
    calls = Stage("calls", log)
    workers = [Worker("calls", calls.run, drains_for_ever), Worker("analysis", dies)]
    assert await run_until(supervisor, workers, stop) == EXIT_WORKER_DIED
    assert log == ["calls ends", "calls ended"]


async def test_a_worker_that_returns_is_dead() -> None:
    assert await run_until(Supervisor(5.0), [Worker("odd", _nothing)], _nothing) == EXIT_WORKER_DIED
