"""What the gate before dialling asks of the rows of calls: how often, how dear. Always for many numbers in one go.

Calls to a number are counted over all tenants, because the callee's peace is one; no tenant learns whose calls they
were. Money is talk time times the price of a minute until calls carry costs of their own: `spent` and `held` are what
changes then.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from opendeep.common.data_models import CallStatus, TaskStatus
from opendeep.database.expressions import talk_seconds
from opendeep.database.models import CallRow, TaskRow
from opendeep.database.scope import across_tenants, for_user
from opendeep.database.store import Store, batches

NEVER_RANG: Final = (CallStatus.FAILED, CallStatus.CONGESTION, CallStatus.UNALLOCATED)
ON_THE_WAY: Final = (TaskStatus.QUEUED_FOR_CALL, TaskStatus.CALL_IN_PROGRESS)
MIN_MEASURED_CALLS: Final = 20  # fewer say nothing about the next ones
_WHY: Final = "one scheduler serves all tenants"

Amounts = dict[UUID, float]


@dataclass(slots=True)
class SpendSums:
    """Money by tenant and by campaign; `held` for calls that are queued or live, at their full length."""

    day: Amounts = field(default_factory=lambda: defaultdict(float))
    day_held: Amounts = field(default_factory=lambda: defaultdict(float))
    campaign: Amounts = field(default_factory=lambda: defaultdict(float))
    campaign_held: Amounts = field(default_factory=lambda: defaultdict(float))


class GateStore(Store):
    async def recent_calls(self, numbers: Collection[str], since: datetime) -> dict[str, list[datetime]]:
        """When each number was rung since then, or is about to be, over all tenants; attempts that never rang do not
        count.
        """
        found: dict[str, list[datetime]] = defaultdict(list)
        for part in batches(numbers):
            calls = across_tenants(
                select(CallRow.phone_number, CallRow.created_at).where(
                    CallRow.phone_number.in_(part), CallRow.created_at > since, CallRow.status.not_in(NEVER_RANG)
                ),
                "a number is rung only so often, whoever rings",
            )
            queued = across_tenants(
                select(TaskRow.phone_number, TaskRow.updated_at).where(
                    TaskRow.status == TaskStatus.QUEUED_FOR_CALL, TaskRow.phone_number.in_(part)
                ),
                "a number is rung only so often, whoever rings",
            )
            for statement in (calls, queued):
                for number, at in (await self._session.execute(statement)).all():
                    found[number].append(at)
        return found

    async def spend(
        self, user_ids: Collection[UUID], campaign_ids: Collection[UUID], price_per_minute: float, since: datetime
    ) -> SpendSums:
        """What these tenants have spent since then, these campaigns in all, and what is held for their open calls."""
        sums = SpendSums()
        per_second = price_per_minute / 60
        talk = func.sum(talk_seconds(self._session)) * per_second
        outside = CallRow.phone_number.startswith("+")  # our own extensions cost nothing
        by_tenant = (
            select(CallRow.user_id, talk)
            .where(CallRow.user_id.in_(user_ids), CallRow.created_at > since, outside)
            .group_by(CallRow.user_id)
        )
        by_campaign = (
            select(CallRow.campaign_id, talk)
            .where(CallRow.campaign_id.in_(campaign_ids), outside)
            .group_by(CallRow.campaign_id)
        )
        for statement, amounts in ((by_tenant, sums.day), (by_campaign, sums.campaign)):
            for key, amount in (await self._session.execute(across_tenants(statement, _WHY))).all():
                amounts[key] += float(amount or 0)
        held = (
            select(TaskRow.user_id, TaskRow.campaign_id, func.sum(TaskRow.brief["max_call_minutes"].as_float()))
            .where(TaskRow.status.in_(ON_THE_WAY), TaskRow.user_id.in_(user_ids), TaskRow.phone_number.startswith("+"))
            .group_by(TaskRow.user_id, TaskRow.campaign_id)
        )
        for user_id, campaign_id, minutes in (await self._session.execute(across_tenants(held, _WHY))).all():
            sums.day_held[user_id] += float(minutes or 0) * price_per_minute
            sums.campaign_held[campaign_id] += float(minutes or 0) * price_per_minute
        return sums

    async def average_talk_s(self, user_id: UUID, since: datetime) -> float | None:
        """Seconds on the line per attempt of this tenant since then; None while there are too few to tell."""
        statement = for_user(
            select(func.count(), func.sum(talk_seconds(self._session))).where(
                CallRow.created_at > since, CallRow.ended_at.is_not(None)
            ),
            CallRow,
            user_id,
        )
        count, seconds = (await self._session.execute(statement)).one()
        return float(seconds or 0) / count if count >= MIN_MEASURED_CALLS else None
