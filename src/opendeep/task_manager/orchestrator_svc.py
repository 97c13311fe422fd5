"""`OrchestratorService`: a confirmed plan becomes rows, once. Its job is done when the rows exist.

One transaction: the plan is locked, the campaign and all its tasks are inserted, the scheduler's bell rings after the
commit. The same plan confirmed twice, even at the same moment, makes one campaign.
"""

import asyncio
from collections.abc import Collection
from uuid import UUID

import structlog
from pydantic import ValidationError

from opendeep.common.campaign_plan import CampaignPlan, PlannedTask, brief_for
from opendeep.common.data_models import Campaign, TaskBase
from opendeep.common.errors import InvalidPlan
from opendeep.common.phone import parse_number
from opendeep.common.plan_problems import plan_problems
from opendeep.database.db_manager import DatabaseManager

log = structlog.get_logger(__name__)


class OrchestratorService:
    """Turns plans into campaigns. `region` and `extensions` say how national and internal numbers are read."""

    def __init__(self, db: DatabaseManager, region: str, extensions: Collection[str]) -> None:
        self._db = db
        self._region = region
        self._extensions = extensions

    async def execute_campaign(self, user_id: UUID, plan_id: UUID) -> Campaign:
        """Schedule the plan, or return the campaign that it became before.

        Raises `NotFound` for a plan that is not this user's, `InvalidPlan` for one that cannot be confirmed yet.
        """
        async with self._db.read() as reading:  # a stored plan never changes, so it is worked through before the lock
            stored = await reading.plans.get(user_id, plan_id)
            existing = await reading.campaigns.by_plan(user_id, plan_id)
        if existing is not None:
            return existing
        plan, tasks = await asyncio.to_thread(self._worked_through, stored.plan)  # seconds, for thousands of numbers
        async with self._db.transaction() as work:
            await work.plans.lock_for_confirmation(user_id, plan_id)
            existing = await work.campaigns.by_plan(user_id, plan_id)
            if existing is not None:
                return existing
            campaign = await work.campaigns.create(user_id, plan_id, plan.title or plan.objective[:200], plan.objective)
            count = await work.tasks.add_many(user_id, campaign.id, tasks)
        log.info("campaign.scheduled", user_id=str(user_id), campaign_id=str(campaign.id), tasks=count)
        return campaign

    def _worked_through(self, document: object) -> tuple[CampaignPlan, list[TaskBase]]:
        plan = self._checked(document)
        return plan, [self._task(plan, task) for task in plan.tasks]

    def _checked(self, document: object) -> CampaignPlan:
        try:
            plan = CampaignPlan.model_validate(document)
        except ValidationError as error:
            raise InvalidPlan(f"The plan cannot be read: {error.errors()[0]['msg']}.") from error
        if problems := plan_problems(plan, self._region, self._extensions):
            raise InvalidPlan("The plan cannot be confirmed yet: " + " ".join(problems))
        return plan

    def _task(self, plan: CampaignPlan, task: PlannedTask) -> TaskBase:
        brief = brief_for(plan, task)
        return TaskBase(
            contact_name=task.contact_name,
            contact_kind=task.contact_kind,
            phone_number=parse_number(task.phone_number, self._region, self._extensions).e164,
            objective=brief.objective,
            brief=brief.model_dump(mode="json"),
            timezone=task.timezone,
            address=task.address,
            priority=task.priority,
            max_attempts=plan.max_attempts,
            not_before=task.not_before,
        )
