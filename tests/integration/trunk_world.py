"""Several voice nodes over one database and one switch at the wire, on a clock that only the test moves."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from opendeep.call_processor_service.asterisk_ami_client import AmiAddress, AsteriskAmiClient
from opendeep.call_processor_service.call_initiator_svc import CallInitiatorService
from opendeep.common import channels
from opendeep.common.data_models import Call, CallCreate, Task, TaskBase, TaskStatus, User
from opendeep.common.redis_client import InProcessDoorbell, Subscription
from opendeep.config.app_config import AppConfig
from opendeep.config.trunk_config import Trunk
from opendeep.database.db_manager import DatabaseManager
from tests.integration.calls_world import AUDIOSOCKET, LIMITS, new_campaign
from tests.support.clock import ManualClock
from tests.unit.call_processor_service.fake_switch import FakeSwitch

DEADLINE_S = 60.0


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    """Let the others run until it is so, within a deadline; for states that ring no bell."""
    async with asyncio.timeout(DEADLINE_S):
        while not await reached():  # noqa: ASYNC110
            await asyncio.sleep(0)


def a_trunk(name: str = "a", **changes: object) -> Trunk:
    """A trunk that nobody slows down, with `changes`."""
    made = Trunk(name, f"PJSIP/{{number}}@{name}", 1_000, 1_000.0, 1_000)
    return replace(made, **changes)  # type: ignore[arg-type]


@dataclass
class TrunkWorld:
    """`nodes` by name; each keeps running until the world ends. `taken`: who got a line when."""

    db: DatabaseManager
    bell: InProcessDoorbell
    switch: FakeSwitch
    clock: ManualClock
    user: User
    pages: Subscription  # what the user's pages see
    nodes: dict[str, CallInitiatorService] = field(default_factory=dict)

    async def queue(self, *numbers: str, user: User | None = None) -> list[UUID]:
        """One task per number, queued as the scheduler does it."""
        owner = user or self.user
        async with self.db.transaction() as work:
            campaign = await new_campaign(work, owner)
            plan = [TaskBase(f"Callee {n}", "person", n, "Say hello.", {}) for n in numbers]
            await work.tasks.add_many(owner.id, campaign, plan)
            tasks = await work.tasks.of_campaign(owner.id, campaign)
            for task in tasks:
                await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "Its turn has come.")
        return [task.id for task in tasks]

    async def look(self) -> None:
        """One round of every node, all at the same time."""
        await asyncio.gather(*(node._round() for node in self.nodes.values()))

    async def advance(self, seconds: float, step_s: float = 5.0) -> None:
        """Move the clock and let every node look after each step; leases are renewed on the way."""
        while seconds > 1e-9:
            step, seconds = min(step_s, seconds), seconds - min(step_s, seconds)
            self.clock.advance(step)
            await self.until_awake()
            await self.look()

    async def until_awake(self) -> None:
        """Until every node is connected, has compared its calls, and has renewed its leases."""

        async def awake() -> bool:
            return not any(node._stopped_because() for node in self.nodes.values())

        await until(awake)

    async def tasks(self, ids: Sequence[UUID], user: User | None = None) -> list[Task]:
        async with self.db.read() as work:
            return [await work.tasks.get((user or self.user).id, task_id) for task_id in ids]

    async def requeue(self, ids: Sequence[UUID]) -> None:
        """What went back to wait is queued again, as if its time had come."""
        async with self.db.transaction() as work:
            for task_id in ids:
                if (await work.tasks.get(self.user.id, task_id)).status == TaskStatus.SCHEDULED:
                    await work.tasks.transition(task_id, TaskStatus.QUEUED_FOR_CALL, "Its turn has come.")
        await self.look()

    async def trunk_lines(self) -> list[tuple[str, str]]:
        """Kind and sentence of what the user's pages were told about trunks since the last question."""
        told = []
        while (message := await self.pages.next(timeout=0.0)) is not None:
            if message.data["type"] == "event" and str(message.data["event"]["kind"]).startswith("trunk."):
                told.append((message.data["event"]["kind"], message.data["event"]["detail"]))
        return told

    async def statuses(self, ids: Sequence[UUID]) -> Counter[TaskStatus]:
        return Counter(task.status for task in await self.tasks(ids))

    async def calls(self, ids: Sequence[UUID], user: User | None = None) -> list[Call]:
        """Oldest first."""
        async with self.db.read() as work:
            found = [call for task_id in ids for call in await work.calls.of_task((user or self.user).id, task_id)]
        return sorted(found, key=lambda call: (call.created_at, call.id))

    async def wait_for(self, ids: Sequence[UUID], status: TaskStatus, count: int) -> None:
        """Until so many of the tasks are in that state; looks whenever a page would be told something."""
        async with asyncio.timeout(DEADLINE_S), self.bell.listen(channels.user_events(self.user.id)) as pages:
            while (await self.statuses(ids))[status] < count:
                await pages.next(timeout=DEADLINE_S)

    async def someone_calls_on(self, trunk: str) -> None:
        """A live call of another node on that trunk."""
        async with self.db.transaction() as work:
            campaign = await new_campaign(work, self.user)
            await work.tasks.add_many(self.user.id, campaign, [TaskBase("Callee", "person", "+12025550199", "Hi.", {})])
            (task,) = await work.tasks.of_campaign(self.user.id, campaign)
            await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "Its turn has come.")
            await work.calls.create_call_attempt(
                CallCreate(self.user.id, campaign, task.id, task.phone_number, None, "elsewhere", trunk), 30
            )
            await work.tasks.transition(task.id, TaskStatus.CALL_IN_PROGRESS, "Attempt 1 has begun.")


@contextlib.asynccontextmanager
async def trunk_world(
    folder: Path,
    switch: FakeSwitch,
    trunks: Sequence[Trunk],
    *,
    database_url: str | None = None,
    nodes: Sequence[str] = ("node-1",),
    **settings: object,
) -> AsyncIterator[TrunkWorld]:
    """Nodes that look only when the test says so (`look`): their own timers stand still with the clock."""
    clock, bell = ManualClock(), InProcessDoorbell()
    db = DatabaseManager(database_url or f"sqlite+aiosqlite:///{folder / 'calls.db'}", bell, clock)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(db.close)
        await db.upgrade()
        async with db.transaction() as work:
            user = await work.users.get_or_create("Maria")
        pages = await stack.enter_async_context(bell.listen(channels.user_events(user.id), capacity=5_000))
        world = TrunkWorld(db, bell, switch, clock, user, pages)
        ami = AsteriskAmiClient(AmiAddress("127.0.0.1", switch.port, "opendeep", switch.secret))
        quiet = replace(LIMITS, look_every_s=3_600.0)
        await _worker(stack, ami.run(), "ami")
        for name in nodes:
            values = {"max_concurrent_calls": 50, **settings}
            config = AppConfig(_env_file=None, node_id=name, data_dir=folder, **values)  # type: ignore[arg-type, call-arg]
            node = CallInitiatorService(config, trunks, db, bell, ami, lambda: AUDIOSOCKET, clock, quiet)
            world.nodes[name] = node
            await _worker(stack, node.run(), name)
        await world.until_awake()
        yield world


async def _worker(stack: contextlib.AsyncExitStack, coroutine: Coroutine[Any, Any, None], name: str) -> None:
    task = asyncio.create_task(coroutine, name=name)

    async def end() -> None:
        task.cancel()
        await asyncio.wait({task}, timeout=DEADLINE_S)
        if not task.cancelled():
            task.result()

    stack.push_async_callback(end)
