"""`OrchestratorService`: a confirmed plan becomes a campaign, once. The same plan confirmed twice is one campaign.

The plan is locked, and the campaign and the first slice of its tasks are inserted in one transaction: all there is to
do for most plans. A larger one stays PREPARING until `CampaignPreparerService` has written its other slices.
"""

import contextlib
from collections.abc import Collection
from uuid import UUID

import structlog

from opendeep.common import channels
from opendeep.common.campaign_plan import CampaignPlan
from opendeep.common.data_models import Campaign, CampaignStatus, TaskBase
from opendeep.database.db_manager import DatabaseManager
from opendeep.task_manager.plan_reader import PlanReader

log = structlog.get_logger(__name__)


class OrchestratorService:
    """Turns plans into campaigns. `region` and `extensions` say how national and internal numbers are read."""

    def __init__(self, db: DatabaseManager, region: str, extensions: Collection[str]) -> None:
        self._db = db
        self._plans = PlanReader(db, region, extensions)

    async def execute_campaign(self, user_id: UUID, plan_id: UUID) -> Campaign:
        """Schedule the plan, or return the campaign that it became before.

        Raises `NotFound` for a plan that is not this user's, `InvalidPlan` for one that cannot be confirmed yet.
        """
        async with self._db.read() as reading:
            existing = await reading.campaigns.by_plan(user_id, plan_id)
        if existing is not None:
            return existing
        plan, count = await self._plans.checked(user_id, plan_id)  # it never changes: no need to hold it for that
        async with contextlib.aclosing(self._plans.slices(user_id, plan_id)) as slices:
            first = await anext(slices)
        return await self._create(user_id, plan_id, plan, count, first)

    async def _create(
        self, user_id: UUID, plan_id: UUID, plan: CampaignPlan, count: int, first: list[TaskBase]
    ) -> Campaign:
        title = plan.title or plan.objective[:200]
        async with self._db.transaction() as work:
            await work.plans.confirm(user_id, plan_id)
            existing = await work.campaigns.by_plan(user_id, plan_id)
            if existing is not None:
                return existing
            campaign = await work.campaigns.create(user_id, plan_id, title, plan.objective, count)
            await work.tasks.add_many(user_id, campaign.id, first)
            campaign = await work.campaigns.advance(user_id, campaign.id, 0, len(first))
            if campaign.status is CampaignStatus.PREPARING:
                work.ring(channels.CAMPAIGNS_PREPARING)
        log.info("campaign.confirmed", user_id=str(user_id), campaign_id=str(campaign.id), tasks=count)
        return campaign
