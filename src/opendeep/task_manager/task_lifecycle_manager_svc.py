"""`TaskLifecycleManagerService`: oversight of all tasks of a user, between the calls (the "meta-OODA" agent).

Observes and decides by `lifecycle_rules`, acts only by changing rows through guarded functions. Every decision is a
row, written in the same transaction as what it changes; versions are optimistic, and the number of actions is bounded.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from opendeep.common import channels, decisions
from opendeep.common.clock import Clock
from opendeep.common.data_models import CampaignStatus, FeedbackKind, TaskStatus
from opendeep.common.errors import Conflict, NotFound, PeerFault
from opendeep.common.redis_client import Doorbell
from opendeep.common.workers import run_rounds
from opendeep.config.app_config import AppConfig
from opendeep.database.db_manager import DatabaseManager, Transaction
from opendeep.task_manager.lifecycle_rules import EVERY, Action, Proposal, TaskFacts, propose

log = structlog.get_logger(__name__)

WATCHED: Final = (
    TaskStatus.SCHEDULED,
    TaskStatus.QUEUED_FOR_CALL,
    TaskStatus.CALL_IN_PROGRESS,
    TaskStatus.PENDING_ANALYSIS,
    TaskStatus.NEEDS_USER,
    TaskStatus.ON_HOLD,
)
MAX_WATCHED: Final = 500  # tasks per tenant and round, the longest unchanged first
MAX_ACTIONS: Final = 50  # per tenant and round
MAX_ACTIONS_A_DAY: Final = 10  # per task
DAY: Final = timedelta(days=1)
_BELLS: Final = {
    TaskStatus.QUEUED_FOR_CALL: channels.TASKS_QUEUED,
    TaskStatus.PENDING_ANALYSIS: channels.CALLS_ENDED,
}


class TaskLifecycleManagerService:
    """One worker visits every tenant with open tasks in turn."""

    def __init__(self, db: DatabaseManager, bell: Doorbell, clock: Clock, config: AppConfig) -> None:
        self._db = db
        self._bell = bell
        self._clock = clock
        self._poll_s = config.lifecycle_poll_s

    async def run(self) -> None:
        """On its own clock, and when something unusual was rung."""
        await run_rounds("lifecycle", self._bell, (channels.LIFECYCLE,), self._poll_s, self.round)

    async def round(self) -> None:
        """Look after every tenant that has open tasks once."""
        async with self._db.read() as work:
            users = await work.tasks.tenants()
        for user_id in users:
            try:
                await self.look_after(user_id)
            except PeerFault:
                raise
            except Exception:  # boundary: one tenant; the others are looked after all the same
                log.exception("lifecycle.tenant_failed", user_id=str(user_id))

    async def look_after(self, user_id: UUID) -> int:
        """Observe, decide, act for one tenant; returns how many actions were taken."""
        now = self._clock.now()
        async with self._db.read() as work:
            proposals = propose(await self._facts(work, user_id), now)
            allowed = [p for p in proposals if await self._within_bounds(work, user_id, p, now)]
        taken = 0
        for proposal in allowed[:MAX_ACTIONS]:
            taken += await self._act(user_id, proposal, now)
        return taken

    # -- observe

    async def _facts(self, work: Transaction, user_id: UUID) -> list[TaskFacts]:
        tasks = await work.tasks.of_user(user_id, WATCHED, MAX_WATCHED)
        held = await work.tasks.held_ids(user_id, [task.id for task in tasks])
        asked = {feedback.task_id: feedback.asked_at for feedback in await work.feedback.pending(user_id)}
        active: dict[UUID, bool] = {}
        for campaign_id in {task.campaign_id for task in tasks}:
            active[campaign_id] = (await work.campaigns.get(user_id, campaign_id)).status is CampaignStatus.ACTIVE
        return [TaskFacts(t, t.id in held, active[t.campaign_id], asked.get(t.id)) for t in tasks]

    @staticmethod
    async def _within_bounds(work: Transaction, user_id: UUID, proposal: Proposal, now: datetime) -> bool:
        task_id = proposal.task.id
        if await work.lifecycle.count_since(user_id, task_id, now - EVERY[proposal.rule], proposal.rule.value):
            return False
        return await work.lifecycle.count_since(user_id, task_id, now - DAY) < MAX_ACTIONS_A_DAY

    # -- act

    async def _act(self, user_id: UUID, proposal: Proposal, now: datetime) -> int:
        """One decision in one transaction; 0 when the task has moved on or is held by now."""
        task = proposal.task
        try:
            async with self._db.transaction() as work:
                if await work.tasks.held_ids(user_id, [task.id]):
                    return 0
                if not await self._within_bounds(work, user_id, proposal, now):
                    return 0
                await self._change(work, user_id, proposal)
                await work.lifecycle.add(
                    user_id,
                    rule=proposal.rule.value,
                    observation=proposal.observation,
                    action=proposal.action.value,
                    reason=proposal.reason,
                    expected=proposal.expected,
                    campaign_id=task.campaign_id,
                    task_id=task.id,
                )
                await work.events.add(
                    user_id,
                    f"lifecycle.{proposal.rule.value}",
                    f"{proposal.observation} {proposal.reason}",
                    data={"action": proposal.action.value},
                    campaign_id=task.campaign_id,
                    task_id=task.id,
                )
        except (Conflict, NotFound) as error:
            log.info("lifecycle.overtaken", task_id=str(task.id), rule=proposal.rule.value, detail=str(error))
            return 0
        log.info(
            "lifecycle.acted",
            user_id=str(user_id),
            task_id=str(task.id),
            rule=proposal.rule.value,
            action=proposal.action.value,
        )
        return 1

    async def _change(self, work: Transaction, user_id: UUID, proposal: Proposal) -> None:
        """What the action does to the rows. Raises `Conflict` when the task has changed since it was looked at."""
        task = proposal.task
        changes = {} if proposal.priority is None else {"priority": proposal.priority}
        if proposal.action is not Action.REPORT:  # a report must not make the task look touched
            await work.tasks.change(user_id, task.id, task.version, **changes)
        if proposal.action is Action.REPORT and (bell := _BELLS.get(task.status)):
            work.ring(bell)
        elif proposal.action is Action.REANALYSE:
            reason = "The end of the call was not seen."
            await work.tasks.transition(task.id, TaskStatus.PENDING_ANALYSIS, reason, expected=task.status)
        elif proposal.action is Action.RESUME:
            await work.tasks.transition(task.id, TaskStatus.SCHEDULED, "The hold is over.", expected=task.status)
        elif proposal.action is Action.CHECK_IN:
            await self._ask(work, user_id, proposal)

    @staticmethod
    async def _ask(work: Transaction, user_id: UUID, proposal: Proposal) -> None:
        task = proposal.task
        if task.status is TaskStatus.SCHEDULED:
            reason = "Waiting for your decision."
            await work.tasks.transition(task.id, TaskStatus.NEEDS_USER, reason, expected=task.status)
        await work.feedback.ask(
            user_id,
            task.campaign_id,
            task.id,
            proposal.question or proposal.observation,
            kind=FeedbackKind.DECISION,
            options=decisions.OPTIONS,
        )
