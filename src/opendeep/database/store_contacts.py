"""Contacts and what is known of them. A deleted contact or fact is gone: no row of it stays here."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, or_, select
from sqlalchemy.exc import IntegrityError

from opendeep.common.contact_values import (
    FACT_BY_CALL,
    FACT_BY_USER,
    MAX_FACTS_PER_CONTACT,
    AttemptTime,
    Contact,
    ContactFact,
    NewFact,
)
from opendeep.common.data_models import Call, Task
from opendeep.common.errors import Conflict, NotFound
from opendeep.common.ids import new_id
from opendeep.database.models import CallRow, TaskRow
from opendeep.database.models_memory import ContactFactRow, ContactRow
from opendeep.database.rows import call_value
from opendeep.database.scope import for_user
from opendeep.database.store import Store, insert_unless_there

NO_CONTACT: Final = "There is no such contact. It may have been deleted."
NO_FACT: Final = "There is no such fact. It may have been deleted."
MAX_ATTEMPTS_COUNTED: Final = 2_000  # the newest attempts say when somebody is reached


def contact_value(row: ContactRow) -> Contact:
    return Contact(
        id=row.id,
        user_id=row.user_id,
        name=row.name,
        kind=row.kind,
        phone_number=row.phone_number,
        timezone=row.timezone,
        language=row.language,
        notes=row.notes,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def fact_value(row: ContactFactRow) -> ContactFact:
    return ContactFact(
        id=row.id,
        text=row.text,
        key=row.key,
        source=row.source,
        call_id=row.call_id,
        turns=tuple(row.turns),
        quote=row.quote,
        created_at=row.created_at,
    )


def like(text: str) -> str:
    """A pattern for LIKE … ESCAPE '/' that finds the text as it stands."""
    return "%" + text.replace("/", "//").replace("%", "/%").replace("_", "/_") + "%"


class ContactsStore(Store):
    # -- contacts

    async def met(self, task: Task, language: str | None) -> Contact:
        """The contact of a task whose call has ended, made now if there is none. What the user wrote stays."""
        values = {
            "id": new_id(),
            "user_id": task.user_id,
            "name": task.contact_name,
            "kind": task.contact_kind,
            "phone_number": task.phone_number,
            "timezone": task.timezone,
            "language": language,
            "notes": "",
            "created_at": self._work.now,
            "updated_at": self._work.now,
        }
        await self._session.execute(insert_unless_there(self._session, ContactRow, values))
        row = await self._by_number(task.user_id, task.phone_number)
        if row is None:
            raise NotFound(NO_CONTACT)
        if not row.name:
            row.name = task.contact_name
        return contact_value(row)

    async def create(self, user_id: UUID, values: Mapping[str, Any]) -> Contact:
        """Raises `Conflict` when the user has a contact with this number."""
        now = self._work.now
        row = ContactRow(id=new_id(), user_id=user_id, created_at=now, updated_at=now, **values)
        try:
            async with self._work.part():
                self._session.add(row)
        except IntegrityError:
            raise Conflict("You have a contact with this number already. Search for the number.") from None
        return contact_value(row)

    async def change(self, user_id: UUID, contact_id: UUID, changes: Mapping[str, Any]) -> Contact:
        """Set the columns that are given. Raises `NotFound`."""
        row = await self._row(user_id, contact_id)
        for name, value in changes.items():
            setattr(row, name, value)
        row.updated_at = self._work.now
        return contact_value(row)

    async def delete(self, user_id: UUID, contact_id: UUID) -> None:
        """The contact and all that is known of it. Raises `NotFound`."""
        row = await self._row(user_id, contact_id)
        facts = delete(ContactFactRow).where(ContactFactRow.contact_id == contact_id)
        await self._session.execute(for_user(facts, ContactFactRow, user_id))
        await self._session.delete(row)
        await self._session.flush()

    async def get(self, user_id: UUID, contact_id: UUID) -> Contact:
        return contact_value(await self._row(user_id, contact_id))

    async def page(self, user_id: UUID, search: str, limit: int, offset: int) -> tuple[list[Contact], int]:
        """One page by name, and how many there are; `search` is part of a name, number or note."""
        found = select(ContactRow)
        if search:
            pattern = like(search.casefold())
            columns = (ContactRow.name, ContactRow.phone_number, ContactRow.notes)
            found = found.where(or_(*(func.lower(column).like(pattern, escape="/") for column in columns)))
        found = for_user(found, ContactRow, user_id)
        total = await self._session.scalar(found.with_only_columns(func.count()))
        rows = await self._session.scalars(found.order_by(ContactRow.name, ContactRow.id).limit(limit).offset(offset))
        return [contact_value(row) for row in rows.all()], total or 0

    # -- facts

    async def facts(self, user_id: UUID, contact_id: UUID) -> list[ContactFact]:
        """Newest first."""
        statement = for_user(
            select(ContactFactRow)
            .where(ContactFactRow.contact_id == contact_id)
            .order_by(ContactFactRow.created_at.desc(), ContactFactRow.id.desc()),
            ContactFactRow,
            user_id,
        )
        return [fact_value(row) for row in (await self._session.scalars(statement)).all()]

    async def facts_of_number(self, user_id: UUID, phone_number: str) -> tuple[ContactFact, ...]:
        """What is known of the contact with this number; nothing when there is none."""
        statement = for_user(
            select(ContactFactRow)
            .join(ContactRow, ContactRow.id == ContactFactRow.contact_id)
            .where(ContactRow.user_id == user_id, ContactRow.phone_number == phone_number)
            .order_by(ContactFactRow.created_at.desc(), ContactFactRow.id.desc())
            .limit(MAX_FACTS_PER_CONTACT),
            ContactFactRow,
            user_id,
        )
        return tuple(fact_value(row) for row in (await self._session.scalars(statement)).all())

    async def counts(self, user_id: UUID, contact_ids: Collection[UUID]) -> dict[UUID, int]:
        """How many facts each of them has."""
        statement = for_user(
            select(ContactFactRow.contact_id, func.count())
            .where(ContactFactRow.contact_id.in_(contact_ids))
            .group_by(ContactFactRow.contact_id),
            ContactFactRow,
            user_id,
        )
        return {contact_id: count for contact_id, count in (await self._session.execute(statement)).all()}

    async def learn(self, user_id: UUID, contact_id: UUID, facts: Sequence[NewFact]) -> int:
        """Keep what is new; returns how much was. The same words again are not; the oldest of calls make room."""
        known = await self.facts(user_id, contact_id)
        said = {_plain(fact.text) for fact in known}
        added = 0
        for fact in facts:
            if _plain(fact.text) not in said:
                said.add(_plain(fact.text))
                await self.add_fact(user_id, contact_id, fact)
                added += 1
        surplus = len(known) + added - MAX_FACTS_PER_CONTACT
        of_calls = [fact.id for fact in reversed(known) if fact.source == FACT_BY_CALL]
        if surplus > 0 and of_calls:
            old = delete(ContactFactRow).where(ContactFactRow.id.in_(of_calls[:surplus]))
            await self._session.execute(for_user(old, ContactFactRow, user_id))
        return added

    async def add_fact(self, user_id: UUID, contact_id: UUID, fact: NewFact) -> ContactFact:
        row = ContactFactRow(
            id=new_id(),
            user_id=user_id,
            contact_id=contact_id,
            key=fact.key,
            text=fact.text,
            source=FACT_BY_CALL if fact.call_id else FACT_BY_USER,
            call_id=fact.call_id,
            turns=list(fact.turns),
            quote=fact.quote,
            created_at=self._work.now,
        )
        self._session.add(row)
        await self._session.flush()
        return fact_value(row)

    async def change_fact(self, user_id: UUID, contact_id: UUID, fact_id: UUID, text: str) -> ContactFact:
        """The user's words in its place: from now on it is the user's, without proof. Raises `NotFound`."""
        row = await self._fact(user_id, contact_id, fact_id)
        row.text, row.source, row.created_at = text, FACT_BY_USER, self._work.now
        row.call_id, row.turns, row.quote = None, [], ""
        return fact_value(row)

    async def delete_fact(self, user_id: UUID, contact_id: UUID, fact_id: UUID) -> None:
        """Raises `NotFound`."""
        await self._session.delete(await self._fact(user_id, contact_id, fact_id))
        await self._session.flush()

    # -- what the rows of tasks and calls say of a number

    async def attempts(self, user_id: UUID, phone_number: str) -> list[AttemptTime]:
        """The newest attempts to reach it, redirected ones included."""
        statement = for_user(
            select(CallRow.created_at, CallRow.answered_at)
            .join(TaskRow, TaskRow.id == CallRow.task_id)
            .where(TaskRow.user_id == user_id, TaskRow.phone_number == phone_number)
            .order_by(CallRow.created_at.desc())
            .limit(MAX_ATTEMPTS_COUNTED),
            CallRow,
            user_id,
        )
        rows = (await self._session.execute(statement)).all()
        return [AttemptTime(created_at, answered_at is not None) for created_at, answered_at in rows]

    async def calls(self, user_id: UUID, phone_number: str, limit: int) -> list[Call]:
        """The newest calls of tasks with this number."""
        statement = for_user(
            select(CallRow)
            .join(TaskRow, TaskRow.id == CallRow.task_id)
            .where(TaskRow.user_id == user_id, TaskRow.phone_number == phone_number)
            .order_by(CallRow.created_at.desc())
            .limit(limit),
            CallRow,
            user_id,
        )
        return [call_value(row) for row in (await self._session.scalars(statement)).all()]

    # -- rows

    async def _row(self, user_id: UUID, contact_id: UUID) -> ContactRow:
        statement = for_user(select(ContactRow).where(ContactRow.id == contact_id), ContactRow, user_id)
        row = (await self._session.scalars(statement)).one_or_none()
        if row is None:
            raise NotFound(NO_CONTACT)
        return row

    async def _by_number(self, user_id: UUID, phone_number: str) -> ContactRow | None:
        statement = for_user(select(ContactRow).where(ContactRow.phone_number == phone_number), ContactRow, user_id)
        return (await self._session.scalars(statement)).one_or_none()

    async def _fact(self, user_id: UUID, contact_id: UUID, fact_id: UUID) -> ContactFactRow:
        statement = for_user(
            select(ContactFactRow).where(ContactFactRow.id == fact_id, ContactFactRow.contact_id == contact_id),
            ContactFactRow,
            user_id,
        )
        row = (await self._session.scalars(statement)).one_or_none()
        if row is None:
            raise NotFound(NO_FACT)
        return row


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".")
