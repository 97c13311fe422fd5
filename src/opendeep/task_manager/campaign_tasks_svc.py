"""`CampaignTasksService`: what the page of one campaign reads, and new plans from old campaigns.

A copy is a draft in a chat of its own: nobody is called before the user has confirmed it like any other plan.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import structlog

from opendeep.common.data_models import Campaign, TaskStatus
from opendeep.common.errors import Conflict, UserMistake
from opendeep.common.task_pages import TaskPageRequest
from opendeep.common.views import campaign_view, event_view, task_view
from opendeep.database.db_manager import DatabaseManager

log = structlog.get_logger(__name__)

MAX_COPIED = 5_000  # contacts; the new plan is one document, and writing it holds the event loop
SLICE = 500
COPIED = "This is a copy of “{title}” as it was confirmed. Check it, then confirm it to call them all again."
REDIALLED = "These are the contacts of “{title}” who were not reached or not helped. Check the plan, then confirm it."

View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlanCopy:
    chat_id: UUID
    plan_id: UUID


class CampaignTasksService:
    """Every method is scoped by `user_id`; another tenant's id raises `NotFound`."""

    def __init__(self, db: DatabaseManager) -> None:
        self._db = db

    async def page(self, user_id: UUID, campaign_id: UUID, wanted: TaskPageRequest) -> View:
        """One page of tasks; `next` is the `after` of the page behind it, None at the end."""
        async with self._db.read() as work:
            await work.campaigns.get(user_id, campaign_id)
            tasks, more = await work.task_pages.page(user_id, campaign_id, wanted)
        return {"tasks": [task_view(task) for task in tasks], "next": str(tasks[-1].id) if more else None}

    async def progress(self, user_id: UUID, campaign_id: UUID) -> View:
        """The campaign, its tasks by status and by outcome, and the log of what concerned it as a whole."""
        async with self._db.read() as work:
            campaign = await work.campaigns.get(user_id, campaign_id)
            progress = await work.campaigns.progress(user_id, campaign_id)
            outcomes = await work.task_pages.outcomes(user_id, campaign_id)
            events = await work.events.of_campaign(user_id, campaign_id)
        return {
            "campaign": campaign_view(campaign),
            "progress": progress,
            "outcomes": outcomes,
            "events": [event_view(event) for event in events],
        }

    async def clone(self, user_id: UUID, campaign_id: UUID) -> PlanCopy:
        """A draft of the whole plan in a new chat. Raises `UserMistake` when it is too large to copy."""
        async with self._db.read() as work:
            campaign = await work.campaigns.get(user_id, campaign_id)
        return await self._copy(user_id, campaign, None, COPIED)

    async def redial_failed(self, user_id: UUID, campaign_id: UUID) -> PlanCopy:
        """A draft with the contacts whose tasks failed. Raises `Conflict` when there are none."""
        async with self._db.read() as work:
            campaign = await work.campaigns.get(user_id, campaign_id)
            failed = await work.task_pages.positions(user_id, campaign_id, TaskStatus.FAILED)
        if not failed:
            raise Conflict("No task of this campaign has failed: there is nobody to call again.")
        return await self._copy(user_id, campaign, failed, REDIALLED)

    async def _copy(self, user_id: UUID, campaign: Campaign, positions: Collection[int] | None, words: str) -> PlanCopy:
        count = campaign.tasks_planned if positions is None else len(positions)
        if count > MAX_COPIED:
            raise UserMistake(
                f"This would be a plan of {count:,} contacts; at most {MAX_COPIED:,} can be copied here. "
                "Please send the list in the chat again."
            )
        async with self._db.transaction() as work:
            outline = await work.plans.outline(user_id, campaign.plan_id)
            contacts: list[View] = []
            position = 0
            async for part in work.plans.task_slices(user_id, campaign.plan_id, SLICE):
                for text in part:
                    position += 1
                    if positions is None or position in positions:
                        contacts.append(orjson.loads(text))
            chat_id = await work.chats.create(user_id)
            plan_id = await work.plans.save(user_id, chat_id, {**outline, "tasks": contacts})
            message = words.format(title=campaign.title)
            await work.chats.add_message(user_id, chat_id, "assistant", message, {"plan_id": str(plan_id)})
        log.info("campaign.copied", user_id=str(user_id), campaign_id=str(campaign.id), plan_id=str(plan_id))
        return PlanCopy(chat_id, plan_id)
