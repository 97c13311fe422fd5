"""A node that is cut off from the database, and the others: who ends what, and when.

Two nodes on one database file, each with its own clock that the test moves: the clocks are shared in nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from opendeep.call_processor_service.asterisk_ami_client import AmiAddress, AsteriskAmiClient
from opendeep.call_processor_service.call_reconciler import NODE_VANISHED, CallReconciler
from opendeep.call_processor_service.node_lease import (
    CLOSED_ELSEWHERE,
    CUT_OFF,
    FENCE_LEASES,
    TAKEOVER_LEASES,
    NodeLease,
)
from opendeep.call_processor_service.switch_view import SwitchView
from opendeep.common.clock import Clock
from opendeep.common.data_models import Call, CallCreate, CallStatus, TaskStatus
from opendeep.common.errors import DatabaseUnavailable
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.database.db_manager import DatabaseManager, Transaction
from tests.support.clock import ManualClock
from tests.support.database import add_campaign, add_user, sample_plan, sqlite_url

LEASE_S = 30.0
FENCE_S, TAKEOVER_S = LEASE_S * FENCE_LEASES, LEASE_S * TAKEOVER_LEASES


class CutDatabase(DatabaseManager):
    """The real one, as it looks to a node whose cable is pulled. `shared` as PostgreSQL is."""

    def __init__(self, url: str, clock: Clock, *, shared: bool) -> None:
        super().__init__(url, InProcessDoorbell(), clock)
        self.cut = False
        self._shared = shared

    @property
    def shared(self) -> bool:
        return self._shared

    @contextlib.asynccontextmanager
    async def transaction(self, *, urgent: bool = False) -> AsyncIterator[Transaction]:
        if self.cut:
            raise DatabaseUnavailable("The cable is out.")
        async with super().transaction(urgent=urgent) as work:
            yield work


@dataclass
class Node:
    """One node: its clock, its way to the database, the calls it holds, and what it was told to end."""

    name: str
    clock: ManualClock
    db: CutDatabase
    held: set[UUID] = field(default_factory=set)
    ended: dict[UUID, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lease = NodeLease(self.name, self.db, self.clock, LEASE_S, lambda: self.held, self._end)
        ami = AsteriskAmiClient(AmiAddress("127.0.0.1", 1, "nobody", ""))
        self.reconciler = CallReconciler(self.name, self.db, SwitchView(ami), self.clock, self.lease, lambda: self.held)

    def _end(self, call_ids: Collection[UUID], reason: str) -> None:
        self.ended |= dict.fromkeys(call_ids, reason)

    async def call(self, call_id: UUID) -> Call:
        return await self.db.get_call_by_id(call_id)


@contextlib.asynccontextmanager
async def node(folder: Path, name: str, *, shared: bool = True) -> AsyncIterator[Node]:
    clock = ManualClock()
    db = CutDatabase(sqlite_url(folder), clock, shared=shared)
    await db.upgrade()
    yield Node(name, clock, db)
    await db.close()


@pytest.fixture
async def a(tmp_path: Path) -> AsyncIterator[Node]:
    async with node(tmp_path, "a") as built:
        yield built


@pytest.fixture
async def b(tmp_path: Path) -> AsyncIterator[Node]:
    async with node(tmp_path, "b") as built:
        yield built


async def answered_call(on: Node) -> Call:
    """A live call of this node, as the initiator leaves it."""
    user = await add_user(on.db)
    campaign, (task,) = await add_campaign(on.db, user.id, sample_plan(["+12025550123"]))
    async with on.db.transaction() as work:
        await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "Its turn.")
        new = CallCreate(user.id, campaign.id, task.id, task.phone_number, None, on.name)
        call = await work.calls.create_call_attempt(new, LEASE_S)
        await work.tasks.transition(task.id, TaskStatus.CALL_IN_PROGRESS, "Attempt 1.")
        await work.calls.update_call_status(call.id, CallStatus.IN_PROGRESS)
    on.held.add(call.id)
    return call


@contextlib.contextmanager
def running(one: Node) -> Iterator[asyncio.Task[None]]:
    worker = asyncio.create_task(one.lease.run(), name=f"lease:{one.name}")
    try:
        yield worker
    finally:
        worker.cancel()


async def settled(one: Node) -> None:
    """Until the node's workers wait for its clock again: writes have been made."""
    for _ in range(20):
        await asyncio.sleep(0)
    async with DatabaseManager.transaction(one.db):  # behind every write of this node that is under way
        pass
    for _ in range(20):
        await asyncio.sleep(0)


async def pass_time(seconds: float, *nodes: Node) -> None:
    """Second by second, so that every timer is met when it is due."""
    for _ in range(int(seconds)):
        for one in nodes:
            one.clock.advance(1)
            await settled(one)


async def watch(b: Node, seconds: float, every_s: float = 10) -> None:
    """Node b lives on: renews and looks for vanished nodes."""
    for _ in range(int(seconds / every_s)):
        b.clock.advance(every_s)
        assert await b.lease.renew()
        await b.reconciler.close_vanished()


async def test_a_node_that_is_cut_off_hangs_up_before_another_may_take_over(a: Node, b: Node) -> None:
    call = await answered_call(a)
    with running(a):
        await pass_time(LEASE_S, a, b)
        assert await b.lease.renew()
        await b.reconciler.close_vanished()  # sees the call for the first time
        a.db.cut = True
        hung_up_at = None
        for second in range(int(TAKEOVER_S)):
            assert (await b.call(call.id)).live
            await pass_time(1, a, b)
            if hung_up_at is None and call.id in a.ended:
                hung_up_at = second
            if second % 10 == 0:
                assert await b.lease.renew()
                await b.reconciler.close_vanished()
        assert a.ended == {call.id: CUT_OFF}
        assert hung_up_at is not None
        assert hung_up_at <= FENCE_S
        await watch(b, 20)
    taken = await b.call(call.id)
    assert (taken.status, taken.end_reason) == (CallStatus.LOST, NODE_VANISHED)


@pytest.mark.parametrize("outage_s", [30, 60])
async def test_a_restart_of_the_database_cuts_no_call(a: Node, outage_s: int) -> None:
    call = await answered_call(a)
    with running(a):
        await pass_time(LEASE_S / 3 - 1, a)  # the worst moment: right before a renewal
        a.db.cut = True
        await pass_time(outage_s, a)
        assert not a.lease.fresh or outage_s < LEASE_S
        a.db.cut = False
        await pass_time(FENCE_S, a)
    assert a.ended == {}
    assert a.lease.fresh
    assert (await a.call(call.id)).live


async def test_a_single_node_never_hangs_up_because_of_its_own_database(tmp_path: Path) -> None:
    async with node(tmp_path, "alone", shared=False) as alone:
        await answered_call(alone)
        with running(alone):
            alone.db.cut = True
            await pass_time(FENCE_S * 2, alone)
            assert not alone.lease.fresh  # but it dials nothing
            assert alone.ended == {}


async def test_a_node_that_renews_is_left_alone_whatever_the_clocks_say(a: Node, b: Node) -> None:
    """Node b's wall clock is an hour ahead: to it, every lease of a has always expired."""
    call = await answered_call(a)
    b.clock._now += timedelta(hours=1)
    for _ in range(int(TAKEOVER_S * 3 / 10)):
        a.clock.advance(10)
        assert await a.lease.renew()
        await watch(b, 10)
    assert (await b.call(call.id)).live


async def test_time_counts_only_while_the_watching_node_can_renew_itself(a: Node, b: Node) -> None:
    """The database is away for both: when it is back, the living node needs its time to renew."""
    call = await answered_call(a)
    assert await b.lease.renew()
    await watch(b, TAKEOVER_S - 20)
    b.db.cut = True
    b.clock.advance(TAKEOVER_S)
    assert not await b.lease.renew()
    await b.reconciler.close_vanished()
    b.db.cut = False
    await watch(b, TAKEOVER_S)
    assert (await b.call(call.id)).live
    await watch(b, 20)
    assert not (await b.call(call.id)).live


async def test_a_lease_that_is_renewed_at_the_last_moment_wins(a: Node, b: Node) -> None:
    call = await answered_call(a)
    (seen,) = await _leases(b)
    a.clock.advance(1)
    assert await a.lease.renew()
    assert await b.reconciler._take_over(call.id, seen) == 0
    (now,) = await _leases(b)
    assert await b.reconciler._take_over(call.id, now) == 1
    assert await b.reconciler._take_over(call.id, now) == 0  # it has ended


async def test_a_node_that_stood_still_ends_calls_that_were_closed_meanwhile(a: Node, b: Node) -> None:
    """A stopped process, a sleeping machine: when it wakes up, the rows are another node's."""
    call = await answered_call(a)
    (seen,) = await _leases(b)
    assert await b.reconciler._take_over(call.id, seen) == 1
    assert await a.lease.renew()
    assert a.ended == {call.id: CLOSED_ELSEWHERE}


async def test_a_hanging_renewal_does_not_delay_the_fence(a: Node) -> None:
    """A connection that died without a word answers after minutes."""
    await answered_call(a)
    async with a.db.transaction():  # the renewal waits behind it
        with running(a):
            for _ in range(int(FENCE_S) + 1):
                a.clock.advance(1)
                for _ in range(20):
                    await asyncio.sleep(0)
            assert set(a.ended.values()) == {CUT_OFF}


async def _leases(node: Node) -> list[datetime | None]:
    async with node.db.read() as work:
        return list((await work.calls.leases_of_others(node.name)).values())
