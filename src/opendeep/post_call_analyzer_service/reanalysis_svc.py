"""`ReanalysisService`: reads a call once more when its user asks for it, without undoing what rules have done.

The new reading replaces the old one with the call. It may end a task that is still open and keep a time that the callee
named; it never starts a call, never reopens a finished task, and never takes a number off the do-not-call list. While
a worker or a line holds the task nothing is written: the row says so, under its lock.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog

from opendeep.common import channels
from opendeep.common.callee_place import ZoneRules
from opendeep.common.clock import Clock
from opendeep.common.data_models import Call, Disposition, Task, TaskStatus
from opendeep.common.errors import Conflict, NotFound, ProviderFault
from opendeep.common.task_states import TERMINAL
from opendeep.common.views import call_view
from opendeep.config.app_config import AppConfig
from opendeep.database.db_manager import DatabaseManager, Transaction
from opendeep.llm_integrations.openai_form_client import StructuredModel
from opendeep.post_call_analyzer_service.analysis_case import read_case
from opendeep.post_call_analyzer_service.conclusion import Conclusion, add_line, conclude, list_number
from opendeep.post_call_analyzer_service.judge import Judge
from opendeep.post_call_analyzer_service.next_steps import Decision

log = structlog.get_logger(__name__)

ENDS: Final = (TaskStatus.COMPLETED, TaskStatus.FAILED)
OF_THE_READING: Final = ("read_at", "reading")  # when and the how manyth; the rest is what was found


class ReanalysisService:
    """Every method is scoped by `user_id`; another tenant's id raises `NotFound`."""

    def __init__(
        self,
        db: DatabaseManager,
        llm: StructuredModel,
        clock: Clock,
        config: AppConfig,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._global_threshold = config.global_dnd_threshold
        self._zones = ZoneRules(config.default_region, config.internal_extensions, config.default_timezone)
        self._judge = Judge(llm, self._zones)
        self._jitter = jitter or (lambda: random.uniform(-1, 1))  # noqa: S311 (spreads retries, no secret)
        self._reading: set[UUID] = set()  # calls that this process reads now

    async def again(self, user_id: UUID, call_id: UUID) -> dict[str, Any]:
        """Read the call again; `{"call": its view, "changed": whether anything differs from before}`.

        Raises `Conflict` while the call or its task is in somebody's hands, or when both changed meanwhile;
        `ProviderFault` when the model cannot be asked: the call keeps the reading it has.
        """
        if call_id in self._reading:
            raise Conflict("This call is being read right now. Wait for that reading.")
        self._reading.add(call_id)
        try:
            return await self._again(user_id, call_id)
        finally:
            self._reading.discard(call_id)

    async def _again(self, user_id: UUID, call_id: UUID) -> dict[str, Any]:
        async with self._db.read() as work:
            call = await work.calls.get_call_by_id(call_id, user_id)
            task = await work.tasks.get(user_id, call.task_id)
            if call.live or call.analysis is None:
                raise Conflict("The call has not been read for the first time yet. Wait until it has.")
            case = await read_case(work, task, call)
        if case is None:
            raise NotFound("There is no such call.")
        try:
            proposed = await self._judge.ask(case, self._clock.now())
        except ProviderFault as fault:
            raise type(fault)(f"The call keeps the reading it has; the model could not be asked: {fault}") from fault
        concluded = _no_milder(conclude(case, proposed, self._zones, self._clock.now(), self._jitter))
        async with self._db.transaction() as work:
            return await self._write(work, concluded)

    async def _write(self, work: Transaction, concluded: Conclusion) -> dict[str, Any]:
        case, now = concluded.case, work.now
        task = await work.tasks.hold_free(case.task.user_id, case.task.id)
        call = await work.calls.get_call_by_id(case.call.id, case.task.user_id)
        if call.analysis is None or dict(call.analysis) != dict(case.call.analysis or {}):
            raise Conflict("Somebody else has read this call meanwhile. Look at that reading first.")
        if _findings(call.analysis) == _findings(concluded.document):
            return {"call": call_view(call), "changed": False}
        latest = await work.calls.latest_of_task(task.id)
        is_latest = latest is not None and latest.id == call.id
        document = concluded.document | _of_the_reading(call, now)
        saved = await work.calls.save_analysis(call.id, concluded.outcome.disposition, document)
        await add_line(work, case, "analysis.again", f"The call was read again: {concluded.judgement.summary}")
        if concluded.outcome.disposition is Disposition.OPTED_OUT:
            await list_number(work, case, self._global_threshold)
        await self._change_task(work, task, concluded, is_latest=is_latest)
        log.info("analysis.again", call_id=str(call.id), disposition=concluded.outcome.disposition.value)
        return {"call": call_view(saved), "changed": True}

    async def _change_task(self, work: Transaction, task: Task, concluded: Conclusion, *, is_latest: bool) -> None:
        outcome, decision = concluded.outcome, concluded.decision
        results = await self._results(work, task, concluded)
        told: dict[str, Any] = {
            "disposition": decision.disposition or outcome.disposition,
            "summary": concluded.judgement.summary,
        }
        opted_out = outcome.disposition is Disposition.OPTED_OUT
        if task.status not in TERMINAL and (opted_out or (is_latest and decision.status in ENDS)):
            await work.tasks.transition(task.id, decision.status, decision.reason, result=results, **told)
            await work.feedback.withdraw_decisions(task.user_id, task.id)
            work.ring(channels.LIFECYCLE)
            return
        promised = decision.next_attempt_at if decision.promised and task.status is TaskStatus.SCHEDULED else None
        if not is_latest:
            told, promised = {}, None
        await work.tasks.note_reading(task.id, result=results, promised_at=promised, **told)

    @staticmethod
    async def _results(work: Transaction, task: Task, concluded: Conclusion) -> dict[str, Any]:
        """The task's fields with those of this call replaced; what a later call has found counts more."""
        call = concluded.case.call
        later = {
            str(other.id)
            for other in await work.calls.of_task(task.user_id, task.id)
            if other.attempt_number > call.attempt_number
        }
        others = {key: found for key, found in task.result.items() if found.get("call_id") != str(call.id)}
        kept = {key: found for key, found in others.items() if found.get("call_id") in later}
        return others | concluded.results | kept


def _no_milder(concluded: Conclusion) -> Conclusion:
    """Once the callee has asked for no more calls, no reading takes that back."""
    case = concluded.case
    if case.call.disposition is not Disposition.OPTED_OUT:
        return concluded
    outcome = replace(concluded.outcome, disposition=Disposition.OPTED_OUT)
    document = concluded.document | {"disposition": Disposition.OPTED_OUT.value, "dnd": True}
    return replace(concluded, outcome=outcome, decision=_forbidden(concluded), document=document)


def _forbidden(concluded: Conclusion) -> Decision:
    reason = "The callee wants no more calls; the number is on your do-not-call list."
    return replace(concluded.decision, status=TaskStatus.FAILED, reason=reason, next_attempt_at=None, promised=False)


def _of_the_reading(call: Call, now: datetime) -> dict[str, Any]:
    earlier = int((call.analysis or {}).get("reading", 1))
    return {"read_at": now.isoformat(), "reading": earlier + 1}


def _findings(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in OF_THE_READING}
