"""Everything that a chaos run stands on, started and ended in order: databases, switches, callees, AI, nodes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from opendeep.common.redis_client import InProcessDoorbell
from opendeep.database.db_manager import DatabaseManager
from opendeep.demo.client import PageClient
from tests.chaos.callees import ChaosCallees, kind_of, number
from tests.chaos.moments import Moments
from tests.chaos.node import Node
from tests.chaos.voice import ChaosVoice, chaos_voice
from tests.support.asterisk import RealAsterisk, free_port
from tests.support.services import TemporaryPostgres, TemporaryRedis

START_DEADLINE_S = 90.0
POLL_S = 0.2
TENANTS = ("Maria Keller", "Jonas Brandt")
MAX_ATTEMPTS = 3
ORIGINATE_TIMEOUT_MS = 4_000
LEASE_S = 5.0


@dataclass(frozen=True, slots=True)
class Size:
    """What is run. `lines` per node; every node has an Asterisk of its own."""

    tasks: int = 200
    faults: int = 20
    seed: int = 1
    nodes: int = 2
    lines: int = 4


@dataclass
class World:
    """The running whole."""

    size: Size
    folder: Path
    moments: Moments
    postgres: TemporaryPostgres
    redis: TemporaryRedis
    asterisks: list[RealAsterisk]
    callees: ChaosCallees
    voice: ChaosVoice
    database_url: str
    nodes: list[Node] = field(default_factory=list)
    asterisk_deaths: list[tuple[float, int]] = field(default_factory=list)  # (epoch s, which one)

    async def rows(self, question: str) -> list[dict[str, Any]]:
        """Ask the database itself; only while nothing is broken."""
        engine = create_async_engine(self.database_url, poolclass=NullPool)
        try:
            async with engine.connect() as connection:
                return [dict(row) for row in (await connection.execute(text(question))).mappings()]
        finally:
            await engine.dispose()

    async def trouble(self) -> str | None:
        """The first node that is not well."""
        for node in self.nodes:
            if (why := await node.trouble()) is not None:
                return why
        return None

    async def until_well(self, deadline_s: float) -> str | None:
        """Wait until all nodes may dial; what is wrong still when the time is over."""
        why: str | None = "not asked yet"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                while (why := await self.trouble()) is not None:  # noqa: ASYNC110
                    await asyncio.sleep(POLL_S)
        return why

    async def confirm_campaigns(self) -> list[UUID]:
        """Each tenant gets an equal share of the tasks, as one plan confirmed through the API."""
        campaigns = []
        for index, name in enumerate(TENANTS):
            async with PageClient(self.nodes[index % len(self.nodes)].url) as page:
                user = UUID((await page.post("/api/session", {"user_name": name}))["user"]["id"])
                plan = await self._store_plan(user, range(index, self.size.tasks, len(TENANTS)))
                answer = await page.post("/api/execute_campaign", {"plan_id": str(plan)})
                campaigns.append(UUID(answer["campaign"]["id"]))
        return campaigns

    async def _store_plan(self, user: UUID, positions: range) -> UUID:
        """What the chat would have proposed."""
        plan = {
            "title": "Inspections", "objective": "Book the yearly inspection.", "on_behalf_of": "the house",
            "disclosure": "This is an AI assistant.", "max_attempts": MAX_ATTEMPTS, "retry_minutes": 0.03,
            "max_call_minutes": 0.5, "calling_window": {"any_time": True},
            "questions": [{"key": "slot_ok", "ask": "Does Tuesday at ten work for you?", "type": "yes_no"}],
            "tasks": [
                {"contact_name": f"{kind_of(at).name} {at}", "phone_number": number(at), "source": "user"}
                for at in positions
            ],
        }  # fmt: skip
        database = DatabaseManager(self.database_url, InProcessDoorbell())
        try:
            async with database.transaction() as work:
                return await work.plans.save(user, await work.chats.create(user), plan)
        finally:
            await database.close()


@contextlib.asynccontextmanager
async def chaos_world(size: Size, folder: Path) -> AsyncIterator[World]:
    """Start it all; everything is gone afterwards, except the logs in `folder`."""
    moments = Moments()
    async with contextlib.AsyncExitStack() as stack:
        postgres = stack.enter_context(TemporaryPostgres())
        redis = stack.enter_context(TemporaryRedis())
        asterisks = [await stack.enter_async_context(RealAsterisk()) for _ in range(size.nodes)]
        stack.callback(_keep_switch_logs, asterisks, folder)
        callees = ChaosCallees([asterisk.trunk_port for asterisk in asterisks], size.tasks, folder, moments)
        stack.push_async_callback(callees.close)
        await callees.open()
        voice = await stack.enter_async_context(chaos_voice(moments, size.seed))
        database_url = postgres.create_database("opendeep")
        world = World(size, folder, moments, postgres, redis, asterisks, callees, voice, database_url)
        for index in range(size.nodes):
            node = _node(world, index)
            stack.push_async_callback(node.close)
            world.nodes.append(node)
            node.start()
        if (why := await world.until_well(START_DEADLINE_S)) is not None:
            raise TimeoutError(f"the world did not come up: {why}")
        yield world


def _keep_switch_logs(asterisks: list[RealAsterisk], folder: Path) -> None:
    for index, asterisk in enumerate(asterisks):
        (folder / f"asterisk-{index}.log").write_text(asterisk.log())


def _node(world: World, index: int) -> Node:
    asterisk = world.asterisks[index]
    settings = {
        "DATABASE_URL": world.database_url, "REDIS_URL": world.redis.url, "SECRET_KEY": "the same on every node",
        "ASTERISK_AMI_HOST": asterisk.ami_host, "ASTERISK_AMI_PORT": str(asterisk.ami_port),
        "ASTERISK_AMI_USERNAME": asterisk.ami_username, "ASTERISK_AMI_SECRET": asterisk.ami_secret,
        "OPENAI_BASE_URL": world.voice.base_url, "OPENAI_REALTIME_URL": world.voice.realtime_url,
        "OPENAI_API_KEY": "test-key", "MAX_CONCURRENT_CALLS": str(world.size.lines), "LEASE_S": str(LEASE_S),
        "ORIGINATE_TIMEOUT_MS": str(ORIGINATE_TIMEOUT_MS), "SCHEDULER_POLL_S": "1", "ANALYSIS_POLL_S": "1",
        "LIFECYCLE_POLL_S": "5", "WEB_PORT": str(free_port()), "AUDIOSOCKET_PORT": str(free_port()),
        "DRAIN_SECONDS": "3", "RECORD_CALLS": "false",
    }  # fmt: skip
    return Node(f"node-{index}", world.folder, asterisk, settings)
