"""`TaskLifecycleManagerService`: oversight of all tasks of a user, between the calls (the "meta-OODA" agent).

Observes by `lifecycle_observer`, decides by the rules and, where one is there, by a language model whose proposals
`lifecycle_mind` checks, acts through `lifecycle_actions`. Every decision is a row, written in the same transaction as
what it changes, under the task's lock and at the version that was looked at; the number of actions is bounded.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from opendeep.common import channels
from opendeep.common.clock import Clock
from opendeep.common.errors import Conflict, InvalidTransition, NotFound, PeerFault, ProviderFault
from opendeep.common.lifecycle_decisions import DecisionState, NewDecision
from opendeep.common.redis_client import Doorbell
from opendeep.common.workers import run_rounds
from opendeep.config.app_config import AppConfig
from opendeep.config.prompt_lifecycle import lifecycle_prompt
from opendeep.database.db_manager import DatabaseManager, Transaction
from opendeep.llm_integrations.openai_form_client import Message, StructuredModel
from opendeep.task_manager.lifecycle_actions import Applied, apply
from opendeep.task_manager.lifecycle_cross_rules import candidates_across
from opendeep.task_manager.lifecycle_mind import SCHEMA_NAME, LifecycleDecisions, Look, look_at, read_answer
from opendeep.task_manager.lifecycle_observer import Money, observe, snapshot
from opendeep.task_manager.lifecycle_results import result_of
from opendeep.task_manager.lifecycle_rules import candidates
from opendeep.task_manager.lifecycle_values import MAX_ACTIONS, Proposal, TenantFacts, within_bounds

log = structlog.get_logger(__name__)

LOOKS_AT_ONCE: Final = 4  # models asked in parallel, for different tenants
LOOK_DEADLINE_S: Final = 60.0  # for one of them: the rules of the next round wait for it


class TaskLifecycleManagerService:
    """One worker visits every tenant with open tasks in turn. Without `llm` the rules decide alone."""

    def __init__(
        self,
        db: DatabaseManager,
        bell: Doorbell,
        clock: Clock,
        config: AppConfig,
        llm: StructuredModel | None = None,
    ) -> None:
        self._db = db
        self._bell = bell
        self._clock = clock
        self._llm = llm
        self._poll_s = config.lifecycle_poll_s
        self._look_every_s = config.lifecycle_model_minutes * 60
        self._money = Money(config.price_per_minute, config.max_spend_per_day)

    async def run(self) -> None:
        """On its own clock, and when something unusual was rung."""
        await run_rounds("lifecycle", self._bell, (channels.LIFECYCLE,), self._poll_s, self.round)

    async def round(self) -> None:
        """Look after every tenant that has open tasks once: all by the rules, then those where a model may add.

        Raises `PeerFault`.
        """
        async with self._db.read() as work:
            users = await work.tasks.tenants()
        for user_id in users:
            await self._alone(user_id, self.look_after(user_id))
        if self._llm is None or not self._look_every_s:
            return
        places = asyncio.Semaphore(LOOKS_AT_ONCE)

        async def ask(user_id: UUID) -> None:
            async with places:
                await self._alone(user_id, self.ask_model(user_id))

        looks = await asyncio.gather(*(ask(user_id) for user_id in users), return_exceptions=True)
        for fault in looks:
            if fault is not None:
                raise fault  # the database is away: a round's own fault, told once and as what it is

    async def look_after(self, user_id: UUID) -> int:
        """Observe, see what came of earlier decisions, decide by the rules, act; returns the number of actions."""
        now = self._clock.now()
        async with self._db.read() as work:
            facts = await observe(work, user_id, self._money)
        await self._settle(user_id, facts, now)
        wanted = [*candidates(facts.tasks, now), *candidates_across(facts, now)]
        return await self._act_on(user_id, wanted, facts, now)

    async def ask_model(self, user_id: UUID) -> int:
        """One look by the model, if it is this node's turn and something has changed; returns the actions taken.

        A provider that is away or refuses is logged; the rules go on without it.
        """
        now = self._clock.now()
        async with self._db.read() as work:
            facts = await observe(work, user_id, self._money)
        look = look_at(facts, now)
        if self._llm is None or look is None or not await self._my_turn(user_id, look):
            return 0
        system, question = lifecycle_prompt(look.record)
        messages: list[Message] = [{"role": "user", "content": question}]
        try:
            async with asyncio.timeout(LOOK_DEADLINE_S):
                answer = await self._llm.structured(system, messages, LifecycleDecisions, SCHEMA_NAME)
        except (ProviderFault, TimeoutError) as fault:
            log.warning("lifecycle.model_away", user_id=str(user_id), error=str(fault) or "it took too long")
            return 0
        read = read_answer(answer, look, now)
        taken = await self._act_on(user_id, read.proposals, facts, now)
        async with self._db.transaction() as work:
            await work.lifecycle.count_look(user_id, taken, len(read.dropped))
        log.info("lifecycle.looked", user_id=str(user_id), taken=taken, dropped=list(read.dropped))
        return taken

    # -- decide

    async def _my_turn(self, user_id: UUID, look: Look) -> bool:
        async with self._db.transaction() as work:
            return await work.lifecycle.claim_look(user_id, self._look_every_s, look.fingerprint)

    async def _act_on(self, user_id: UUID, wanted: Iterable[Proposal], facts: TenantFacts, now: datetime) -> int:
        """The first proposal of each task that is within bounds, `MAX_ACTIONS` at most."""
        chosen: dict[UUID, Proposal] = {}
        for proposal in wanted:
            task_id = proposal.task.id
            if task_id not in chosen and within_bounds(facts.acted.get(task_id, ()), proposal, now):
                chosen[task_id] = proposal
        taken = 0
        for proposal in list(chosen.values())[:MAX_ACTIONS]:
            kept = {**snapshot(facts, proposal.task, now), **proposal.facts}
            taken += await self._act(user_id, replace(proposal, facts=kept), now)
        return taken

    # -- act

    async def _act(self, user_id: UUID, proposal: Proposal, now: datetime) -> int:
        """One decision in one transaction; 0 when somebody holds the task, has decided the same, or has changed it."""
        task = proposal.task
        try:
            async with self._db.transaction() as work:
                current = await work.tasks.guard(user_id, task.id)
                if await work.tasks.held_ids(user_id, [task.id]):
                    return 0
                acted = await work.lifecycle.acted(user_id, [task.id])
                if not within_bounds(acted.get(task.id, ()), proposal, now):
                    return 0
                overtaken = None if current.version == task.version else "The task has changed in the meantime."
                applied = Applied()
                if overtaken is None:
                    try:
                        async with work.part():
                            applied = await apply(work, user_id, proposal)
                    except (Conflict, InvalidTransition) as error:
                        overtaken = str(error)
                await self._write(work, user_id, proposal, applied, overtaken)
        except NotFound as error:
            log.info("lifecycle.gone", task_id=str(task.id), rule=proposal.rule.value, detail=str(error))
            return 0
        log.info(
            "lifecycle.overtaken" if overtaken else "lifecycle.acted",
            user_id=str(user_id),
            task_id=str(task.id),
            rule=proposal.rule.value,
            action=proposal.action.value,
            detail=overtaken,
        )
        return 0 if overtaken else 1

    @staticmethod
    async def _write(
        work: Transaction, user_id: UUID, proposal: Proposal, applied: Applied, overtaken: str | None
    ) -> None:
        task = proposal.task
        await work.lifecycle.add(
            user_id,
            NewDecision(
                rule=proposal.rule.value,
                action=proposal.action.value,
                observation=proposal.observation,
                reason=proposal.reason,
                expected=proposal.expected,
                facts=proposal.facts,
                decided_by=proposal.decided_by,
                state=DecisionState.OVERTAKEN if overtaken else DecisionState.DONE,
                undo=applied.undo,
                result=f"Nothing was done: {overtaken}" if overtaken else applied.result,
                campaign_id=task.campaign_id,
                task_id=task.id,
            ),
        )
        if overtaken:
            return
        await work.events.add(
            user_id,
            f"lifecycle.{proposal.rule.value}",
            f"{proposal.observation} {proposal.reason}",
            data={"action": proposal.action.value, "by": proposal.decided_by.value},
            campaign_id=task.campaign_id,
            task_id=task.id,
        )

    async def _settle(self, user_id: UUID, facts: TenantFacts, now: datetime) -> None:
        """Write what came of earlier decisions, where it shows by now."""
        async with self._db.read() as work:
            waiting = await work.lifecycle.unsettled(user_id)
        asked = {fact.task.id for fact in facts.tasks if fact.asked_at is not None}
        results = {
            decision.id: result
            for decision, task in waiting
            if (result := result_of(decision, task, asked, now)) is not None
        }
        if results:
            async with self._db.transaction() as work:
                await work.lifecycle.settle(user_id, results)

    @staticmethod
    async def _alone(user_id: UUID, looking: Coroutine[object, object, int]) -> None:
        """One tenant's trouble is not the others'. Raises `PeerFault`, which concerns them all."""
        try:
            await looking
        except PeerFault:
            raise
        except Exception:  # boundary: one tenant; the others are looked after all the same
            log.exception("lifecycle.tenant_failed", user_id=str(user_id))
