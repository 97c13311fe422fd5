"""Two whole nodes over one database, each beside its own switch, in virtual time: what a storm can break.

The nodes run the product's own workers (AMI, initiator, scheduler, analyser, summariser). A node can be killed: its
database refuses everything, its sockets are gone, and only then are its tasks cancelled, so that nothing it would still
like to write or say gets anywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from opendeep.call_processor_service.asterisk_ami_client import AmiAddress, AmiLimits, AsteriskAmiClient
from opendeep.call_processor_service.call_initiator_svc import CallInitiatorService, InitiatorLimits
from opendeep.campaign_summarizer_service.summarizer_svc import CampaignSummarizerService
from opendeep.common.channels import call_commands
from opendeep.common.clock import Clock
from opendeep.common.errors import DatabaseUnavailable, ProviderRefused
from opendeep.common.redis_client import InProcessDoorbell, Message, Subscription
from opendeep.config.app_config import AppConfig
from opendeep.config.trunk_config import load_trunks
from opendeep.database.db_manager import DatabaseManager, Transaction
from opendeep.llm_integrations.openai_form_client import Message as Words
from opendeep.post_call_analyzer_service.analysis_svc import AnalysisService
from opendeep.task_manager.compliance_gate import GateRules
from opendeep.task_manager.task_scheduler_svc import SchedulerSettings, TaskSchedulerService
from tests.integration.storm_switch import Ledger, StormSwitch
from tests.support.virtual_loop import VirtualClock, VirtualLoop
from tests.unit.call_processor_service.fake_switch import RIGHT

LINES = 3
LEASE_S = 30.0
POLL_S = 20.0
LOOK_S = 5.0  # of the voice side, at the row
DYING_S = 10.0  # virtual seconds in which a killed process's tasks end
LIMITS = InitiatorLimits(look_every_s=POLL_S, reconcile_every_s=30.0)

Answer = TypeVar("Answer", bound=BaseModel)


class StormDatabase(DatabaseManager):
    """The real one behind a cable. `shared`, as PostgreSQL is, whatever is behind it."""

    def __init__(self, url: str, bell: InProcessDoorbell, clock: Clock) -> None:
        super().__init__(url, bell, clock)
        self.away = False  # nothing goes in
        self.loses_answers = False  # what goes in is committed, and nobody hears of it
        self.open = 0  # units of work under way

    @property
    def shared(self) -> bool:
        return True

    @contextlib.asynccontextmanager
    async def transaction(self, *, urgent: bool = False) -> AsyncIterator[Transaction]:
        self._refuse(self.away)
        self.open += 1
        try:
            async with super().transaction(urgent=urgent) as work:
                yield work
                self._refuse(self.away)
            self._refuse(self.loses_answers)
        finally:
            self.open -= 1

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        self._refuse(self.away)
        self.open += 1
        try:
            async with super().read() as work:
                yield work
        finally:
            self.open -= 1

    @staticmethod
    def _refuse(really: bool) -> None:
        if really:
            raise DatabaseUnavailable("A storm broke the cable.")


class StormBell(InProcessDoorbell):
    """Loses everything while it is silent."""

    def __init__(self) -> None:
        super().__init__()
        self.silent = False

    async def ring(self, channel: str, data: Any = None) -> None:
        if not self.silent:
            await super().ring(channel, data)


class NoModel:
    """A provider that refuses: judgements are made by rules, reports by figures."""

    async def structured(
        self, system: str, messages: Sequence[Words], response_model: type[Answer], name: str
    ) -> Answer:
        raise ProviderRefused("There is no model in this storm.")


class Node:
    """One process and the Asterisk beside it."""

    def __init__(self, name: str, url: str, folder: Path, loop: VirtualLoop, bell: StormBell, ledger: Ledger) -> None:
        self.name = name
        self.alive = False
        self.switch = StormSwitch(name, ledger, self._connect_audio, self._line_closed)
        self._url = url
        self._loop = loop
        self._bell = bell
        self._clock = VirtualClock(loop)
        self._config = AppConfig(  # type: ignore[call-arg]
            _env_file=None,
            node_id=name,
            data_dir=folder,
            max_concurrent_calls=LINES,
            lease_s=LEASE_S,
            scheduler_poll_s=POLL_S,
            analysis_poll_s=POLL_S,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._talks: dict[str, Subscription] = {}
        self._voices: set[asyncio.Task[None]] = set()

    # -- life of the process

    async def start(self) -> None:
        """A fresh process of the same name."""
        self.db = StormDatabase(self._url, self._bell, self._clock)
        address = AmiAddress("127.0.0.1", self.switch.port, "opendeep", RIGHT)
        self.ami = AsteriskAmiClient(address, self._clock, AmiLimits())
        self.initiator = CallInitiatorService(
            self._config,
            load_trunks(self._config),
            self.db,
            self._bell,
            self.ami,
            lambda: ("127.0.0.1", 9092),
            self._clock,
            LIMITS,
        )
        settings = SchedulerSettings(
            node_id=self.name,
            poll_s=POLL_S,
            lease_s=LEASE_S,
            gate=GateRules("US", (), ("US",), "America/New_York"),
        )
        self.scheduler = TaskSchedulerService(self.db, self._bell, self._clock, self.initiator, settings)
        analysis = AnalysisService(self.db, self._bell, NoModel(), self._clock, self._config, lambda: 0.0)
        summariser = CampaignSummarizerService(self.db, self._bell, NoModel(), self._clock)
        workers: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "ami": self.ami.run,
            "initiator": self.initiator.run,
            "scheduler": self.scheduler.run,
            "analysis": analysis.run,
            "summariser": summariser.run,
        }
        self._tasks = [self._loop.create_task(run(), name=f"{self.name}:{name}") for name, run in workers.items()]
        self.alive = True

    def kill(self) -> None:
        """kill -9. What was on its way to the switch has arrived, everything else has not."""
        self.alive = False
        self.db.away = True
        self.switch.accepting = False
        self.switch.drop_connections()
        self.switch.drop_audio()
        for task in (*self._voices, *self._tasks):
            task.cancel()

    def ask_to_stop(self) -> None:
        """SIGTERM: no new calls; those that live may end."""
        self.scheduler.stop_claiming()
        self._tasks.append(self._loop.create_task(self.initiator.drain(60.0), name=f"{self.name}:drain"))

    @property
    def draining(self) -> bool:
        return bool(self.initiator.snapshot()["draining"])

    async def bury(self) -> None:
        """After `kill` and some time: nothing of the process is left."""
        done, late = await asyncio.wait(self._tasks, timeout=DYING_S) if self._tasks else (set(), set())
        assert not late, late
        for task in done:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        await self.db.close()
        self._tasks = []

    def failed(self) -> list[str]:
        """Workers that ended although nobody asked them to."""
        return [
            f"{task.get_name()}: {task.exception()!r}"
            for task in self._tasks
            if self.alive and task.done() and not task.cancelled() and task.exception() is not None
        ]

    # -- the voice side of its calls

    def _connect_audio(self, call_id: str) -> bool:
        if self.alive:
            task = self._loop.create_task(self._talk(call_id), name=f"{self.name}:voice:{call_id}")
            self._voices.add(task)
            task.add_done_callback(self._voices.discard)
        return self.alive

    def _line_closed(self, call_id: str) -> None:
        if (inbox := self._talks.get(call_id)) is not None:
            inbox.put(Message("", {"type": "line_closed"}))

    async def _talk(self, call_id: str) -> None:
        """As `AudioSocketHandler` does: ends with its line, when it is told to, or when its row has ended."""
        channel = call_commands(UUID(call_id))
        async with self._bell.listen(channel) as inbox:
            self._talks[call_id] = inbox
            await self._bell.ring(channel, {"type": "media_started"})
            while call_id in self.switch.channels:
                message = await inbox.next(timeout=LOOK_S)
                if message is None:
                    with contextlib.suppress(DatabaseUnavailable):
                        if not (await self.db.get_call_by_id(UUID(call_id))).live:
                            break
                elif message.data.get("type") in ("ended", "line_closed"):
                    break
        del self._talks[call_id]
        self.switch.audio_closed(call_id)
        await self._bell.ring(channel, {"type": "media_ended", "reason": "closed"})
