"""`CampaignPreparerService`: writes the tasks of large campaigns, slice by slice, until they are whole.

A persistent worker. Each slice is a transaction of its own, so that the rows of live calls never wait for more than
one; `tasks_prepared` counts in the same transaction, so that whoever goes on after a crash begins where the last slice
ended, and of two who write the same slice one is refused. A campaign that is not whole is neither called nor reported.
"""

import contextlib
from typing import Final

import structlog

from opendeep.common import channels
from opendeep.common.data_models import Campaign, CampaignStatus
from opendeep.common.errors import Conflict, PeerFault
from opendeep.common.redis_client import Doorbell
from opendeep.common.workers import run_rounds
from opendeep.database.db_manager import DatabaseManager
from opendeep.task_manager.plan_reader import PlanReader

log = structlog.get_logger(__name__)

POLL_S: Final = 10.0
SLICES_AT_ONCE: Final = 20  # of one campaign; then the others have their turn


class CampaignPreparerService:
    """One for all tenants. Several of them, on several nodes, do no harm."""

    def __init__(self, db: DatabaseManager, bell: Doorbell, plans: PlanReader) -> None:
        self._db = db
        self._bell = bell
        self._plans = plans

    async def run(self) -> None:
        """Woken by confirmed plans and by its own clock, for what somebody else has left behind."""
        await run_rounds("preparer", self._bell, (channels.CAMPAIGNS_PREPARING,), POLL_S, self.round)

    async def round(self) -> float | None:
        """A turn for each campaign that is not whole; returns 0 while there is more to do."""
        async with self._db.read() as work:
            waiting = await work.campaigns.preparing()
        more = False
        for campaign in waiting:
            try:
                more |= (await self.prepare(campaign)).status is CampaignStatus.PREPARING
            except Conflict as error:  # stopped by its user, or another node is at it
                log.info("campaign.prepared_elsewhere", campaign_id=str(campaign.id), detail=str(error))
            except PeerFault:
                raise
            except Exception:  # boundary: one campaign; the others are prepared all the same
                log.exception("campaign.preparation_failed", campaign_id=str(campaign.id))
        return 0.0 if more else None

    async def prepare(self, campaign: Campaign) -> Campaign:
        """Write the next slices. Raises `Conflict` when somebody else has changed the campaign meanwhile."""
        slices = self._plans.slices(campaign.user_id, campaign.plan_id, campaign.tasks_prepared)
        async with contextlib.aclosing(slices):
            for _ in range(SLICES_AT_ONCE):
                tasks = await anext(slices)
                async with self._db.transaction() as work:
                    before = campaign.tasks_prepared
                    campaign = await work.campaigns.advance(campaign.user_id, campaign.id, before, len(tasks))
                    await work.tasks.add_many(campaign.user_id, campaign.id, tasks, before)
                    if campaign.status is CampaignStatus.ACTIVE:
                        await work.tasks.added(campaign.tasks_planned)
                if campaign.status is CampaignStatus.ACTIVE:
                    log.info("campaign.whole", campaign_id=str(campaign.id), tasks=campaign.tasks_planned)
                    break
        return campaign
