"""From a judgement to everything that follows of it, and the rows that both the analyser and a later reading write."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opendeep.common.callee_place import ZoneRules
from opendeep.common.data_models import DNDEntryBase, DndScope
from opendeep.database.db_manager import Transaction
from opendeep.post_call_analyzer_service import hard_rules
from opendeep.post_call_analyzer_service.analysis_case import Case
from opendeep.post_call_analyzer_service.citations import check_findings
from opendeep.post_call_analyzer_service.judgement import Judgement, document_of, outcome_of, proved
from opendeep.post_call_analyzer_service.next_steps import Decision, Outcome, decide


@dataclass(frozen=True, slots=True)
class Conclusion:
    """`document` is stored with the call, `results` with the task: the proved fields by key, with their citations."""

    case: Case
    judgement: Judgement
    outcome: Outcome
    decision: Decision
    document: dict[str, Any]
    results: dict[str, Any]


def conclude(
    case: Case, proposed: Judgement, zones: ZoneRules, now: datetime, jitter: Callable[[], float]
) -> Conclusion:
    """What counts of a proposal, and what it leads to. `jitter` gives a number in [-1, 1]."""
    judgement = proved(case, proposed)
    found = [*case.recorded, *(judgement.analysis.fields if judgement.analysis else ())]
    checked = check_findings(found, case.brief.questions, case.turns)
    opted_out = hard_rules.opt_out_turns(case.turns) if case.call.answered_at else []
    outcome = outcome_of(case, judgement, checked, opted_out, zones.of(case.task), now)
    decision = decide(outcome, case.brief, case.task.contact_name, zones.place(case.task), now, jitter())
    results = {
        key: {"value": found.value, "turns": found.turns, "quote": found.quote, "call_id": str(case.call.id)}
        for key, found in checked.kept.items()
    }
    document = document_of(case, judgement, checked, outcome, opted_out)
    return Conclusion(case, judgement, outcome, decision, document, results)


async def list_number(work: Transaction, case: Case, global_threshold: int) -> None:
    """The callee wants no more calls: onto the user's do-not-call list, once."""
    task = case.task
    reason = f"{task.contact_name} asked for no more calls."
    entry = DNDEntryBase(
        phone_number=task.phone_number,
        scope=DndScope.USER,
        reason=reason,
        source="call",
        user_id=task.user_id,
        call_id=case.call.id,
    )
    if await work.dnd.refuse_calls(entry, global_threshold):
        await add_line(work, case, "dnd.added", f"{reason} The number is on your do-not-call list.")


async def add_line(work: Transaction, case: Case, kind: str, detail: str, data: dict[str, Any] | None = None) -> None:
    """A line of the call's timeline."""
    await work.events.add(
        case.task.user_id,
        kind,
        detail,
        data=data,
        campaign_id=case.task.campaign_id,
        task_id=case.task.id,
        call_id=case.call.id,
    )
