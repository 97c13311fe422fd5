"""Many calls while everything around them breaks at random: every task ends, nothing is dialled twice, no line stays.

The faults are drawn from a seed, so that a failure can be repeated.
"""

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from opendeep.common.data_models import TaskStatus
from opendeep.common.trunk_values import Breaker
from tests.integration.calls_world import World, calls_world
from tests.unit.call_processor_service.fake_switch import FakeSwitch

CALLS = 40
LINES = 8
PLANS = ("answer", "answer", "answer", "busy", "no_answer", "not_found", "no_endpoint", "refuse", "silent", "ring")
STEP_S = 0.02


@pytest.fixture
async def switch() -> AsyncIterator[FakeSwitch]:
    async with FakeSwitch() as server:
        yield server


class Chaos:
    """Breaks things and plays the callees; `settle` lets the rest end in peace."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self._locks: list[sqlite3.Connection] = []
        self.faults: Counter[str] = Counter()

    async def run(self, steps: int) -> None:
        for _ in range(steps):
            await self._do(
                self._chance.choice(["callee", "callee", "media", "lose", "bell", "lock", "deaf", "mute", "wait"])
            )
            await asyncio.sleep(STEP_S)
        await self.settle()

    async def settle(self) -> None:
        self._unlock()
        self._world.bell.loses.clear()
        self._world.switch.deaf_to_hangup = False
        self._world.switch.unanswered.clear()
        while (await self._open_tasks()) > 0:
            await self._put_lines_right()
            for channel, state in list(self._world.switch.channels.items()):
                if state == 6:
                    self._world.switch.callee_hangs_up(channel)
                else:
                    await self._world.media(UUID(channel), "hangup", reason="settle")
            await self._world.ended.next(timeout=0.1)

    async def _do(self, what: str) -> None:
        world, chance = self._world, self._chance
        self.faults[what] += 1
        channels = list(world.switch.channels)
        match what:
            case "callee" if channels:
                world.switch.callee_hangs_up(chance.choice(channels))
            case "media" if channels:
                kind = chance.choice(["media_started", "media_ended", "hangup", "send_dtmf"])
                await world.media(UUID(chance.choice(channels)), kind, reason="chaos", digits="1", request_id="x")
            case "lose":
                world.switch.drop_connections()
            case "bell":
                kinds = ["media_started", "media_ended", "expect", "answered", "ended", "bell:tasks_queued"]
                world.bell.loses = set(chance.sample(kinds, 2))
            case "lock" if not self._locks:
                other = sqlite3.connect(world.path, isolation_level=None, timeout=0)
                try:
                    other.execute("BEGIN IMMEDIATE")
                    self._locks.append(other)
                except sqlite3.OperationalError:
                    other.close()
            case "lock":
                self._unlock()
            case "deaf":
                world.switch.deaf_to_hangup = not world.switch.deaf_to_hangup
            case "mute":
                world.switch.unanswered ^= {chance.choice(["Hangup", "CoreShowChannels", "Originate", "PlayDTMF"])}

    def _unlock(self) -> None:
        while self._locks:
            other = self._locks.pop()
            other.execute("ROLLBACK")
            other.close()

    async def _put_lines_right(self) -> None:
        """So many faults open the trunk's breaker, and what waited goes back: the operator and the scheduler act."""
        async with self._world.db.transaction() as work:
            for task in await work.tasks.of_user(self._world.user.id, [TaskStatus.SCHEDULED]):
                await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "Its turn has come.")
            for state in (await work.trunks.hold(())).values():
                await work.trunks.save(replace(state, breaker=Breaker()))

    async def _open_tasks(self) -> int:
        async with self._world.db.read() as work:
            open_ones = [TaskStatus.SCHEDULED, TaskStatus.QUEUED_FOR_CALL, TaskStatus.CALL_IN_PROGRESS]
            return len(await work.tasks.of_user(self._world.user.id, open_ones))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nothing_is_lost_and_nothing_is_dialled_twice(tmp_path: Path, switch: FakeSwitch, seed: int) -> None:
    chance = random.Random(seed)
    numbers = [f"+1202555{n:04}" for n in range(CALLS)]
    switch.plans = {number: chance.choice(PLANS) for number in numbers}
    async with calls_world(tmp_path, switch, max_concurrent_calls=LINES, originate_timeout_ms=1_000) as world:
        tasks = await world.start(*numbers)
        chaos = Chaos(world, chance)
        async with asyncio.timeout(90):
            await chaos.run(steps=100)
        await world.wait_until_free()
        assert {(await world.task(task)).status for task in tasks} == {TaskStatus.PENDING_ANALYSIS}
        calls = [call for task in tasks for call in await world.calls_of(task)]
        assert len(calls) == CALLS
        assert not [call for call in calls if call.live]
        assert all(call.ended_at and call.end_reason for call in calls)
        dialled = Counter(action["ChannelId"] for action in switch.named("Originate"))
        assert set(dialled.values()) <= {1}
        assert set(dialled) <= {str(call.id) for call in calls}
        await world.initiator.reconcile()
        assert switch.channels == {}
        assert world.initiator.free_lines() == LINES
