"""What earlier calls of a task taught, in bounded form for the next one: who answers when, and what is known. Pure.

Summaries and values come from calls, so they are data; what may be done with them stands in the call's prompt.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from opendeep.common.campaign_plan import Question
from opendeep.common.data_models import Disposition, EarlierCall

D = Disposition
MAX_LESSONS: Final = 4
MAX_ANSWERS: Final = 20
MAX_VALUE_CHARS: Final = 200
FROM_CALLS: Final = 2  # fewer teach nothing
_MACHINES: Final = frozenset({D.VOICEMAIL, D.VOICEMAIL_LEFT})
_UNREACHED: Final = frozenset({D.NO_ANSWER, D.BUSY, D.REJECTED, D.UNREACHABLE, D.FAILED})


def lessons(calls: Sequence[EarlierCall], zone: ZoneInfo) -> list[str]:
    """At most `MAX_LESSONS` sentences; times are the callee's."""
    if len(calls) < FROM_CALLS:
        return []
    machines = [call for call in calls if call.disposition in _MACHINES]
    reached = [call for call in calls if call.disposition not in _MACHINES | _UNREACHED]
    found = [f"This is call {len(calls) + 1} of the task; a person was reached in {len(reached)} of {len(calls)}."]
    if machines:
        found.append(f"A mailbox answered {_times(len(machines))}{_hours(machines, zone)}.")
    if reached:
        found.append(f"A person answered{_hours(reached, zone)}.")
    if sum(call.disposition == D.INCONCLUSIVE for call in calls[-FROM_CALLS:]) == FROM_CALLS:
        found.append("The last calls ended without a clear answer: come to the first question soon.")
    return found[:MAX_LESSONS]


def answers_so_far(result: Mapping[str, Any], questions: Sequence[Question]) -> list[dict[str, str]]:
    """Answers that earlier calls brought and proved, for the questions of this task only."""
    known = []
    for question in questions[:MAX_ANSWERS]:
        answer = result.get(question.key)
        value = answer.get("value") if isinstance(answer, Mapping) else None
        if value is not None:
            known.append({"key": question.key, "value": str(value)[:MAX_VALUE_CHARS]})
    return known


def _hours(calls: Sequence[EarlierCall], zone: ZoneInfo) -> str:
    """When, by the hour: ` between 9:00 and 10:00 and between 14:00 and 15:00`."""
    hours = Counter(call.ended_at.astimezone(zone).hour for call in calls)
    told = [f"between {hour}:00 and {(hour + 1) % 24}:00" for hour, _ in hours.most_common(2)]
    return f" {' and '.join(told)}"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
