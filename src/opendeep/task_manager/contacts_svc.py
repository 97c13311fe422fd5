"""`ContactsService`: a user's contacts, what is known of them, and when they are best reached.

Whether a contact may be called is looked up in the do-not-call list each time. Deleting a contact deletes all that is
remembered of it; the tasks and calls of campaigns are those campaigns' record and stay.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from opendeep.common.contact_hours import best_hour, count_by_hour
from opendeep.common.contact_values import Contact, ContactFact, NewFact
from opendeep.common.data_models import DNDEntryBase
from opendeep.common.errors import UserMistake
from opendeep.common.phone import parse_number
from opendeep.common.plain_text import plain
from opendeep.common.views import call_view, turn_view
from opendeep.database.db_manager import DatabaseManager, Transaction

MAX_CALLS_SHOWN: Final = 20
MAX_CALLS_EXPORTED: Final = 500
MAX_FACTS_BY_HAND: Final = 40

View = dict[str, Any]


def contact_view(contact: Contact, entries: Collection[DNDEntryBase], facts: int) -> View:
    """`do_not_call`: the lists that forbid calls to it now."""
    lists = sorted({entry.scope.value for entry in entries})
    return {
        "id": str(contact.id),
        "name": contact.name,
        "kind": contact.kind,
        "phone_number": contact.phone_number,
        "time_zone": contact.timezone,
        "language": contact.language,
        "notes": contact.notes,
        "do_not_call": lists,
        "facts": facts,
        "created_at": contact.created_at.isoformat(),
        "updated_at": contact.updated_at.isoformat(),
    }


def fact_view(fact: ContactFact) -> View:
    return {
        "id": str(fact.id),
        "key": fact.key,
        "text": fact.text,
        "source": fact.source,
        "call_id": str(fact.call_id) if fact.call_id else None,
        "turns": list(fact.turns),
        "quote": fact.quote,
        "created_at": fact.created_at.isoformat(),
    }


class ContactsService:
    """Every method is scoped by `user_id`; another tenant's id raises `NotFound`."""

    def __init__(self, db: DatabaseManager, region: str, extensions: Collection[str], default_timezone: str) -> None:
        self._db = db
        self._region = region
        self._extensions = tuple(extensions)
        self._default_timezone = default_timezone

    async def page(self, user_id: UUID, search: str = "", limit: int = 50, offset: int = 0) -> View:
        async with self._db.read() as work:
            found, total = await work.contacts.page(user_id, plain(search).strip(), limit, offset)
            lists = await work.dnd.of_numbers([contact.phone_number for contact in found], [user_id])
            counts = await work.contacts.counts(user_id, [contact.id for contact in found])
        views = [contact_view(c, lists.get(c.phone_number, ()), counts.get(c.id, 0)) for c in found]
        return {"contacts": views, "total": total}

    async def detail(self, user_id: UUID, contact_id: UUID) -> View:
        """The contact, its facts, the hours of its attempts at its own place, and the latest calls."""
        async with self._db.read() as work:
            contact = await work.contacts.get(user_id, contact_id)
            return await self._detail(work, contact)

    async def _detail(self, work: Transaction, contact: Contact) -> View:
        user_id, number = contact.user_id, contact.phone_number
        facts = await work.contacts.facts(user_id, contact.id)
        entries = (await work.dnd.of_numbers([number], [user_id])).get(number, ())
        attempts = await work.contacts.attempts(user_id, number)
        calls = await work.contacts.calls(user_id, number, MAX_CALLS_SHOWN)
        zone = self._zone(contact)
        hours = count_by_hour(attempts, zone)
        return {
            "contact": contact_view(contact, entries, len(facts)),
            "facts": [fact_view(fact) for fact in facts],
            "hours": {"time_zone": zone.key, "best": best_hour(hours), "counts": [asdict(count) for count in hours]},
            "calls": [
                {
                    "id": str(call.id),
                    "campaign_id": str(call.campaign_id),
                    "created_at": call.created_at.isoformat(),
                    "status": call.status.value,
                    "disposition": call.disposition.value if call.disposition else None,
                    "summary": str((call.analysis or {}).get("summary") or ""),
                }
                for call in calls
            ],
        }

    def _zone(self, contact: Contact) -> ZoneInfo:
        """The contact's zone, else its number's, else the installation's."""
        if contact.timezone:
            return ZoneInfo(contact.timezone)
        if contact.phone_number.startswith("+"):
            zones = parse_number(contact.phone_number, self._region).time_zones
            if zones:
                return ZoneInfo(zones[0])
        return ZoneInfo(self._default_timezone)

    async def create(self, user_id: UUID, values: Mapping[str, Any]) -> View:
        """`phone_number` as a person writes it. Raises `InvalidPhoneNumber`, `Conflict`."""
        number = parse_number(str(values["phone_number"]), self._region, self._extensions).e164
        async with self._db.transaction() as work:
            contact = await work.contacts.create(user_id, _columns({**values, "phone_number": number}))
            return await self._detail(work, contact)

    async def change(self, user_id: UUID, contact_id: UUID, changes: Mapping[str, Any]) -> View:
        async with self._db.transaction() as work:
            contact = await work.contacts.change(user_id, contact_id, _columns(changes))
            return await self._detail(work, contact)

    async def delete(self, user_id: UUID, contact_id: UUID) -> None:
        """Gone with all that is known of it; the next call is told nothing of it."""
        async with self._db.transaction() as work:
            await work.contacts.delete(user_id, contact_id)

    async def add_fact(self, user_id: UUID, contact_id: UUID, text: str) -> View:
        async with self._db.transaction() as work:
            await work.contacts.get(user_id, contact_id)
            known = await work.contacts.facts(user_id, contact_id)
            if sum(fact.call_id is None for fact in known) >= MAX_FACTS_BY_HAND:
                raise UserMistake(f"Please keep at most {MAX_FACTS_BY_HAND} facts of your own; delete one first.")
            return fact_view(await work.contacts.add_fact(user_id, contact_id, NewFact(text)))

    async def change_fact(self, user_id: UUID, contact_id: UUID, fact_id: UUID, text: str) -> View:
        async with self._db.transaction() as work:
            return fact_view(await work.contacts.change_fact(user_id, contact_id, fact_id, text))

    async def delete_fact(self, user_id: UUID, contact_id: UUID, fact_id: UUID) -> None:
        async with self._db.transaction() as work:
            await work.contacts.delete_fact(user_id, contact_id, fact_id)

    async def export(self, user_id: UUID, contact_id: UUID, now: datetime) -> View:
        """All that is kept about a contact: what is remembered, the lists its number is on, its calls word for word."""
        async with self._db.read() as work:
            contact = await work.contacts.get(user_id, contact_id)
            shown = await self._detail(work, contact)
            entries = (await work.dnd.of_numbers([contact.phone_number], [user_id])).get(contact.phone_number, ())
            calls = await work.contacts.calls(user_id, contact.phone_number, MAX_CALLS_EXPORTED + 1)
            told = []
            for call in calls[:MAX_CALLS_EXPORTED]:
                turns = await work.transcripts.of_call(user_id, call.id)
                told.append({**call_view(call), "transcript": [turn_view(turn) for turn in turns]})
        return {
            "exported_at": now.isoformat(),
            "contact": shown["contact"],
            "facts": shown["facts"],
            "hours": shown["hours"],
            "do_not_call": [
                {"scope": entry.scope.value, "reason": entry.reason, "source": entry.source} for entry in entries
            ],
            "calls": told,
            "older_calls_left_out": len(calls) > MAX_CALLS_EXPORTED,
        }


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a request as columns."""
    return {("timezone" if name == "time_zone" else name): value for name, value in values.items()}
