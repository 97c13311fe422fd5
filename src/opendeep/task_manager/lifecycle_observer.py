"""What the lifecycle manager knows of one tenant at one moment: a dozen statements, however many tasks there are."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from opendeep.common.data_models import Task, TaskStatus
from opendeep.database.db_manager import Transaction
from opendeep.database.store_gate import SpendSums
from opendeep.task_manager.lifecycle_values import EVERY, Rule, Spend, TaskFacts, TenantFacts

WATCHED: Final = (
    TaskStatus.SCHEDULED,
    TaskStatus.QUEUED_FOR_CALL,
    TaskStatus.CALL_IN_PROGRESS,
    TaskStatus.PENDING_ANALYSIS,
    TaskStatus.NEEDS_USER,
    TaskStatus.ON_HOLD,
)
MAX_WATCHED: Final = 500  # tasks per tenant and round, the longest unchanged first
HOURS_OF: Final = timedelta(days=14)  # how far back answer rates are measured
DISAGREED_WITHIN: Final = timedelta(hours=1)
DISAGREED_BACK: Final = timedelta(days=30)
DAY: Final = timedelta(days=1)
EARLIER: Final = 3  # calls of a task that a model reads about


@dataclass(frozen=True, slots=True)
class Money:
    """The settings that bound spending; a price of 0 means that nothing is counted."""

    price_per_minute: float = 0.0
    max_per_day: float | None = None


async def observe(work: Transaction, user_id: UUID, money: Money) -> TenantFacts:
    """The facts of one tenant."""
    now = work.now
    tasks = await work.tasks.of_user(user_id, WATCHED, MAX_WATCHED)
    ids, campaigns = [task.id for task in tasks], {task.campaign_id for task in tasks}
    held = await work.tasks.held_ids(user_id, ids)
    asked = {feedback.task_id: feedback.asked_at for feedback in await work.feedback.pending(user_id)}
    active = await work.observations.active_campaigns(user_id, campaigns)
    done_but_due = await work.observations.done_but_due(user_id)
    disagreements = await work.observations.disagreements(user_id, now - DISAGREED_WITHIN, now - DISAGREED_BACK)
    others = [*(task.id for task in done_but_due), *(found.second.id for found in disagreements)]
    spend, today = await _spend(work, user_id, tasks, money)
    return TenantFacts(
        tasks=[TaskFacts(t, t.id in held, t.campaign_id in active, asked.get(t.id)) for t in tasks],
        queues=await work.observations.queues(user_id),
        hours=await work.observations.answers_by_hour(user_id, now - HOURS_OF),
        spend=spend,
        spent_today=today,
        done_but_due=done_but_due,
        disagreements=disagreements,
        warned=frozenset(await _warned(work, user_id, now)) if spend else frozenset(),
        acted=await work.lifecycle.acted(user_id, [*ids, *others]),
        earlier=await work.observations.earlier_calls(user_id, [t.id for t in tasks if t.attempts], EARLIER),
    )


def snapshot(facts: TenantFacts, task: Task, now: datetime) -> dict[str, Any]:
    """What a decision on this task rests on, as it is kept with the decision."""
    due = task.next_attempt_at
    kept: dict[str, Any] = {
        "status": task.status.value,
        "priority": task.priority,
        "attempts": task.attempts,
        "max_attempts": task.max_attempts,
        "due": due.isoformat() if due else None,
        "unchanged_minutes": int((now - task.updated_at).total_seconds() // 60),
        "queues": dict(facts.queues),
    }
    if due is not None and (here := facts.hours.get(due.hour)) is not None:
        kept["answer_rate_at_due_hour"] = round(here.rate, 2)
    if (money := facts.spend.get(task.campaign_id)) is not None:
        kept["campaign_spent"], kept["campaign_budget"] = round(money.spent, 2), money.budget
    return kept


async def _warned(work: Transaction, user_id: UUID, now: datetime) -> set[UUID]:
    return await work.lifecycle.campaigns_with(user_id, Rule.BUDGET.value, now - EVERY[Rule.BUDGET])


async def _spend(
    work: Transaction, user_id: UUID, tasks: list[Task], money: Money
) -> tuple[dict[UUID, Spend], Spend | None]:
    """Of the campaigns with a budget, and of the tenant's day."""
    budgets = {task.campaign_id: float(task.brief["max_spend"]) for task in tasks if task.brief.get("max_spend")}
    if not money.price_per_minute or (not budgets and money.max_per_day is None):
        return {}, None
    sums: SpendSums = await work.gate.spend([user_id], list(budgets), money.price_per_minute, work.now - DAY)
    campaigns = {
        campaign_id: Spend(sums.campaign[campaign_id] + sums.campaign_held[campaign_id], budget)
        for campaign_id, budget in budgets.items()
    }
    if money.max_per_day is None:
        return campaigns, None
    return campaigns, Spend(sums.day[user_id] + sums.day_held[user_id], money.max_per_day)
