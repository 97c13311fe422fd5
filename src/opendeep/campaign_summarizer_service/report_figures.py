"""The report's figures and task lines, from rows and nothing else. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from opendeep.common.data_models import Call, Task, TaskStatus

MAX_TASK_LINES: Final = 2_000  # listed one by one; the figures count all

Lines = list[dict[str, Any]]


def figures(tasks: Sequence[Task], calls: Sequence[Call]) -> dict[str, Any]:
    """Counts of tasks and calls; `talk_seconds` is the time in answered calls, `voice_usd` what the voice AI took for
    those of which it is known."""
    statuses = Counter(task.status for task in tasks)
    costs = [cost for call in calls if (cost := call.voice_usd) is not None]
    known = {"voice_usd": round(sum(costs), 4)} if costs else {}
    return known | {
        "tasks": len(tasks),
        "completed": statuses[TaskStatus.COMPLETED],
        "failed": statuses[TaskStatus.FAILED],
        "cancelled": statuses[TaskStatus.CANCELLED],
        "by_disposition": dict(Counter(task.disposition.value for task in tasks if task.disposition)),
        "calls": len(calls),
        "answered_calls": sum(call.answered_at is not None for call in calls),
        "talk_seconds": round(sum(call.talk_seconds for call in calls), 1),
    }


def by_task(calls: Sequence[Call]) -> dict[Any, list[Call]]:
    """Each task's calls, in order."""
    grouped: dict[Any, list[Call]] = {}
    for call in calls:
        grouped.setdefault(call.task_id, []).append(call)
    return grouped


def task_lines(tasks: Sequence[Task], calls: Sequence[Call]) -> Lines:
    """One line per task with its result, the cited turns and its calls."""
    grouped = by_task(calls)
    return [
        {
            "task_id": str(task.id),
            "contact_name": task.contact_name,
            "phone_number": task.phone_number,
            "status": task.status.value,
            "status_reason": task.status_reason,
            "disposition": task.disposition.value if task.disposition else None,
            "summary": task.summary,
            "result": dict(task.result),
            "calls": [
                {
                    "call_id": str(call.id),
                    "attempt": call.attempt_number,
                    "status": call.status.value,
                    "disposition": call.disposition.value if call.disposition else None,
                    "talk_seconds": round(call.talk_seconds, 1),
                    "recording": call.recording_path is not None,
                }
                for call in grouped.get(task.id, [])
            ],
        }
        for task in tasks[:MAX_TASK_LINES]
    ]


def headline(title: str, counted: Mapping[str, Any]) -> str:
    """The headline of a report without prose."""
    return f"{title}: {counted['completed']} of {counted['tasks']} tasks completed."
