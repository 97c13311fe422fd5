"""The report's figures, plots and task lines, from sums that the database has made and nothing else. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from opendeep.common.data_models import TaskStatus
from opendeep.common.report_values import ReportCall, ReportTask, Slot, Tally

HOURS: Final = 24
WEEKDAYS: Final = 7
SECONDS_A_MINUTE: Final = 60

Lines = list[dict[str, Any]]


def figures(tallies: Sequence[Tally], slots: Sequence[Slot], price_per_minute: float) -> dict[str, Any]:
    """Counts of tasks and calls, and what they cost.

    `talk_seconds` is the time in answered calls; `answer_rate` the share of ended calls that were answered, None
    without calls; `telephony` the billed minutes and, where the price of a minute is known (not 0), the amount in the
    account's currency; `voice_usd` what the voice AI took for the `voice_priced_calls` of which it is known.
    """
    statuses: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    attempts: Counter[int] = Counter()
    for tally in tallies:
        statuses[tally.status] += tally.tasks
        attempts[tally.attempts] += tally.tasks
        if tally.disposition:
            outcomes[tally.disposition] += tally.tasks
    ended = {TaskStatus.COMPLETED: "completed", TaskStatus.FAILED: "failed", TaskStatus.CANCELLED: "cancelled"}
    return {
        "tasks": statuses.total(),
        **{name: statuses[status] for status, name in ended.items()},
        "open": statuses.total() - sum(statuses[status] for status in ended),
        "by_disposition": dict(outcomes.most_common()),
        "by_attempts": {str(number): attempts[number] for number in sorted(attempts)},
        **call_figures(slots, price_per_minute),
    }


def call_figures(slots: Sequence[Slot], price_per_minute: float) -> dict[str, Any]:
    """The part of the figures that is about calls; see `figures`."""
    calls, answered = sum(slot.calls for slot in slots), sum(slot.answered for slot in slots)
    minutes = sum(slot.billed_s for slot in slots) / SECONDS_A_MINUTE
    priced = sum(slot.priced for slot in slots)
    voice = {"voice_usd": round(sum(slot.voice_usd for slot in slots), 4)} if priced else {}
    return {
        "calls": calls,
        "answered_calls": answered,
        "answer_rate": round(answered / calls, 4) if calls else None,
        "talk_seconds": round(sum(slot.talk_s for slot in slots), 1),
        "telephony": {
            "minutes": round(minutes, 2),
            "per_minute": price_per_minute or None,
            "amount": round(minutes * price_per_minute, 2) if price_per_minute else None,
        },
        "voice_priced_calls": priced,
        **voice,
    }


def series(slots: Iterable[Slot], home: str, price_per_minute: float) -> dict[str, Any]:
    """What is plotted. Days are those of the user's zone `home`; hours and weekdays those of the callee where the task
    names a zone, else `home`. Days without a call are left out, hours and weekdays are all there (0 is Monday)."""
    days: dict[date, dict[str, Any]] = {}
    hours = [{"hour": hour, "calls": 0, "answered": 0} for hour in range(HOURS)]
    weekdays = [{"weekday": day, "calls": 0, "answered": 0} for day in range(WEEKDAYS)]
    for slot in slots:
        there = slot.starts_at.astimezone(_zone(slot.zone, home))
        for sums in (hours[there.hour], weekdays[there.weekday()]):
            sums["calls"] += slot.calls
            sums["answered"] += slot.answered
        on = slot.starts_at.astimezone(_zone(None, home)).date()
        _add_to_day(days.setdefault(on, _empty_day(on)), slot, price_per_minute)
    rounded = [_rounded(days[on]) for on in sorted(days)]
    return {"zone": home, "by_day": rounded, "by_hour": hours, "by_weekday": weekdays}


def _empty_day(on: date) -> dict[str, Any]:
    sums = {"calls": 0, "answered": 0, "talk_seconds": 0.0, "telephony": 0.0, "voice_usd": 0.0}
    return {"day": on.isoformat(), "outcomes": {}, **sums}


def _add_to_day(day: dict[str, Any], slot: Slot, price_per_minute: float) -> None:
    name = slot.disposition or "UNREAD"
    day["outcomes"][name] = day["outcomes"].get(name, 0) + slot.calls
    day["calls"] += slot.calls
    day["answered"] += slot.answered
    day["talk_seconds"] += slot.talk_s
    day["telephony"] += slot.billed_s / SECONDS_A_MINUTE * price_per_minute
    day["voice_usd"] += slot.voice_usd


def _rounded(day: dict[str, Any]) -> dict[str, Any]:
    sums = {
        name: round(day[name], digits) for name, digits in (("talk_seconds", 1), ("telephony", 4), ("voice_usd", 4))
    }
    return day | sums


@lru_cache(maxsize=1024)
def _zone(name: str | None, home: str) -> ZoneInfo:
    """The named zone; `home` where none is named or nobody knows it."""
    for candidate in (name, home):
        try:
            return ZoneInfo(candidate or "")
        except (ZoneInfoNotFoundError, ValueError):
            continue
    return ZoneInfo("UTC")


def by_task(calls: Sequence[ReportCall]) -> dict[UUID, list[ReportCall]]:
    """Each task's calls, in order."""
    grouped: dict[UUID, list[ReportCall]] = {}
    for call in calls:
        grouped.setdefault(call.task_id, []).append(call)
    return grouped


def task_lines(tasks: Sequence[ReportTask], calls: Sequence[ReportCall]) -> Lines:
    """One line per task with its result, the cited turns and its calls."""
    grouped = by_task(calls)
    return [
        {
            "task_id": str(task.id),
            "contact_name": task.contact_name,
            "phone_number": task.phone_number,
            "status": task.status,
            "status_reason": task.status_reason,
            "disposition": task.disposition,
            "attempts": task.attempts,
            "summary": task.summary,
            "result": dict(task.result),
            "calls": [
                {
                    "call_id": str(call.id),
                    "attempt": call.attempt,
                    "status": call.status,
                    "disposition": call.disposition,
                    "talk_seconds": round(call.talk_s, 1),
                    "recording": call.has_recording,
                }
                for call in grouped.get(task.id, [])
            ],
        }
        for task in tasks
    ]


def headline(title: str, counted: Mapping[str, Any], *, interim: bool = False) -> str:
    """The headline of a report without prose."""
    so_far = ", so far" if interim else ""
    return f"{title}{so_far}: {counted['completed']} of {counted['tasks']} tasks completed."
