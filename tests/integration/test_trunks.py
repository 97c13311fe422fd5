"""Lines in the real service over a switch at the wire: caps, pace, caller IDs, overflow, breakers, drain."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from opendeep.call_processor_service import circuit_breaker
from opendeep.call_processor_service.line_records import MAX_FORGIVEN
from opendeep.common.data_models import Call, TaskStatus
from opendeep.common.trunk_values import BreakerState
from tests.integration.trunk_world import TrunkWorld, a_trunk, trunk_world, until
from tests.unit.call_processor_service.fake_switch import FakeSwitch

NUMBERS = [f"+1202555{n:04}" for n in range(100, 160)]
BOTH_DATABASES = pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
LIVE = TaskStatus.CALL_IN_PROGRESS
QUEUED, DONE, BACK = TaskStatus.QUEUED_FOR_CALL, TaskStatus.PENDING_ANALYSIS, TaskStatus.SCHEDULED


@pytest.fixture
async def switch() -> AsyncIterator[FakeSwitch]:
    async with FakeSwitch() as server:
        yield server


@pytest.fixture
def url(database: str, request: pytest.FixtureRequest) -> str | None:
    return str(request.getfixturevalue("postgres_url")) if database == "postgresql" else None


def most_in(calls: list[Call], seconds: float) -> int:
    """The most calls that began within any interval of that length."""
    times = [call.created_at for call in calls]
    return max(sum(start <= t < start + timedelta(seconds=seconds) for t in times) for start in times)


# -- pace


@BOTH_DATABASES
async def test_two_nodes_together_keep_the_pace_of_a_trunk(tmp_path: Path, switch: FakeSwitch, url: str | None) -> None:
    trunk = a_trunk(calls_per_second=2.0, burst=1)
    async with trunk_world(tmp_path, switch, [trunk], database_url=url, nodes=("node-1", "node-2")) as world:
        ids = await world.queue(*NUMBERS[:12])
        await world.look()
        await world.advance(5.6, step_s=0.1)
        calls = await world.calls(ids)
        assert len(calls) == 12  # the 12th at 5.5 s: no token is lost either
        assert most_in(calls, 1.0) <= 2
        assert most_in(calls, 0.49) == 1


async def test_a_node_looks_again_exactly_when_the_next_token_is_due(tmp_path: Path, switch: FakeSwitch) -> None:
    async with trunk_world(tmp_path, switch, [a_trunk(calls_per_second=0.5, burst=1)]) as world:
        (node,) = world.nodes.values()
        assert await node._round() is None  # nothing waits
        ids = await world.queue(*NUMBERS[:2])
        assert await node._round() == pytest.approx(2.0)
        world.clock.advance(1.5)
        assert await node._round() == pytest.approx(0.5)
        world.clock.advance(0.5)
        assert await node._round() is None
        assert await world.statuses(ids) == {LIVE: 2}


async def test_only_what_can_start_soon_is_asked_for(tmp_path: Path, switch: FakeSwitch) -> None:
    """Half a lease of 30 s at one call in two seconds; what waits already counts."""
    async with trunk_world(tmp_path, switch, [a_trunk(calls_per_second=0.5, burst=1)]) as world:
        (node,) = world.nodes.values()
        assert node.free_lines() == 8  # one now, seven within 15 s
        await world.queue(*NUMBERS[:3])
        await node._round()
        assert node.free_lines() == 5  # seven within 15 s, two of them wait already


async def test_a_paced_queue_survives_a_drain(tmp_path: Path, switch: FakeSwitch) -> None:
    async with trunk_world(tmp_path, switch, [a_trunk(calls_per_second=1.0, burst=1)]) as world:
        (node,) = world.nodes.values()
        ids = await world.queue(*NUMBERS[:3])
        await node._round()
        drained = asyncio.create_task(node.drain(5.0), name="drain")
        await switch.wait_for_action("Originate")
        (call,) = await world.calls(ids)
        await world.wait_for(ids, LIVE, 1)
        await until(lambda: _is(node.snapshot()["draining"]))
        world.clock.advance(3.0)
        await node._round()
        switch.callee_hangs_up(str(call.id))
        await drained
        assert node.paused_because() == "Shutting down; no new calls are started."
        assert await world.statuses(ids) == {DONE: 1, QUEUED: 2}


# -- caps


@BOTH_DATABASES
async def test_two_nodes_together_keep_the_cap_of_a_trunk(tmp_path: Path, switch: FakeSwitch, url: str | None) -> None:
    nodes = ("node-1", "node-2")  # of two lines each
    async with trunk_world(
        tmp_path, switch, [a_trunk(max_calls=3)], database_url=url, nodes=nodes, max_concurrent_calls=2
    ) as world:
        ids = await world.queue(*NUMBERS[:12])
        ended = 0
        while ended < 12:
            await until(lambda: _is(not any(node.snapshot()["lines_used"] for node in world.nodes.values())))
            await world.requeue(ids)
            live = [call for call in await world.calls(ids) if call.live]
            assert len(live) == 3
            for call in live:
                await switch.wait_for_action("Originate", ended + 1)
                await world.wait_for(ids, LIVE, 1)
                await _answered(world, call)
                switch.callee_hangs_up(str(call.id))
                ended += 1
            await world.wait_for(ids, DONE, ended)
        calls = await world.calls(ids)
        assert {call.node_id for call in calls} == {"node-1", "node-2"}
        assert len(switch.named("Originate")) == 12


@pytest.mark.postgres
async def test_a_claim_sees_what_the_claim_before_it_has_left(
    tmp_path: Path, switch: FakeSwitch, postgres_url: str
) -> None:
    """The first holds more tasks than it takes; whoever skipped those would find nothing and leave its lines idle."""
    async with trunk_world(tmp_path, switch, [a_trunk()], database_url=postgres_url) as world:
        (node,) = world.nodes.values()
        async with node._gate:  # its own rounds keep out
            await world.queue(*NUMBERS[:2])
            async with world.db.transaction() as other:
                await other.trunks.hold(["a"])
                assert len(await other.trunks.queued(10, 60.0)) == 2
                second = asyncio.create_task(node._claims.claim(2), name="second")
                await until(lambda: _waits_for_a_lock(world))
            assert len(await second) == 2


async def _waits_for_a_lock(world: TrunkWorld) -> bool:
    async with world.db.read() as work:
        return bool(await work.session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


async def _answered(world: TrunkWorld, call: Call) -> None:
    await until(lambda: _is(str(call.id) in world.switch.channels))


async def _is(truth: bool) -> bool:
    return truth


async def test_the_calls_of_other_nodes_count(tmp_path: Path, switch: FakeSwitch) -> None:
    async with trunk_world(tmp_path, switch, [a_trunk("a", max_calls=2), a_trunk("b", max_calls=1)]) as world:
        await world.someone_calls_on("a")
        ids = await world.queue(*NUMBERS[:3])
        await world.look()
        assert Counter(call.trunk for call in await world.calls(ids)) == {"a": 1, "b": 1}
        assert await world.statuses(ids) == {LIVE: 2, BACK: 1}
        (waiting,) = [task for task in await world.tasks(ids) if task.status == BACK]
        assert "lines of the trunk" in waiting.status_reason
        assert waiting.attempts == 0
        (node,) = world.nodes.values()
        assert node.free_lines() == 0


async def test_the_cap_of_a_tenant_is_law(tmp_path: Path, switch: FakeSwitch) -> None:
    async with trunk_world(tmp_path, switch, [a_trunk()], nodes=("node-1", "node-2"), max_calls_per_tenant=2) as world:
        async with world.db.transaction() as work:
            other = await work.users.get_or_create("Ann")
        mine = await world.queue(*NUMBERS[:4])
        theirs = await world.queue(*NUMBERS[4:6], user=other)
        await world.look()
        assert await world.statuses(mine) == {LIVE: 2, BACK: 2}
        assert len(await world.calls(theirs, other)) == 2
        assert "all 2 calls that you may have at once" in [t.status_reason for t in await world.tasks(mine)][-1]


# -- who may use which trunk


async def test_countries_and_tenants_choose_the_trunk(tmp_path: Path, switch: FakeSwitch) -> None:
    trunks = [
        a_trunk("german", countries=frozenset({"DE"}), channel_template="PJSIP/{national}@german"),
        a_trunk("ann", tenants=frozenset({"Ann"})),
        a_trunk("american", countries=frozenset({"US"}), channel_template="PJSIP/{digits}@american"),
    ]
    async with trunk_world(tmp_path, switch, trunks) as world:
        ids = await world.queue("+493012345678", "+12025550123", "+442071838750")
        async with world.db.transaction() as work:
            ann = await work.users.get_or_create("Ann")
        hers = await world.queue("+442071838750", user=ann)
        await world.look()
        await world.wait_for(ids, TaskStatus.FAILED, 1)
        assert [call.trunk for call in await world.calls(hers, ann)] == ["ann"]
        german, american, british = await world.tasks(ids)
        assert (german.status, american.status, british.status) == (LIVE, LIVE, TaskStatus.FAILED)
        assert british.status_reason.startswith("No trunk serves calls to GB")
        await switch.wait_for_action("Originate", 3)
        dialled = {action["Channel"] for action in switch.named("Originate")}
        assert dialled == {"PJSIP/03012345678@german", "PJSIP/12025550123@american", "PJSIP/+442071838750@ann"}


async def test_extensions_need_no_trunk_but_a_line(tmp_path: Path, switch: FakeSwitch) -> None:
    shut = [a_trunk(max_calls=1, tenants=frozenset({"nobody"}))]
    async with trunk_world(tmp_path, switch, shut, max_concurrent_calls=2) as world:
        ids = await world.queue("7000", "7000", "7000")
        await world.look()
        assert [call.trunk for call in await world.calls(ids)] == [None, None]
        assert await world.statuses(ids) == {LIVE: 2, QUEUED: 1}


# -- caller IDs


@BOTH_DATABASES
async def test_caller_ids_take_turns_over_nodes_and_restarts(
    tmp_path: Path, switch: FakeSwitch, url: str | None
) -> None:
    pool = tuple(f"+1212555{n:04}" for n in range(100, 105))
    trunk = a_trunk(caller_ids=pool, caller_name="Praxis Keller")
    shown: Counter[str | None] = Counter()
    for run in range(2):
        async with trunk_world(tmp_path, switch, [trunk], database_url=url, nodes=("node-1", "node-2")) as world:
            ids = await world.queue(*NUMBERS[run * 10 : run * 10 + 10])
            await world.look()
            shown += Counter(call.caller_id for call in await world.calls(ids))
            assert sum(shown.values()) == run * 10 + 10
    assert shown == dict.fromkeys(pool, 4)
    await switch.wait_for_action("Originate", 20)
    assert {a["CallerID"] for a in switch.named("Originate")} == {f'"Praxis Keller" <{number}>' for number in pool}


async def test_local_presence_shows_a_number_from_the_callees_area(tmp_path: Path, switch: FakeSwitch) -> None:
    trunk = a_trunk(caller_ids=("+442071838750", "+12025550100", "+12125550100"), local_presence=True)
    async with trunk_world(tmp_path, switch, [trunk]) as world:
        ids = await world.queue("+12125550123", "+12025550123", "+442079460123")
        await world.look()
        shown = {call.phone_number: call.caller_id for call in await world.calls(ids)}
        assert shown == {
            "+12125550123": "+12125550100", "+12025550123": "+12025550100", "+442079460123": "+442071838750"
        }  # fmt: skip


async def test_without_a_caller_id_none_is_sent(tmp_path: Path, switch: FakeSwitch) -> None:
    async with trunk_world(tmp_path, switch, [a_trunk()]) as world:
        await world.queue(NUMBERS[0])
        await world.look()
        assert "CallerID" not in await switch.wait_for_action("Originate")


# -- outages


async def breaker_of(world: TrunkWorld, name: str) -> BreakerState:
    async with world.db.read() as work:
        return (await work.trunks.state_of(name)).breaker.state


async def stands(world: TrunkWorld, name: str, state: BreakerState) -> bool:
    return await breaker_of(world, name) is state


async def test_a_trunk_fails_pauses_and_comes_back(tmp_path: Path, switch: FakeSwitch) -> None:
    """Tasks wait without losing attempts, one call tries the line, its success lets the others go."""
    switch.endpoint_plans["a"] = "congestion"
    async with trunk_world(tmp_path, switch, [a_trunk(max_calls=1)]) as world:
        (node,) = world.nodes.values()
        ids = await world.queue(*NUMBERS[:6])
        for failed in (1, 2, 3):
            await world.requeue(ids)
            await world.wait_for(ids, DONE, failed)
        assert await breaker_of(world, "a") is BreakerState.OPEN
        await world.requeue(ids)
        assert "the carrier is overloaded or down (503)" in (node.paused_because() or "")
        tasks = await world.tasks(ids)
        assert Counter(task.status for task in tasks) == {DONE: 3, BACK: 3}
        assert {task.attempts for task in tasks} == {0}
        until = world.clock.now() + timedelta(seconds=circuit_breaker.WAIT_FIRST_S)
        assert {task.next_attempt_at for task in tasks if task.status == BACK} == {until}
        ((kind, sentence),) = await world.trunk_lines()
        assert kind == "trunk.paused"
        assert "503" in sentence

        await world.advance(circuit_breaker.WAIT_FIRST_S)
        await world.requeue(ids)  # the trial fails too: the next wait is twice as long
        await world.wait_for(ids, DONE, 4)
        await world.requeue(ids)
        assert len(switch.named("Originate")) == 4
        switch.endpoint_plans["a"] = "busy"
        await world.advance(2 * circuit_breaker.WAIT_FIRST_S)
        await world.requeue(ids)
        await world.wait_for(ids, DONE, 5)
        assert await breaker_of(world, "a") is BreakerState.CLOSED
        await world.advance(12.0)
        await world.requeue(ids)
        await world.wait_for(ids, DONE, 6)
        assert node.paused_because() is None
        assert [kind for kind, _ in await world.trunk_lines()] == ["trunk.resumed"]
        assert len(switch.named("Originate")) == 6


async def test_an_outage_overflows_and_ringing_proves_the_line(tmp_path: Path, switch: FakeSwitch) -> None:
    """The trial call closes the breaker as soon as it rings, however long it talks then."""
    switch.endpoint_plans = {"a": "congestion", "b": "busy"}
    async with trunk_world(tmp_path, switch, [a_trunk("a"), a_trunk("b")]) as world:
        ids = await world.queue(*NUMBERS[:3])
        await world.wait_for(ids, DONE, 3)
        later = await world.queue(*NUMBERS[3:6])
        await world.wait_for(later, DONE, 3)
        assert [call.trunk for call in await world.calls([*ids, *later])] == ["a", "a", "a", "b", "b", "b"]
        switch.endpoint_plans["a"] = "answer"
        await world.advance(circuit_breaker.WAIT_FIRST_S)
        (trial,) = await world.queue(NUMBERS[7])
        await world.look()
        await until(lambda: stands(world, "a", BreakerState.CLOSED))
        (call,) = await world.calls([trial])
        assert (call.trunk, call.live) == ("a", True)


async def test_faults_of_the_line_are_forgiven_but_not_for_ever(tmp_path: Path, switch: FakeSwitch) -> None:
    switch.endpoint_plans["a"] = "congestion"
    async with trunk_world(tmp_path, switch, [a_trunk()]) as world:
        ids = await world.queue(NUMBERS[0])
        for attempt in range(1, MAX_FORGIVEN + 3):
            await world.look()
            await world.wait_for(ids, DONE, 1)
            (task,) = await world.tasks(ids)
            assert task.attempts == max(0, attempt - MAX_FORGIVEN)
            async with world.db.transaction() as work:
                await work.tasks.transition(task.id, BACK, "Once more.")
            await world.advance(circuit_breaker.WAIT_MAX_S, step_s=20.0)
            await world.requeue(ids)


async def test_one_number_that_always_fails_does_not_stop_the_others(tmp_path: Path, switch: FakeSwitch) -> None:
    """Carriers answer 503 for a number that they cannot reach, too. A line that serves nobody is another matter."""
    switch.endpoint_plans["a"] = "congestion"
    async with trunk_world(tmp_path, switch, [a_trunk()]) as world:
        ids = await world.queue(NUMBERS[0])
        for number in NUMBERS[1:6]:
            await world.look()
            await world.wait_for(ids, DONE, 1)
            async with world.db.transaction() as work:
                await work.tasks.transition(ids[0], BACK, "Once more.")
            switch.endpoint_plans["a"] = "busy"
            await world.wait_for(await world.queue(number), DONE, 1)
            switch.endpoint_plans["a"] = "congestion"
            await world.advance(12.0)
            await world.requeue(ids)
        await world.wait_for(ids, DONE, 1)
        assert await breaker_of(world, "a") is BreakerState.CLOSED
        async with world.db.read() as work:
            assert (await work.trunks.states())["a"].breaker.recent == "x....."


async def test_a_missing_endpoint_shuts_its_trunk_before_a_call_is_lost(tmp_path: Path, switch: FakeSwitch) -> None:
    switch.device_states = {"PJSIP/a": "INVALID"}
    async with trunk_world(tmp_path, switch, [a_trunk("a"), a_trunk("b")]) as world:
        ids = await world.queue(*NUMBERS[:2])
        await world.look()
        assert {call.trunk for call in await world.calls(ids)} == {"b"}
        async with world.db.read() as work:
            reason = (await work.trunks.states())["a"].breaker.reason
        assert reason == "Asterisk has no endpoint “a”; add it to pjsip.conf or correct the trunk's channel"
        switch.device_states = {}
        (node,) = world.nodes.values()
        await node._probe.check()
        assert await breaker_of(world, "a") is BreakerState.CLOSED


async def test_an_endpoint_that_goes_missing_is_found_by_its_first_call(tmp_path: Path, switch: FakeSwitch) -> None:
    async with trunk_world(tmp_path, switch, [a_trunk("a")]) as world:
        switch.endpoint_plans["a"] = "no_endpoint"
        switch.device_states = {"PJSIP/a": "INVALID"}
        ids = await world.queue(NUMBERS[0])

        async def opened() -> bool:
            await world.advance(0.1)  # what an attempt waits for of which Asterisk tells nothing
            return await stands(world, "a", BreakerState.OPEN)

        await until(opened)
        assert (await world.tasks(ids))[0].attempts == 0


# -- an operator's pause


async def test_an_operator_pauses_a_trunk_and_resumes_it(tmp_path: Path, switch: FakeSwitch) -> None:
    async with trunk_world(tmp_path, switch, [a_trunk()]) as world:
        (node,) = world.nodes.values()
        async with world.db.transaction() as work:
            await work.trunks.save(replace(await work.trunks.hold_one("a"), paused="number porting"))
        ids = await world.queue(*NUMBERS[:2])
        await world.look()
        assert await world.statuses(ids) == {BACK: 2}
        assert node.paused_because() == "No trunk takes calls: the trunk “a” is paused: number porting"
        extension = await world.queue("7000")
        await world.look()
        assert await world.statuses(extension) == {LIVE: 1}
        async with world.db.transaction() as work:
            await work.trunks.save(replace(await work.trunks.hold_one("a"), paused=None))
        await world.requeue(ids)
        assert await world.statuses(ids) == {LIVE: 2}
