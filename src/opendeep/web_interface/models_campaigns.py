"""The answers about one campaign and its tasks as pydantic models. They mirror `campaign_tasks_svc`."""

from uuid import UUID

from pydantic import BaseModel

from opendeep.web_interface.api_models import CampaignView, EventView, TaskView


class TaskPageView(BaseModel):
    """`next`: the `after` of the page behind this one, null at the end."""

    tasks: list[TaskView]
    next: UUID | None


class CampaignProgressView(BaseModel):
    """`progress` counts tasks by status, `outcomes` by disposition; `events`: the latest of the whole campaign."""

    campaign: CampaignView
    progress: dict[str, int]
    outcomes: dict[str, int]
    events: list[EventView]


class PlanCopyView(BaseModel):
    """A draft that waits for its confirmation in a chat of its own."""

    chat_id: UUID
    plan_id: UUID
