"""The gate for the tasks of one round: their facts in a few statements, then one verdict after the other.

What a task of the round takes (a call to its number, money held for it) counts for those behind it. The rules are in
`compliance_gate.py`, the rows in `database/store_gate.py`; what follows from a verdict is the scheduler's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from opendeep.common.callee_place import callee_place
from opendeep.common.campaign_plan import TaskBrief
from opendeep.common.data_models import DNDEntryBase, Task
from opendeep.common.errors import InvalidPhoneNumber
from opendeep.common.phone import parse_number
from opendeep.database.db_manager import Transaction
from opendeep.database.store_consent import concerns
from opendeep.database.store_gate import SpendSums
from opendeep.task_manager.compliance_gate import (
    FREQUENCY_SPAN,
    SPEND_SPAN,
    GateFacts,
    GateRules,
    Reason,
    Spend,
    Verdict,
    check,
)


@dataclass(frozen=True, slots=True)
class Known:
    """What the rows say about a round's tasks."""

    do_not_call: Mapping[str, Sequence[DNDEntryBase]]
    recent_calls: dict[str, list[datetime]]
    spend: SpendSums = field(default_factory=SpendSums)

    def dnd(self, user_id: UUID, campaign_id: UUID | None, number: str) -> DNDEntryBase | None:
        """The entry that forbids this call, if any."""
        entries = self.do_not_call.get(number, ())
        return next((entry for entry in entries if concerns(entry, user_id, campaign_id)), None)


class TaskGate:
    """One round. `decide` in the order in which the tasks would be called."""

    def __init__(self, rules: GateRules, known: Known, now: datetime) -> None:
        self._rules = rules
        self._known = known
        self._now = now

    def decide(self, task: Task) -> Verdict:
        """Raises `pydantic.ValidationError` for a brief that cannot be read."""
        brief = TaskBrief.model_validate(task.brief)
        try:
            number = parse_number(task.phone_number, self._rules.region, self._rules.extensions)
        except InvalidPhoneNumber as error:
            return Verdict(Reason.INVALID_NUMBER, str(error))
        sums = self._known.spend
        facts = GateFacts(
            number=number,
            place=callee_place(number, task.timezone, task.address, self._rules.home_zone),
            brief=brief,
            attempts=task.attempts,
            max_attempts=task.max_attempts,
            dnd=self._known.dnd(task.user_id, task.campaign_id, number.e164),
            recent_calls=self._known.recent_calls.get(number.e164, ()),
            spend=Spend(
                sums.campaign.get(task.campaign_id, 0.0),
                sums.campaign_held.get(task.campaign_id, 0.0),
                sums.day.get(task.user_id, 0.0),
                sums.day_held.get(task.user_id, 0.0),
            ),
            promised_at=task.promised_at,
        )
        verdict = check(facts, self._rules, self._now)
        if verdict.go:
            self._take(task, number.e164, brief.max_call_minutes * self._rules.price_per_minute)
        return verdict

    def _take(self, task: Task, number: str, cost: float) -> None:
        self._known.recent_calls.setdefault(number, []).append(self._now)
        if number.startswith("+"):
            self._known.spend.day_held[task.user_id] += cost
            self._known.spend.campaign_held[task.campaign_id] += cost


async def open_gate(work: Transaction, tasks: Sequence[Task], rules: GateRules, now: datetime) -> TaskGate:
    """Read what the rows say about these tasks, in a handful of statements however many they are."""
    numbers = {task.phone_number for task in tasks}
    users = {task.user_id for task in tasks}
    known = Known(
        do_not_call=await work.dnd.of_numbers(numbers, users),
        recent_calls=(
            await work.gate.recent_calls(numbers, now - FREQUENCY_SPAN) if rules.calls_per_number is not None else {}
        ),
        spend=await _spend(work, tasks, rules, now),
    )
    return TaskGate(rules, known, now)


async def _spend(work: Transaction, tasks: Sequence[Task], rules: GateRules, now: datetime) -> SpendSums:
    budgeted = {task.campaign_id for task in tasks if task.brief.get("max_spend") is not None}
    if rules.price_per_minute <= 0 or not (budgeted or rules.max_spend_per_day is not None):
        return SpendSums()
    users = {task.user_id for task in tasks}
    return await work.gate.spend(users, budgeted, rules.price_per_minute, now - SPEND_SPAN)
