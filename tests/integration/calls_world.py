"""The telephony side of the system on real SQLite, against a manager interface at the wire."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from opendeep.call_processor_service.asterisk_ami_client import AmiAddress, AmiLimits, AsteriskAmiClient
from opendeep.call_processor_service.attempt_limits import AttemptLimits
from opendeep.call_processor_service.call_initiator_svc import CallInitiatorService, InitiatorLimits
from opendeep.common import channels
from opendeep.common.data_models import Call, CallEvent, CallStatus, Task, TaskBase, TaskStatus, User
from opendeep.common.redis_client import InProcessDoorbell, Message, Subscription
from opendeep.config.app_config import AppConfig
from opendeep.config.trunk_config import load_trunks
from opendeep.database.db_manager import DatabaseManager
from tests.unit.call_processor_service.fake_switch import RIGHT, FakeSwitch

DEADLINE_S = 60.0
NODE = "node-1"
AUDIOSOCKET = ("127.0.0.1", 9092)
LIMITS = InitiatorLimits(
    look_every_s=0.2,
    reconcile_every_s=0.2,
    hangup_time_s=5.0,
    attempt=AttemptLimits(
        response_s=1.0,
        channel_s=0.1,
        settle_s=0.05,
        hangup_s=0.1,
        ami_away_s=0.3,
        recheck_s=0.05,
        media_end_s=0.3,
        cancel_s=2.0,
    ),
)


class ForgetfulDoorbell(InProcessDoorbell):
    """Loses what it is told to lose, as Redis may."""

    def __init__(self) -> None:
        super().__init__()
        self.loses: set[str] = set()  # message types, or names of channels
        self.explodes_for: str | None = None  # a message that contains this text meets a bug

    async def ring(self, channel: str, data: Any = None) -> None:
        if self.explodes_for is not None and self.explodes_for in str(data):
            raise RuntimeError("a bug")
        if channel not in self.loses and str((data or {}).get("type")) not in self.loses:
            await super().ring(channel, data)


@dataclass
class World:
    db: DatabaseManager
    bell: ForgetfulDoorbell
    switch: FakeSwitch
    ami: AsteriskAmiClient
    initiator: CallInitiatorService
    user: User
    config: AppConfig
    path: Path
    campaign_id: UUID
    limits: InitiatorLimits
    ended: Subscription  # rings when a task is PENDING_ANALYSIS
    pages: Subscription  # what the user's pages see
    workers: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self, *numbers: str, brief: dict[str, Any] | None = None) -> list[UUID]:
        """Queue one task per number, as the scheduler does."""
        async with self.db.transaction() as work:
            known = {task.id for task in await work.tasks.of_campaign(self.user.id, self.campaign_id)}
            position = len(known)
            plan = [TaskBase(f"Callee {n}", "person", n, "Say hello.", brief or {}) for n in numbers]
            campaign = await new_campaign(work, self.user) if position else self.campaign_id
            await work.tasks.add_many(self.user.id, campaign, plan)
            tasks = await work.tasks.of_campaign(self.user.id, campaign)
            for task in tasks:
                await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "Its turn has come.")
        return [task.id for task in tasks]

    async def wait_for_ends(self, count: int = 1) -> None:
        """Until `count` tasks went to the analyser (the bell rings once per commit)."""
        async with asyncio.timeout(DEADLINE_S):
            while await self._ended_tasks() < count:
                await self.ended.next(timeout=DEADLINE_S)

    async def _ended_tasks(self) -> int:
        async with self.db.read() as work:
            return len(await work.tasks.of_user(self.user.id, [TaskStatus.PENDING_ANALYSIS]))

    async def wait_for_status(self, status: CallStatus) -> UUID:
        """The next call that the pages see in `status`."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                message = await self.pages.next(timeout=DEADLINE_S)
                assert message is not None
                if message.data["type"] == "call" and message.data["call"]["status"] == status:
                    return UUID(message.data["call"]["id"])

    async def wait_for_line(self, kind: str) -> dict[str, Any]:
        """The next line of that kind in the timeline."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                message = await self.pages.next(timeout=DEADLINE_S)
                assert message is not None
                if message.data["type"] == "event" and message.data["event"]["kind"] == kind:
                    return dict(message.data["event"])

    async def wait_until_sent_back(self) -> str:
        """Until a task goes back to wait for its time; returns the reason."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                message = await self.pages.next(timeout=DEADLINE_S)
                assert message is not None
                if message.data["type"] == "task" and message.data["task"]["status"] == TaskStatus.SCHEDULED:
                    return str(message.data["task"]["status_reason"])

    async def task(self, task_id: UUID) -> Task:
        async with self.db.read() as work:
            return await work.tasks.get(self.user.id, task_id)

    async def calls_of(self, task_id: UUID) -> list[Call]:
        async with self.db.read() as work:
            lines = await work.events.of_task(self.user.id, task_id)
            ids = dict.fromkeys(line.call_id for line in lines if line.call_id is not None)
            return [await work.calls.get_call_by_id(call_id) for call_id in ids]

    async def only_call(self, task_id: UUID) -> Call:
        (call,) = await self.calls_of(task_id)
        return call

    async def timeline(self, call_id: UUID) -> list[CallEvent]:
        async with self.db.read() as work:
            return await work.events.of_call(self.user.id, call_id)

    async def media(self, call_id: UUID, kind: str, **data: Any) -> None:
        """Say something as the voice side does."""
        await self.bell.ring(channels.call_commands(call_id), {"type": kind, **data})

    async def wait_until_free(self) -> None:
        """Until no line is taken; the initiator rings when a handler has ended."""
        async with asyncio.timeout(DEADLINE_S), self.bell.listen(channels.TASKS_DUE) as rings:
            while self.initiator.snapshot()["lines_used"]:
                await rings.next(timeout=DEADLINE_S)


async def new_campaign(work: Any, user: User) -> UUID:
    chat = await work.chats.create(user.id)
    plan = await work.plans.save(user.id, chat, {})
    return UUID(str((await work.campaigns.create(user.id, plan, "Test", "Test")).id))


@contextlib.contextmanager
def logged(event: str) -> Iterator[asyncio.Event]:
    """An `asyncio.Event` that is set when a line of that name is logged."""
    seen = asyncio.Event()
    processors = structlog.get_config()["processors"]

    def notice(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if line["event"] == event:
            seen.set()
        return line

    processors.insert(0, notice)
    try:
        yield seen
    finally:
        processors.remove(notice)


async def next_message(subscription: Subscription, kind: str) -> Message:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            message = await subscription.next(timeout=DEADLINE_S)
            assert message is not None
            if message.data.get("type") == kind:
                return message


@contextlib.asynccontextmanager
async def calls_world(
    folder: Path,
    switch: FakeSwitch,
    *,
    address: AmiAddress | None = None,
    audiosocket: tuple[str, int] = AUDIOSOCKET,
    database_url: str | None = None,
    limits: InitiatorLimits = LIMITS,
    running: bool = True,
    secret: str = RIGHT,
    **settings: Any,
) -> AsyncIterator[World]:
    """Everything between a queued task and the analyser. With `running=False` the workers wait for `run_workers`.

    `address` leads to another switch than `switch`, which then need not listen;
    `database_url` to another database than SQLite in `folder`.
    """
    path = folder / "calls.db"
    bell = ForgetfulDoorbell()
    db = DatabaseManager(database_url or f"sqlite+aiosqlite:///{path}", bell)
    await db.upgrade()
    settings = {"trunk_calls_per_second": 1_000.0, **settings}  # tests of the pace say their own
    config = AppConfig(_env_file=None, node_id=NODE, data_dir=folder, **settings)  # type: ignore[call-arg]
    where = address or AmiAddress("127.0.0.1", switch.port, "opendeep", secret)
    ami = AsteriskAmiClient(where, limits=AmiLimits(action_s=2.0))
    initiator = CallInitiatorService(config, load_trunks(config), db, bell, ami, lambda: audiosocket, limits=limits)
    async with db.transaction() as work:
        user = await work.users.get_or_create("Maria")
        campaign_id = await new_campaign(work, user)
    pages = bell.listen(channels.user_events(user.id), capacity=5_000)
    async with bell.listen(channels.CALLS_ENDED) as ended, pages:
        world = World(db, bell, switch, ami, initiator, user, config, path, campaign_id, limits, ended, pages)
        if running:
            run_workers(world)
        try:
            yield world
        finally:
            await stop_workers(world)
            await db.close()


def run_workers(world: World) -> None:
    world.workers = [
        asyncio.create_task(world.ami.run(), name="ami"),
        asyncio.create_task(world.initiator.run(), name="initiator"),
    ]


async def stop_workers(world: World) -> None:
    """Cancel, initiator first; a worker that had failed raises here."""
    workers, world.workers = world.workers, []
    for worker in reversed(workers):
        worker.cancel()
        await asyncio.wait({worker}, timeout=DEADLINE_S)
    for worker in workers:
        if not worker.cancelled():
            worker.result()
