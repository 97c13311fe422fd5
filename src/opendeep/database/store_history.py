"""What a tenant's earlier campaigns teach: people and their numbers, and what came of each task. Read only.

Looks into the newest `CAMPAIGNS` campaigns, by their index, so that the cost does not grow with the years.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select

from opendeep.common.data_models import Json
from opendeep.database.models import CampaignRow, TaskRow
from opendeep.database.scope import for_user
from opendeep.database.store import Store

CAMPAIGNS: Final = 200
MAX_WORDS: Final = 8
_ESCAPE: Final = "\\"


@dataclass(frozen=True, slots=True)
class KnownContact:
    """Somebody whom earlier tasks were about. One for each name with each number."""

    name: str
    number: str
    kind: str
    time_zone: str | None
    address: str | None
    tasks: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class EarlierTask:
    """`campaign` is the title; `at` when it last changed."""

    name: str
    number: str
    campaign: str
    objective: str
    status: str
    status_reason: str
    disposition: str | None
    summary: str | None
    result: Json
    attempts: int
    at: datetime


class HistoryStore(Store):
    async def contacts(self, user_id: UUID, words: str, digits: str, limit: int) -> list[KnownContact]:
        """Contacts whose name has all `words`, or whose number has `digits`; the last called first."""
        last = func.max(TaskRow.updated_at)
        statement = for_user(
            select(
                TaskRow.contact_name,
                TaskRow.phone_number,
                func.max(TaskRow.contact_kind),
                func.max(TaskRow.timezone),
                func.max(TaskRow.address),
                func.count(),
                last,
            )
            .where(TaskRow.campaign_id.in_(_recent(user_id)), _about(words, digits))
            .group_by(TaskRow.contact_name, TaskRow.phone_number)
            .order_by(last.desc())
            .limit(limit),
            TaskRow,
            user_id,
        )
        return [KnownContact(*row) for row in (await self._session.execute(statement)).all()]

    async def tasks(self, user_id: UUID, words: str, digits: str, limit: int) -> list[EarlierTask]:
        """Tasks about such a contact, all tasks without `words` and `digits`; the last changed first."""
        statement = for_user(
            select(
                TaskRow.contact_name,
                TaskRow.phone_number,
                CampaignRow.title,
                TaskRow.objective,
                TaskRow.status,
                TaskRow.status_reason,
                TaskRow.disposition,
                TaskRow.summary,
                TaskRow.result,
                TaskRow.attempts,
                TaskRow.updated_at,
            )
            .join(CampaignRow, CampaignRow.id == TaskRow.campaign_id)
            .where(TaskRow.campaign_id.in_(_recent(user_id)))
            .order_by(TaskRow.updated_at.desc(), TaskRow.id.desc())
            .limit(limit),
            TaskRow,
            user_id,
        )
        if words.strip() or digits:
            statement = statement.where(_about(words, digits))
        return [EarlierTask(*row) for row in (await self._session.execute(statement)).all()]


def _recent(user_id: UUID) -> ColumnElement[UUID]:
    newest = for_user(
        select(CampaignRow.id).order_by(CampaignRow.created_at.desc()).limit(CAMPAIGNS), CampaignRow, user_id
    )
    return newest.scalar_subquery()


def _about(words: str, digits: str) -> ColumnElement[bool]:
    """Both sides are lowered by the database, so that they are lowered alike."""
    named = [
        func.lower(TaskRow.contact_name).like(func.lower(f"%{_plain(word)}%"), escape=_ESCAPE)
        for word in words.split()[:MAX_WORDS]
    ]
    either = [and_(*named)] if named else []
    if digits:
        either.append(TaskRow.phone_number.like(f"%{digits}"))
    return or_(*either)


def _plain(word: str) -> str:
    for special in (_ESCAPE, "%", "_"):
        word = word.replace(special, _ESCAPE + special)
    return word
