"""`AnalysisService`, the post-call analyser: outcome, evidence and next step of one call, exactly once.

Owns the claiming of PENDING_ANALYSIS tasks, patience with the provider, and the one transaction in which everything
is written. The `judge` proposes; `citations`, `hard_rules` and `next_steps` decide what counts (`conclusion`).
"""

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from opendeep.common import channels, decisions
from opendeep.common.callee_place import ZoneRules
from opendeep.common.clock import Clock
from opendeep.common.data_models import Call, Disposition, FeedbackKind, Task, TaskStatus
from opendeep.common.errors import Conflict, DatabaseUnavailable, ProviderFault
from opendeep.common.redis_client import Doorbell
from opendeep.common.workers import run_rounds
from opendeep.config.app_config import AppConfig
from opendeep.database.db_manager import DatabaseManager, Transaction
from opendeep.llm_integrations.openai_form_client import StructuredModel
from opendeep.post_call_analyzer_service.analysis_case import POSTPONED, Case, read_case
from opendeep.post_call_analyzer_service.conclusion import Conclusion, add_line, conclude, list_number
from opendeep.post_call_analyzer_service.contact_memory import remember
from opendeep.post_call_analyzer_service.judge import Judge
from opendeep.post_call_analyzer_service.judgement import Judgement

log = structlog.get_logger(__name__)

MAX_PARALLEL: Final = 8
LEASE_S: Final = 180.0  # longer than the provider may take with its retry and its repair
SETTLE_S: Final = 10.0  # how long the voice side may take to write its last rows
SETTLE_STEP_S: Final = 0.5
BACKOFF_FIRST_S: Final = 5.0
GIVE_BACK_S: Final = 2.0


class AnalysisService:
    """The worker. `jitter` gives numbers in [-1, 1] for retry times."""

    def __init__(
        self,
        db: DatabaseManager,
        bell: Doorbell,
        llm: StructuredModel,
        clock: Clock,
        config: AppConfig,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        self._db = db
        self._bell = bell
        self._clock = clock
        self._config = config
        self._owner = f"analysis:{config.node_id}"
        self._claims_left = True  # by a round that broke, or by an earlier life of this node
        self._zones = ZoneRules(config.default_region, config.internal_extensions, config.default_timezone)
        self._judge = Judge(llm, self._zones)
        self._jitter = jitter or (lambda: random.uniform(-1, 1))  # noqa: S311 (spreads retries, no secret)

    async def run(self) -> None:
        """Woken by ended calls and by its own clock."""
        await run_rounds("analysis", self._bell, (channels.CALLS_ENDED,), self._config.analysis_poll_s, self.round)

    async def round(self) -> float | None:
        """Analyse what waits, several calls at once. Returns 0 when there may be more, else when to look again."""
        left, self._claims_left = self._claims_left, True
        async with self._db.transaction() as work:
            if left:  # they would keep their tasks waiting for the rest of the lease
                await work.tasks.release_claims(TaskStatus.PENDING_ANALYSIS, self._owner)
            tasks = await work.tasks.claim(TaskStatus.PENDING_ANALYSIS, self._owner, MAX_PARALLEL, LEASE_S)
        try:
            results = await asyncio.gather(*(self._one(task) for task in tasks), return_exceptions=True)
        except asyncio.CancelledError:
            await self._give_back()
            raise
        for result in results:
            if isinstance(result, BaseException):
                raise result
        self._claims_left = False
        if len(tasks) == MAX_PARALLEL:
            return 0.0
        waits = [result for result in results if isinstance(result, float)]
        return min(waits, default=None)

    async def _give_back(self) -> None:
        """The process stops: another node need not wait for the end of the lease."""
        try:
            async with asyncio.timeout(GIVE_BACK_S), self._db.transaction() as work:
                await work.tasks.release_claims(TaskStatus.PENDING_ANALYSIS, self._owner)
        except (TimeoutError, DatabaseUnavailable) as error:
            log.warning("analysis.claims_kept", error=str(error), until="their lease ends")

    # -- one task

    async def _one(self, task: Task) -> float | None:
        """Boundary: one claimed task. Returns the seconds until it should be looked at again, if it was put off."""
        with structlog.contextvars.bound_contextvars(
            user_id=str(task.user_id), campaign_id=str(task.campaign_id), task_id=str(task.id)
        ):
            try:
                return await self._analyse(task)
            except DatabaseUnavailable:
                raise
            except Conflict as error:
                log.info("analysis.overtaken", detail=str(error))
            except Exception:  # boundary: one claimed task
                log.exception("analysis.failed")
                return await self._put_off(task)
            return None

    async def _analyse(self, task: Task) -> float | None:
        async with self._db.read() as work:
            case = await read_case(work, task)
        if case is None:
            async with self._db.transaction() as work:
                await work.tasks.transition(
                    task.id,
                    TaskStatus.SCHEDULED,
                    "There was no call to analyse.",
                    expected=TaskStatus.PENDING_ANALYSIS,
                )
            return None
        if self._still_written(case.call):
            until = self._clock.now() + timedelta(seconds=SETTLE_STEP_S)
            async with self._db.transaction() as work:
                await work.tasks.hold(task, self._owner)
                await work.tasks.postpone(task.id, until, "Waiting for the end of the transcript.")
            return SETTLE_STEP_S
        try:
            judgement = await self._judge.judge(case, self._clock.now())
        except ProviderFault as fault:
            return await self._postpone(task, case.call, case.tries, str(fault))
        await self._conclude(case, judgement)
        return None

    def _still_written(self, call: Call) -> bool:
        """The voice side writes usage last; until then turns may be missing. Bounded by `SETTLE_S`."""
        if call.answered_at is None or call.ended_at is None or call.usage:
            return False
        return self._clock.now() - call.ended_at < timedelta(seconds=SETTLE_S)

    async def _put_off(self, task: Task) -> float | None:
        """After a bug of ours: later once more, each time later; from `judge.MAX_TRIES` on without asking the model."""
        async with self._db.read() as work:
            call = await work.calls.latest_of_task(task.id)
            events = await work.events.of_call(task.user_id, call.id) if call else []
        tries = sum(event.kind == POSTPONED for event in events)
        try:
            return await self._postpone(task, call, tries, "It failed on our side and will be tried again.")
        except Conflict as error:
            log.info("analysis.overtaken", detail=str(error))
            return None

    async def _postpone(self, task: Task, call: Call | None, tries: int, why: str) -> float:
        delay_s = BACKOFF_FIRST_S * (1 << min(tries, 6))
        until = self._clock.now() + timedelta(seconds=delay_s)
        async with self._db.transaction() as work:
            await work.tasks.hold(task, self._owner)
            await work.tasks.postpone(task.id, until, f"The analysis waits: {why}")
            if call is not None:
                await work.events.add(
                    task.user_id,
                    POSTPONED,
                    f"The analysis could not be made: {why}",
                    campaign_id=task.campaign_id,
                    task_id=task.id,
                    call_id=call.id,
                )
        log.warning("analysis.postponed", why=why, retry_in_s=delay_s)
        return delay_s

    # -- the conclusion

    async def _conclude(self, case: Case, judgement: Judgement) -> None:
        """Everything that follows, in one transaction; raises `Conflict` when another worker was faster."""
        concluded = conclude(case, judgement, self._zones, self._clock.now(), self._jitter)
        async with self._db.transaction() as work:
            await work.tasks.hold(case.task, self._owner)
            latest = await work.calls.latest_of_task(case.task.id)
            if latest is None or latest.id != case.call.id or latest.analysis is not None:
                raise Conflict("This call was analysed by somebody else.")
            await work.calls.save_analysis(case.call.id, concluded.outcome.disposition, concluded.document)
            analysis = concluded.judgement.analysis
            await remember(work, case, concluded.outcome.disposition, analysis.learned if analysis else ())
            if concluded.outcome.disposition is Disposition.OPTED_OUT:
                await list_number(work, case, self._config.global_dnd_threshold)
            await self._move_on(work, concluded)
        log.info(
            "analysis.done",
            call_id=str(case.call.id),
            by=judgement.by,
            disposition=concluded.outcome.disposition.value,
            next=concluded.decision.status.value,
        )

    @staticmethod
    async def _move_on(work: Transaction, concluded: Conclusion) -> None:
        task, decision, outcome = concluded.case.task, concluded.decision, concluded.outcome
        judgement = concluded.judgement
        await work.tasks.transition(
            task.id,
            decision.status,
            decision.reason,
            expected=TaskStatus.PENDING_ANALYSIS,
            next_attempt_at=decision.next_attempt_at,
            promised_at=decision.next_attempt_at if decision.promised else None,
            disposition=decision.disposition or outcome.disposition,
            summary=judgement.summary,
            result=dict(task.result) | concluded.results,
        )
        data = {"disposition": outcome.disposition.value, "by": judgement.by, "next": decision.status.value}
        await add_line(work, concluded.case, "analysis.done", f"{judgement.summary} {decision.reason}", data)
        if decision.question:
            await work.feedback.ask(
                task.user_id,
                task.campaign_id,
                task.id,
                decision.question,
                kind=FeedbackKind.DECISION,
                options=decisions.OPTIONS,
            )
        work.ring(channels.LIFECYCLE)
