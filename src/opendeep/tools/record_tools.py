"""The tools over a user's own earlier work: `find_contacts` and `find_earlier_tasks`.

Made for one user; there is no argument by which a model could ask for another's rows. Results are short and bounded.
What callees said stands in them: data, as everything that a tool returns.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field

from opendeep.common.phone_writing import clean_number_text, digits_of
from opendeep.database.db_manager import DatabaseManager
from opendeep.database.store_history import EarlierTask, KnownContact
from opendeep.tools.toolset import Arguments, Result, Tool, failed, short

CONTACTS_TOOL: Final = "find_contacts"
TASKS_TOOL: Final = "find_earlier_tasks"
MAX_CONTACTS: Final = 10
MAX_TASKS: Final = 10
MIN_DIGITS: Final = 4  # of a number that is looked for
MIN_LOCAL_DIGITS: Final = 6  # more are a whole number, fewer its end
TELLING_DIGITS: Final = 9  # the end of a number that national and international writings share
MAX_RESULT_FIELDS: Final = 20
OWN_SOURCE: Final = "your earlier calls"

Name = Annotated[str | None, Field(max_length=200, description="The name or a part of it.")]
Number = Annotated[str | None, Field(max_length=40, description="The number or its last digits.")]


class _ContactArguments(Arguments):
    name: Name = None
    phone_number: Number = None


class _TaskArguments(Arguments):
    name: Name = None
    phone_number: Number = None
    limit: Annotated[int, Field(ge=1, le=MAX_TASKS, description="How many, the newest first.")] = 5


def record_tools(db: DatabaseManager, user_id: UUID, zone: ZoneInfo) -> list[Tool]:
    """The tools of one user; `zone` is the one in which dates are told."""
    records = _Records(db, user_id, zone)
    return [
        Tool(
            CONTACTS_TOOL,
            "People and businesses of this user's earlier calls, with the numbers that were called. By name or number.",
            _ContactArguments,
            records.contacts,
        ),
        Tool(
            TASKS_TOOL,
            "What came of this user's earlier tasks: outcome, summary, answers, date. By contact, or the newest ones.",
            _TaskArguments,
            records.tasks,
        ),
    ]


class _Records:
    def __init__(self, db: DatabaseManager, user_id: UUID, zone: ZoneInfo) -> None:
        self._db = db
        self._user_id = user_id
        self._zone = zone

    async def contacts(self, arguments: _ContactArguments) -> Result:
        name, digits = arguments.name or "", _digits(arguments.phone_number)
        if not name and not digits:
            return failed(f"Give a name, or at least {MIN_DIGITS} digits of a number.")
        async with self._db.read() as work:
            found = await work.history.contacts(self._user_id, name, digits, MAX_CONTACTS)
        return _listed("matches", [self._contact(contact) for contact in found])

    async def tasks(self, arguments: _TaskArguments) -> Result:
        digits = _digits(arguments.phone_number)
        if arguments.phone_number and not digits:
            return failed(f"Give at least {MIN_DIGITS} digits of the number.")
        async with self._db.read() as work:
            found = await work.history.tasks(self._user_id, arguments.name or "", digits, arguments.limit)
        return _listed("tasks", [self._task(task) for task in found])

    def _contact(self, contact: KnownContact) -> Result:
        return {
            "name": short(contact.name),
            "phone_number": contact.number,
            "kind": contact.kind,
            "time_zone": contact.time_zone,
            "address": short(contact.address),
            "tasks": contact.tasks,
            "last_at": contact.last_at.astimezone(self._zone).isoformat(timespec="minutes"),
            "source": OWN_SOURCE,
        }

    def _task(self, task: EarlierTask) -> Result:
        return {
            "name": short(task.name),
            "phone_number": task.number,
            "campaign": short(task.campaign),
            "objective": short(task.objective),
            "status": task.status,
            "why": short(task.status_reason),
            "outcome": task.disposition,
            "summary": short(task.summary, 600),
            "answers": _answers(task.result),
            "attempts": task.attempts,
            "at": task.at.astimezone(self._zone).isoformat(timespec="minutes"),
        }


def _listed(key: str, found: list[Result]) -> Result:
    return {"status": "found" if found else "not_found", key: found}


def _answers(result: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that calls have filled, without their proofs."""
    fields = list(result.items())[:MAX_RESULT_FIELDS]
    values = {str(key)[:60]: value.get("value") if isinstance(value, dict) else value for key, value in fields}
    return {key: short(str(value)) for key, value in values.items() if value is not None}


def _digits(number: str | None) -> str:
    """The telling end of what was asked for; "" when it is too short to tell anything."""
    digits = digits_of(clean_number_text(number or ""))
    if len(digits) > MIN_LOCAL_DIGITS:
        digits = digits.lstrip("0")  # 0 and 00 are dialled before a number, not parts of it
    return digits[-TELLING_DIGITS:] if len(digits) >= MIN_DIGITS else ""
