"""What a tenant's day looks like: calls that go on, and what came of those of today."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select

from opendeep.common.views import call_view
from opendeep.database.models import CallRow, CampaignRow, TaskRow
from opendeep.database.rows import call_value
from opendeep.database.scope import for_user
from opendeep.database.store import Store
from opendeep.database.store_calls import is_live

MAX_LIVE_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class DayFigures:
    """Calls that began since a moment. `outcomes`: dispositions (or statuses); `spent_usd`: voice AI."""

    calls: int
    answered: int
    spent_usd: float
    outcomes: Mapping[str, int]


class OverviewStore(Store):
    async def live(self, user_id: UUID) -> list[dict[str, Any]]:
        """The tenant's calls that go on now, the newest first, each with whom and for which campaign."""
        statement = (
            select(CallRow, TaskRow.contact_name, CampaignRow.title)
            .join(TaskRow, TaskRow.id == CallRow.task_id)
            .join(CampaignRow, CampaignRow.id == CallRow.campaign_id)
            .where(is_live())
            .order_by(CallRow.created_at.desc())
            .limit(MAX_LIVE_SHOWN)
        )
        found = await self._session.execute(for_user(statement, CallRow, user_id))
        return [
            {**call_view(call_value(row)), "contact_name": name, "campaign_title": title} for row, name, title in found
        ]

    async def since(self, user_id: UUID, moment: datetime) -> DayFigures:
        """One row per outcome is all that is read."""
        outcome = func.coalesce(CallRow.disposition, CallRow.status)
        cost = func.coalesce(CallRow.usage["cost"]["usd"].as_float(), 0.0)
        statement = (
            select(outcome, func.count(), func.count(CallRow.answered_at), func.sum(cost))
            .where(CallRow.created_at >= moment, ~is_live())
            .group_by(outcome)
        )
        rows = (await self._session.execute(for_user(statement, CallRow, user_id))).all()
        return DayFigures(
            calls=sum(row[1] for row in rows),
            answered=sum(row[2] for row in rows),
            spent_usd=sum(row[3] for row in rows),
            outcomes={str(row[0]): row[1] for row in rows},
        )
