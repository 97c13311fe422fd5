"""What the demo asks for, how its user answers, and what must have happened in the end. Data and judgement, no I/O
except reading the database that is judged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from opendeep.common.data_models import Call, CallStatus, Disposition, FeedbackStatus, Task, TaskStatus
from opendeep.database.db_manager import DatabaseManager

USER_NAME = "Maria Keller"
REQUEST = """\
Please call these tenants and book the yearly boiler inspection on Tuesday at ten:
Anna Meyer, +1 202 555 0101
Ben Ortiz, +1 202 555 0102
Clara Novak, +1 202 555 0103
Dan Reed, +1 202 555 0105
Eva Lind, +1 202 555 0106
and Harbour Facilities, you will have to look up their number."""
LIVE_ANSWER = "Yes, for about half an hour."

# How the user fills in the form: the first key found in a field's name or label gives the answer.
FORM_ANSWERS = (
    ("say", "The visit takes about thirty minutes. The visit is free of charge."),
    ("fact", "The visit takes about thirty minutes. The visit is free of charge."),
    ("attempt", "3"),
    ("retry", "0.1"),
    ("minutes", "0.1"),
    ("window", "any"),
    ("when", "any"),
    ("behalf", USER_NAME),
    ("voicemail", "leave"),
    ("purpose", "Book the yearly boiler inspection"),
    ("ask", "Does Tuesday at ten work for you?"),
    ("question", "Does Tuesday at ten work for you?"),
    ("date", "Tuesday"),
    ("day", "Tuesday"),
    ("time", "ten"),
)


def fill_in(form: dict[str, Any]) -> dict[str, str]:
    """Answer each field of a form; a select gets the option that fits, anything unknown keeps its proposed value."""
    answers = {}
    for field in form["fields"]:
        words = f"{field['name']} {field['label']}".lower()
        wanted = next((answer for key, answer in FORM_ANSWERS if key in words), field.get("value") or "")
        options = field.get("options") or []
        if options:
            fitting = [o for o in options if wanted.lower() in o.lower()]
            wanted = fitting[0] if fitting else options[0]
        answers[field["name"]] = wanted
    return answers


@dataclass(frozen=True, slots=True)
class Evidence:
    """One task as the database has it."""

    task: Task
    calls: list[Call]
    event_kinds: dict[str, list[dict[str, Any]]]
    answered: int
    blocked: bool


@dataclass(frozen=True, slots=True)
class Fate:
    """What should have become of one contact."""

    contact: str
    what: str
    holds: Callable[[Evidence], bool]


def _achieved(e: Evidence) -> bool:
    return e.task.status is TaskStatus.COMPLETED and e.task.disposition is Disposition.ACHIEVED


def _keys_sent(e: Evidence) -> bool:
    return any(
        "2" in str(data.get("digits", data)) for kind, d in e.event_kinds.items() if "dtmf" in kind for data in d
    )


FATES = (
    Fate("Anna Meyer", "booked", _achieved),
    Fate("Ben Ortiz", "message left on the voicemail", lambda e: e.task.disposition is Disposition.VOICEMAIL_LEFT),
    Fate(
        "Clara Novak",
        "busy, then retried and reached",
        lambda e: _achieved(e) and len(e.calls) >= 2 and e.calls[0].status is CallStatus.BUSY,
    ),
    Fate("Harbour Facilities", "menu passed by keys, then booked", lambda e: _achieved(e) and _keys_sent(e)),
    Fate("Dan Reed", "asked something; you answered in mid-call", lambda e: _achieved(e) and e.answered >= 1),
    Fate(
        "Eva Lind",
        "asked not to be called again",
        lambda e: e.task.disposition is Disposition.OPTED_OUT and e.blocked and len(e.calls) == 1,
    ),
)


async def collect(db: DatabaseManager, user_id: UUID, campaign_id: UUID) -> list[Evidence]:
    """Read everything that the judgement needs."""
    evidence = []
    async with db.read() as work:
        blocked = {entry.phone_number for entry in await work.dnd.entries(user_id)}
        for task in await work.tasks.of_campaign(user_id, campaign_id):
            kinds: dict[str, list[dict[str, Any]]] = {}
            for event in await work.events.of_task(user_id, task.id):
                kinds.setdefault(event.kind, []).append(dict(event.data))
            questions = await work.feedback.of_task(user_id, task.id)
            evidence.append(
                Evidence(
                    task=task,
                    calls=await work.calls.of_task(user_id, task.id),
                    event_kinds=kinds,
                    answered=sum(q.status is FeedbackStatus.ANSWERED for q in questions),
                    blocked=task.phone_number in blocked,
                )
            )
    return evidence


def judge(evidence: list[Evidence]) -> list[tuple[Fate, bool]]:
    """Which fates came true; a contact that is missing did not."""
    by_name = {e.task.contact_name: e for e in evidence}
    return [(fate, fate.contact in by_name and fate.holds(by_name[fate.contact])) for fate in FATES]
