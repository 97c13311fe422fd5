"""`TaskSchedulerService`: due tasks pass the gate and are handed over, only as many as this node has free lines.

A persistent worker: it claims under a lease, decides by the pure compliance gate, and changes status. It never dials.
"""

from dataclasses import dataclass
from typing import Protocol

import structlog
from pydantic import ValidationError

from opendeep.common import channels, decisions
from opendeep.common.clock import Clock
from opendeep.common.data_models import FeedbackKind, Task, TaskStatus
from opendeep.common.errors import PeerFault
from opendeep.common.redis_client import Doorbell
from opendeep.common.workers import run_rounds
from opendeep.database.db_manager import DatabaseManager, Transaction
from opendeep.database.turns import Turns
from opendeep.task_manager.compliance_gate import GateRules, Reason, Verdict
from opendeep.task_manager.task_gate import TaskGate, open_gate

log = structlog.get_logger(__name__)

MAX_CLAIM = 50  # in one transaction: others write in between
RELEASE_EVERY_LEASES = 0.1  # how soon after its time a task that no line took is looked at again


class Dialer(Protocol):
    """The other side of the wall: `CallInitiatorService`."""

    def free_lines(self) -> int:
        """How many more calls this node may start now; 0 while the switch is away."""
        ...


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    node_id: str
    poll_s: float
    lease_s: float
    gate: GateRules
    calls_per_tenant: int | None = None  # tasks of one tenant on the lines at the same time, over all nodes


class TaskSchedulerService:
    """One per node that has lines."""

    def __init__(
        self, db: DatabaseManager, bell: Doorbell, clock: Clock, dialer: Dialer, settings: SchedulerSettings
    ) -> None:
        self._db = db
        self._bell = bell
        self._clock = clock
        self._dialer = dialer
        self._settings = settings
        self._turns = Turns()
        self._next_release_at = 0.0
        self._draining = False

    async def run(self) -> None:
        """The worker: woken by the bell of due tasks and by its own clock."""
        await run_rounds("scheduler", self._bell, (channels.TASKS_DUE,), self._settings.poll_s, self.round)

    def stop_claiming(self) -> None:
        """From now on hand nothing over: the node drains."""
        self._draining = True

    async def round(self) -> float | None:
        """Hand over what is due and fits. Returns the seconds until the next task is due, None if none waits."""
        if self._draining:
            return None
        await self._release_stale()
        self._turns.begin_round()
        queued = 0  # in this round; the initiator takes lines for them when its bell rings
        more = True
        while more and not self._draining and (free := min(self._dialer.free_lines() - queued, MAX_CLAIM)) > 0:
            async with self._db.transaction(urgent=True) as work:
                tasks = await self._claim(work, free)
                gate = await open_gate(work, tasks, self._settings.gate, self._clock.now())
                went = 0
                for task in tasks:
                    if await self._decide_alone(work, gate, task):
                        went += 1
                    else:
                        self._turns.refuse(task.user_id, task.campaign_id)
            queued += went
            more = len(tasks) == free or went < len(tasks)  # a refused task leaves its place to another
        async with self._db.read() as work:
            due = await work.tasks.next_due_at()
        wait_s = (due - self._clock.now()).total_seconds() if due is not None else 0.0
        return wait_s if wait_s > 0 else None  # what is due and was left waits for a line; its bell rings then

    async def _release_stale(self) -> None:
        """Not in every round: rounds come with every call that ends."""
        now = self._clock.monotonic()
        if now < self._next_release_at:
            return
        async with self._db.transaction(urgent=True) as work:
            await work.tasks.release_stale(self._settings.lease_s)
        self._next_release_at = now + self._settings.lease_s * RELEASE_EVERY_LEASES

    async def _claim(self, work: Transaction, lines: int) -> list[Task]:
        owner, cap = f"scheduler:{self._settings.node_id}", self._settings.calls_per_tenant
        return await work.tasks.claim_due(owner, lines, self._settings.lease_s, cap=cap, turns=self._turns)

    async def _decide_alone(self, work: Transaction, gate: TaskGate, task: Task) -> int:
        """Boundary: one claimed row. One that cannot be decided must not stop the scheduler of all tenants."""
        try:
            async with work.part():
                return await self._decide(work, gate, task)
        except PeerFault:
            raise
        except Exception:  # boundary: one claimed row
            log.exception("scheduler.task_failed", task_id=str(task.id), user_id=str(task.user_id))
            await work.tasks.transition(task.id, TaskStatus.FAILED, "Whether this call may be made cannot be told.")
            return 0

    async def _decide(self, work: Transaction, gate: TaskGate, task: Task) -> int:
        """Queue, postpone or refuse one task; 1 if it was queued."""
        try:
            verdict = gate.decide(task)
        except ValidationError as error:
            # One unreadable row must not stop the scheduler of all tenants.
            log.error("scheduler.unreadable_brief", task_id=str(task.id), error=str(error))
            await work.tasks.transition(task.id, TaskStatus.FAILED, "What this call is about cannot be read.")
            return 0
        if verdict.go:
            await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "Waiting for a line.")
            return 1
        await self._refuse(work, task, verdict)
        return 0

    async def _refuse(self, work: Transaction, task: Task, verdict: Verdict) -> None:
        """Say why on the timeline, once for each reason, and do what follows."""
        if verdict.reason.value != task.refused_for:
            await work.events.add(
                task.user_id,
                "call.refused",
                verdict.sentence,
                data={"reason": verdict.reason.value},
                campaign_id=task.campaign_id,
                task_id=task.id,
            )
        if verdict.not_before is not None:
            await work.tasks.postpone(task.id, verdict.not_before, verdict.sentence, verdict.reason.value)
        elif verdict.reason is Reason.UNKNOWN_TIME_ZONE:
            await self._ask_for_zone(work, task, verdict)
        else:
            await work.tasks.transition(task.id, TaskStatus.FAILED, verdict.sentence)
        log.info("scheduler.refused", task_id=str(task.id), user_id=str(task.user_id), reason=verdict.reason.value)

    async def _ask_for_zone(self, work: Transaction, task: Task, verdict: Verdict) -> None:
        await work.tasks.transition(task.id, TaskStatus.NEEDS_USER, verdict.sentence)
        await work.feedback.ask(
            task.user_id,
            task.campaign_id,
            task.id,
            f"In which time zone is {task.contact_name} ({task.phone_number})? Write a city, or a zone such as CET.",
            kind=FeedbackKind.DECISION,
            options=(self._settings.gate.home_zone, decisions.STOP),
            sets=decisions.SETS_TIMEZONE,
        )
