"""What the lifecycle manager notices over several tasks of a tenant: duplicates, contradictions, hours, money. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from opendeep.common.data_models import Disposition, Task, TaskStatus
from opendeep.common.lifecycle_decisions import HourRate
from opendeep.task_manager.lifecycle_values import Action, Proposal, Rule, TaskFacts, TenantFacts

MIN_CALLS: Final = 10  # in an hour of the day; fewer say nothing about it
BETTER_BY: Final = 0.2  # share of answered calls by which another hour must be better
UNANSWERED_CALLS: Final = 2
LOOK_AHEAD_H: Final = 24
SPENT_SHARE: Final = 0.8  # of a budget
_UNREACHED: Final = frozenset({Disposition.NO_ANSWER, Disposition.VOICEMAIL})
_OPEN: Final = (TaskStatus.SCHEDULED, TaskStatus.ON_HOLD, TaskStatus.NEEDS_USER)


def candidates_across(facts: TenantFacts, now: datetime) -> Iterator[Proposal]:
    """All that these rules would do, the most pressing first."""
    yield from _done_but_due(facts)
    yield from _disagreements(facts)
    yield from _duplicates(facts)
    yield from _budgets(facts)
    for fact in facts.tasks:
        if not fact.held and (better := _better_hour(fact, facts.hours, now)) is not None:
            yield better


def same_aim(one: Task, two: Task) -> bool:
    """The same public number and the same objective, whatever the contact is called."""
    return one.phone_number == two.phone_number and one.phone_number.startswith("+") and _aim(one) == _aim(two)


def duplicates(facts: TenantFacts) -> Iterator[tuple[Task, Task]]:
    """Pairs of open tasks with the same aim, that which stays first: the one that is further, else the older."""
    groups: dict[tuple[str, str], list[Task]] = defaultdict(list)
    for fact in facts.tasks:
        if not fact.held and fact.task.status in _OPEN and fact.task.phone_number.startswith("+"):
            groups[fact.task.phone_number, _aim(fact.task)].append(fact.task)
    for group in groups.values():
        first, *others = sorted(group, key=lambda task: (-task.attempts, task.created_at, task.id))
        yield from ((first, other) for other in others)


def _aim(task: Task) -> str:
    return " ".join(task.objective.casefold().split())


def _duplicates(facts: TenantFacts) -> Iterator[Proposal]:
    """Word for word the same task is merged; a similar one is only reported: two people may share a telephone."""
    for kept, other in duplicates(facts):
        observation = f"{other.contact_name} is to be called under the same number with the same aim by two tasks."
        if _identical(kept, other):
            yield Proposal(
                other,
                Rule.DUPLICATE,
                Action.MERGE,
                observation,
                "Contact, number, aim and questions are word for word the same, and nobody was called for it yet.",
                "One call in place of two.",
                twin=kept,
            )
        else:
            yield Proposal(
                other,
                Rule.SIMILAR,
                Action.REPORT,
                observation,
                f"They differ, so both stay; the other one is for {kept.contact_name}.",
                "You see it and cancel one if it is too many.",
                twin=kept,
            )


def _identical(kept: Task, other: Task) -> bool:
    return (
        other.status is TaskStatus.SCHEDULED
        and other.attempts == 0
        and other.campaign_id == kept.campaign_id
        and other.contact_name.casefold() == kept.contact_name.casefold()
        and other.next_attempt_at is not None
        and kept.next_attempt_at is not None
        and abs(other.next_attempt_at - kept.next_attempt_at) < timedelta(hours=1)
        and _plain_brief(other) == _plain_brief(kept)
    )


def _plain_brief(task: Task) -> dict[str, Any]:
    """Without what we wrote into it ourselves."""
    return {key: value for key, value in task.brief.items() if key not in ("notes", "horizon")}


def _done_but_due(facts: TenantFacts) -> Iterator[Proposal]:
    for task in facts.done_but_due:
        yield Proposal(
            task,
            Rule.DONE_BUT_DUE,
            Action.REPAIR,
            f"The task is {task.status.value}, but has a time for another attempt.",
            "A finished task is not called again.",
            "The time is gone; nothing else changes.",
        )


def _disagreements(facts: TenantFacts) -> Iterator[Proposal]:
    for found in facts.disagreements:
        one, two = found.values
        yield Proposal(
            found.second,
            Rule.DISAGREE,
            Action.ESCALATE,
            f"Two finished tasks under the same number disagree about “{found.key}”: “{one}” and “{two}”.",
            "Only you can tell which of them holds.",
            "You answer; the answer stays with the task.",
            question=(
                f"{found.first.contact_name} and {found.second.contact_name} have the same number, but for "
                f"“{found.key}” one call brought “{one}” and the other “{two}”. Which one holds?"
            ),
        )


def _budgets(facts: TenantFacts) -> Iterator[Proposal]:
    """Once a day and campaign, told with the first of its tasks that still waits."""
    told = set(facts.warned)
    for fact in facts.tasks:
        campaign_id = fact.task.campaign_id
        money = facts.spend.get(campaign_id)
        if money is None or fact.held or campaign_id in told or money.spent < SPENT_SHARE * money.budget:
            continue
        told.add(campaign_id)
        yield Proposal(
            fact.task,
            Rule.BUDGET,
            Action.REPORT,
            f"{money.spent:.2f} of the campaign's budget of {money.budget:.2f} are spent or held for open calls.",
            "No call begins that could cost more than what is left.",
            "You raise the budget, or the rest of the tasks waits.",
            facts={"spent": round(money.spent, 2), "budget": money.budget},
        )


def _better_hour(fact: TaskFacts, hours: Mapping[int, HourRate], now: datetime) -> Proposal | None:
    """From an hour in which hardly anybody answers to one in which more do; never a promised time."""
    task = fact.task
    due = task.next_attempt_at
    if task.status is not TaskStatus.SCHEDULED or due is None or due <= now or task.promised_at is not None:
        return None
    if task.attempts < UNANSWERED_CALLS or task.disposition not in _UNREACHED:
        return None
    here = hours.get(due.hour, HourRate(0, 0))
    ahead = [due.replace(minute=0, second=0, microsecond=0) + timedelta(hours=h) for h in range(1, LOOK_AHEAD_H)]
    known = [at for at in ahead if hours.get(at.hour, HourRate(0, 0)).calls >= MIN_CALLS]
    if here.calls < MIN_CALLS or not known:
        return None
    best = max(known, key=lambda at: hours[at.hour].rate)
    if hours[best.hour].rate < here.rate + BETTER_BY:
        return None
    now_rate, then_rate = round(here.rate * 100), round(hours[best.hour].rate * 100)
    proposal = Proposal(
        task,
        Rule.BETTER_HOUR,
        Action.RESCHEDULE,
        f"Nobody answered {task.attempts} calls; the next is due at {due:%H:%M} UTC, when {now_rate} % answer.",
        f"From {best:%H:%M} UTC on {then_rate} % of your calls are answered.",
        "A person answers the next call.",
        until=best,
    )
    return replace(proposal, facts={"rate_then": now_rate, "rate_new": then_rate, "calls_measured": here.calls})
