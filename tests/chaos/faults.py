"""What breaks: each fault takes something away at its moment and gives it back. Which, when and how long is seeded."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

from opendeep.call_processor_service.node_lease import FENCE_LEASES, TAKEOVER_LEASES
from tests.chaos.moments import Moment
from tests.chaos.world import LEASE_S, World

AIM_DEADLINE_S = 8.0  # a moment that does not come is not waited for any longer
RECOVERY_DEADLINE_S = 90.0
START_AGAIN_S = 30.0
POSTGRES_RETRY_S = 0.5
FENCE_S = LEASE_S * FENCE_LEASES  # a node that cannot renew its leases hangs its calls up
TAKEOVER_S = LEASE_S * (TAKEOVER_LEASES + 1)  # the calls of a silent node are closed by the others
WITHOUT_PAUSE_SHARE = 0.3  # of the faults: the next one comes before this one has healed
PAUSE_S = (1.0, 5.0)

Break = Callable[[World, random.Random], "contextlib.AbstractAsyncContextManager[None]"]


@dataclass(frozen=True, slots=True)
class Fault:
    """`away_s` is the range of how long it lasts, `weight` how often it is chosen."""

    name: str
    takes: Break
    away_s: tuple[float, float]
    weight: int


@dataclass(slots=True)
class Suffered:
    """A fault that happened. `well_after_s`: from its end until every node could dial; None: not awaited."""

    name: str
    moment: Moment
    at_s: float
    away_s: float
    well_after_s: float | None = None
    trouble: str | None = None


# -- the nodes


@contextlib.asynccontextmanager
async def node_ended(world: World, dice: random.Random, by: signal.Signals) -> AsyncIterator[None]:
    """SIGTERM as at an upgrade: drained, then started again."""
    node = dice.choice(world.nodes)
    node.signal(by, down=True)
    yield
    node.let_run()


@contextlib.asynccontextmanager
async def all_nodes_killed(world: World, dice: random.Random) -> AsyncIterator[None]:
    for node in world.nodes:
        node.signal(signal.SIGKILL, down=True)
    yield
    for node in world.nodes:
        node.let_run()


@contextlib.asynccontextmanager
async def node_frozen(world: World, dice: random.Random) -> AsyncIterator[None]:
    node = dice.choice(world.nodes)
    frozen = node.pid
    node.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        if node.pid == frozen:
            node.signal(signal.SIGCONT)


# -- what they stand on


@contextlib.asynccontextmanager
async def asterisk_killed(world: World, dice: random.Random) -> AsyncIterator[None]:
    index = dice.randrange(len(world.asterisks))
    await world.asterisks[index].kill()
    world.asterisk_deaths.append((time.time(), index))
    yield
    await world.asterisks[index].start()


@contextlib.asynccontextmanager
async def asterisk_stopped(world: World, dice: random.Random) -> AsyncIterator[None]:
    """Ends in order: it hangs its calls up."""
    index = dice.randrange(len(world.asterisks))
    await world.asterisks[index].stop()
    world.asterisk_deaths.append((time.time(), index))  # it does not wait for the answers to its BYEs
    yield
    await world.asterisks[index].start()


@contextlib.asynccontextmanager
async def asterisk_frozen(world: World, dice: random.Random) -> AsyncIterator[None]:
    async with _frozen(dice.choice(world.asterisks).pid):
        yield


@contextlib.asynccontextmanager
async def redis_killed(world: World, dice: random.Random) -> AsyncIterator[None]:
    await asyncio.to_thread(world.redis.kill)
    yield
    await asyncio.to_thread(world.redis.start)


@contextlib.asynccontextmanager
async def redis_frozen(world: World, dice: random.Random) -> AsyncIterator[None]:
    async with _frozen(world.redis.pid):
        yield


@contextlib.asynccontextmanager
async def postgres_stopped(world: World, dice: random.Random) -> AsyncIterator[None]:
    """Fast shutdown, as by an administrator."""
    await asyncio.to_thread(world.postgres.stop)
    yield
    await _start_postgres(world)


@contextlib.asynccontextmanager
async def postgres_crashed(world: World, dice: random.Random) -> AsyncIterator[None]:
    await asyncio.to_thread(world.postgres.kill)
    yield
    await _start_postgres(world)


@contextlib.asynccontextmanager
async def postgres_killed(world: World, dice: random.Random) -> AsyncIterator[None]:
    await asyncio.to_thread(world.postgres.kill_hard)
    yield
    await _start_postgres(world)


@contextlib.asynccontextmanager
async def postgres_frozen(world: World, dice: random.Random) -> AsyncIterator[None]:
    """Its first process only: no new connections; those that stand go on."""
    async with _frozen(world.postgres.pid):
        yield


async def _start_postgres(world: World) -> None:
    """After a SIGKILL its orphans hold the shared memory for a moment: it refuses to start until they are gone."""
    async with asyncio.timeout(START_AGAIN_S):
        while True:
            try:
                await asyncio.to_thread(world.postgres.start)
                return
            except RuntimeError:
                await asyncio.sleep(POSTGRES_RETRY_S)


@contextlib.asynccontextmanager
async def _frozen(pid: int) -> AsyncIterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


FAULTS = (
    Fault("node killed (SIGKILL)", partial(node_ended, by=signal.SIGKILL), (0.2, 5.0), 6),
    Fault("all nodes killed", all_nodes_killed, (0.2, 3.0), 2),
    Fault("node drained and restarted (SIGTERM)", partial(node_ended, by=signal.SIGTERM), (3.0, 8.0), 2),
    Fault("node frozen", node_frozen, (1.0, 4.0), 2),
    Fault("node frozen until others take over", node_frozen, (TAKEOVER_S, 1.3 * TAKEOVER_S), 1),
    Fault("Asterisk killed (SIGKILL)", asterisk_killed, (0.5, 6.0), 4),
    Fault("Asterisk stopped", asterisk_stopped, (0.5, 4.0), 1),
    Fault("Asterisk frozen", asterisk_frozen, (1.0, 8.0), 2),
    Fault("Redis killed (SIGKILL)", redis_killed, (0.5, 8.0), 3),
    Fault("Redis frozen", redis_frozen, (1.0, 8.0), 1),
    Fault("PostgreSQL stopped (fast)", postgres_stopped, (0.5, 8.0), 2),
    Fault("PostgreSQL stopped until nodes give up", postgres_stopped, (1.1 * FENCE_S, 1.3 * FENCE_S), 1),
    Fault("PostgreSQL crashed (immediate)", postgres_crashed, (0.5, 8.0), 2),
    Fault("PostgreSQL killed (SIGKILL)", postgres_killed, (0.5, 6.0), 2),
    Fault("PostgreSQL takes no connections", postgres_frozen, (1.0, 8.0), 1),
)


def choose(dice: random.Random, count: int) -> list[Fault]:
    """`count` faults; every kind once before any comes twice, when there are enough of them."""
    chosen: list[Fault] = []
    while len(chosen) < count:
        left = [fault for fault in FAULTS if fault not in chosen] or list(FAULTS)
        chosen.append(dice.choices(left, [fault.weight for fault in left])[0])
    return chosen


async def suffer(world: World, fault: Fault, dice: random.Random, began: float) -> Suffered:
    """Aim, break, wait, give back. Returns at once afterwards."""
    moment = dice.choice(list(Moment))
    if moment is Moment.ANY:
        await asyncio.sleep(dice.uniform(0, AIM_DEADLINE_S / 2))
    elif not await world.moments.next(moment, AIM_DEADLINE_S):
        moment = Moment.ANY
    suffered = Suffered(fault.name, moment, time.monotonic() - began, dice.uniform(*fault.away_s))
    async with fault.takes(world, dice):
        await asyncio.sleep(suffered.away_s)
    return suffered


async def until_recovered(world: World, suffered: Suffered) -> None:
    """Note how long it took until all nodes could dial again, or what stays wrong."""
    since = time.monotonic()
    suffered.trouble = await world.until_well(RECOVERY_DEADLINE_S)
    suffered.well_after_s = time.monotonic() - since


async def pause(dice: random.Random) -> bool:
    """Let the campaign go on for a while; False: the next fault comes at once, on top of this one."""
    if dice.random() < WITHOUT_PAUSE_SHARE:
        return False
    await asyncio.sleep(dice.uniform(*PAUSE_S))
    return True
