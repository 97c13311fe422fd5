"""`CallInitiatorService`: the lines of this node.

Claims queued tasks, commits each call before it is dialled, and keeps one `CallAttemptHandler` alive per line.

Owns `MAX_CONCURRENT_CALLS` (by the number of living handlers), leases, reconciliation's timing and draining. Which
tasks are due and whether they may be called is the scheduler's, what happens within a call is the handler's.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog

from opendeep.call_processor_service.ami_action import DialRequest
from opendeep.call_processor_service.asterisk_ami_client import AsteriskAmiClient
from opendeep.call_processor_service.attempt_limits import AttemptLimits
from opendeep.call_processor_service.call_attempt_handler import CallAttemptHandler
from opendeep.call_processor_service.call_claims import CallClaims, Placed
from opendeep.call_processor_service.call_reconciler import CallReconciler
from opendeep.call_processor_service.node_lease import NodeLease
from opendeep.call_processor_service.second_leg import TransferRoutes
from opendeep.call_processor_service.switch_view import SwitchView
from opendeep.call_processor_service.trunk_probe import TrunkProbe
from opendeep.common import channels
from opendeep.common.clock import Clock, SystemClock
from opendeep.common.data_models import CallStatus
from opendeep.common.errors import PeerFault
from opendeep.common.redis_client import Doorbell
from opendeep.common.workers import run_rounds
from opendeep.config.app_config import AppConfig
from opendeep.config.trunk_config import Trunk
from opendeep.database.db_manager import DatabaseManager

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0  # for queued tasks whose bell was lost
RECONCILE_EVERY_S = 30.0
HANGUP_TIME_S = 10.0  # what drained calls get for their end
STARTS_AT_ONCE = 5  # more would hold up the loop, which must send a frame into each living call every 20 ms
STARTS_APART_S = 0.1  # between as many as may start at once, also over trunks that could take more


@dataclass(frozen=True, slots=True)
class InitiatorLimits:
    """Clocks of this service, in seconds."""

    look_every_s: float = LOOK_EVERY_S
    reconcile_every_s: float = RECONCILE_EVERY_S
    hangup_time_s: float = HANGUP_TIME_S
    attempt: AttemptLimits = field(default_factory=AttemptLimits)


class CallInitiatorService:
    """Keep `run()` alive as a worker beside `AsteriskAmiClient.run()`; call `drain()` before cancelling it.

    `audiosocket_address` gives host and port that Asterisk connects to; it is asked for each call, because the port is
    known only when the server listens. `voice_paused_because` says why nobody could talk to a callee now, None when the
    voice AI is well.
    """

    def __init__(
        self,
        config: AppConfig,
        trunks: Sequence[Trunk],
        db: DatabaseManager,
        bell: Doorbell,
        ami: AsteriskAmiClient,
        audiosocket_address: Callable[[], tuple[str, int]],
        clock: Clock | None = None,
        limits: InitiatorLimits | None = None,
        voice_paused_because: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._config = config
        self._db = db
        self._bell = bell
        self._ami = ami
        self._audiosocket_address = audiosocket_address
        self._clock = clock or SystemClock()
        self._limits = limits or InitiatorLimits()
        self._voice_paused_because = voice_paused_because
        self._switch = SwitchView(ami)
        self._claims = claims = CallClaims(config, trunks, db, self._clock)
        self._transfers = TransferRoutes(config.transfer_places, claims.take_second, claims.give_back_second)
        needed = trunks if config.needs_trunks else ()
        self._probe = TrunkProbe(ami, db, needed, self._limits.reconcile_every_s)
        self._unprobed = True
        self._handlers: dict[UUID, CallAttemptHandler] = {}
        held = self._handlers.keys
        self._lease = NodeLease(config.node_id, db, self._clock, config.lease_s, held, self._end_calls)
        self._reconciler = CallReconciler(config.node_id, db, self._switch, self._clock, self._lease, held)
        self._gate = asyncio.Lock()  # claiming and reconciling exclude each other
        self._group: asyncio.TaskGroup | None = None
        self._gaps, self._compared = 1, 0  # reasons to compare rows and switch, and up to which that was done
        self._ami_is_back = asyncio.Event()
        self._took_all_it_may = False  # the last round
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    # -- what others may ask

    def free_lines(self) -> int:
        """How many calls could start now; 0 while nothing may be dialled."""
        return 0 if self._stopped_because() else self._claims.room(self._lines_without_call())

    def paused_because(self) -> str | None:
        """Why no call starts, as a sentence; None when calls start."""
        return self._stopped_because() or self._claims.out_of_order()

    def _lines_without_call(self) -> int:
        return max(0, self._config.concurrent_calls - len(self._handlers))

    def _stopped_because(self) -> str | None:
        """Why this node starts no call at all; broken trunks are not a reason, our own extensions need none."""
        if self._draining:
            return "Shutting down; no new calls are started."
        if not self._ami.ready:
            return f"Asterisk is not connected ({self._ami.last_error or self._ami.state})."
        if not self._lease.fresh:
            return "The database has not answered for a while."
        if self._gaps != self._compared:
            return "Comparing the calls on record with the switch first."
        return self._voice_paused_because()

    def snapshot(self) -> dict[str, Any]:
        """For the API and /readyz."""
        return {
            "node_id": self._config.node_id,
            "lines_total": self._config.concurrent_calls,
            "lines_used": len(self._handlers),
            "queued": self._claims.waiting,
            "draining": self._draining,
            "paused_because": self.paused_because(),
            "ami": self._ami.snapshot(),
            "calls": [str(call_id) for call_id in self._handlers],
        }

    # -- life

    async def run(self) -> None:
        """The worker; returns only when cancelled. Cancelling hangs living calls up: `drain()` first."""
        gaps = self._ami.on_reconnected(self._want_reconciliation), self._ami.on_events_lost(self._want_reconciliation)
        rings = (channels.TASKS_QUEUED,)
        try:
            async with asyncio.TaskGroup() as self._group:
                self._group.create_task(self._lease.run(), name="calls:lease")
                self._group.create_task(self._reconcile_on_timer(), name="calls:reconcile")
                self._group.create_task(self._look_when_ami_is_back(), name="calls:ami-is-back")
                await run_rounds("call-initiator", self._bell, rings, self._limits.look_every_s, self._spread_round)
        finally:
            for forget in gaps:
                forget()
            self._switch.close()
            self._group = None

    async def drain(self, deadline_s: float) -> None:
        """Start no more calls; let the living ones finish, after `deadline_s` seconds hang them up. Idempotent."""
        self._draining = True
        async with self._gate:  # a claim under way has started its calls
            pass
        log.info("calls.draining", living=len(self._handlers), deadline_s=deadline_s)
        if await self._wait_until_idle(deadline_s):
            return
        for handler in tuple(self._handlers.values()):
            handler.hang_up("shutdown")
        if not await self._wait_until_idle(self._limits.hangup_time_s):
            log.warning("calls.drain_incomplete", living=len(self._handlers))

    async def reconcile(self) -> None:
        """Compare rows and switch now. Raises `TelephonyFault` or `DatabaseUnavailable` when one cannot be asked."""
        async with self._gate:
            gaps = self._gaps  # what is missed from now on asks for another comparison
            done = await self._reconciler.reconcile_own()
            self._compared = gaps
        if done.closed or done.hung_up:
            log.warning("calls.reconciled", closed=done.closed, hung_up=done.hung_up)

    # -- rounds

    async def _round(self) -> float | None:
        if self._gaps != self._compared and self._ami.ready and not self._draining:
            await self.reconcile()
        if self._unprobed and self._ami.ready:
            self._unprobed = False
            await self._probe.check()
        async with self._gate:
            free = self._lines_without_call()
            if self._stopped_because() or free == 0:
                return None
            address = self._audiosocket_address()
            claimed = await self._claims.claim(min(free, STARTS_AT_ONCE))
            for placed in claimed:
                self._start(placed, address)
        self._took_all_it_may = len(claimed) == STARTS_AT_ONCE
        return 0.0 if self._took_all_it_may and self._claims.waiting else self._claims.seconds_to_next()

    async def _spread_round(self) -> float | None:
        """A round, and time for the calls that it began: rings that come meanwhile wait for the next one."""
        self._took_all_it_may = False
        wait_s = await self._round()
        if self._took_all_it_may:
            await asyncio.sleep(STARTS_APART_S)
        return wait_s

    # -- handlers

    def _start(self, placed: Placed, audiosocket: tuple[str, int]) -> None:
        dial = DialRequest(
            placed.call.id,
            placed.channel,
            audiosocket,
            self._config.originate_timeout_ms,
            placed.caller_id,
        )
        handler = CallAttemptHandler(
            placed.call,
            dial,
            placed.max_talk_s,
            ami=self._ami,
            switch=self._switch,
            db=self._db,
            bell=self._bell,
            clock=self._clock,
            may_dial=lambda: self._lease.fresh,
            limits=self._limits.attempt,
            transfers=self._transfers,
        )
        if self._group is None:
            raise RuntimeError("calls are started only while run() is alive")
        self._handlers[placed.call.id] = handler
        self._idle.clear()
        self._group.create_task(self._attend(handler), name=f"call:{placed.call.id}")

    async def _attend(self, handler: CallAttemptHandler) -> None:
        """One call's boundary: whatever happens in there, the line is free afterwards."""
        try:
            verdict = await handler.run()
            self._unprobed = self._unprobed or verdict.status is CallStatus.FAILED
        except Exception:  # boundary: one call; the handler has closed its rows, or reconciliation will
            log.exception("call.failed", call_id=str(handler.call.id))
            self._gaps += 1
        finally:
            del self._handlers[handler.call.id]
            self._claims.note_end(handler.call.trunk)
            if not self._handlers:
                self._idle.set()
        await self._bell.ring(channels.TASKS_QUEUED)
        await self._bell.ring(channels.TASKS_DUE)

    async def _wait_until_idle(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    # -- clocks

    def _want_reconciliation(self) -> None:
        self._unprobed = True
        self._gaps += 1
        self._ami_is_back.set()

    async def _look_when_ami_is_back(self) -> None:
        while True:
            await self._ami_is_back.wait()
            self._ami_is_back.clear()
            await self._bell.ring(channels.TASKS_QUEUED)

    def _end_calls(self, call_ids: Collection[UUID], reason: str) -> None:
        """The rows of these calls are no longer ours, or will soon be another node's."""
        for handler in [self._handlers[call_id] for call_id in call_ids if call_id in self._handlers]:
            handler.hang_up(reason)
        self._gaps += 1

    async def _reconcile_on_timer(self) -> None:
        while True:
            await self._clock.sleep(min(self._limits.reconcile_every_s, self._config.lease_s))
            try:
                vanished = await self._reconciler.close_vanished()
                if vanished.vanished:
                    log.warning("calls.of_vanished_nodes_closed", count=vanished.vanished)
                if self._ami.ready:
                    await self.reconcile()
                    await self._probe.check()
            except PeerFault as error:
                log.warning("calls.not_reconciled", error=str(error))
