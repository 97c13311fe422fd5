"""`/api/campaigns/{id}/…`: one campaign's progress, its tasks a page at a time, and new drafts from it."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from opendeep.common.data_models import TaskStatus
from opendeep.common.task_pages import TaskOrder, TaskPageRequest
from opendeep.web_interface.api_models import Plain
from opendeep.web_interface.dependencies import SignedIn, TheServices
from opendeep.web_interface.models_campaigns import CampaignProgressView, PlanCopyView, TaskPageView
from opendeep.web_interface.routes_api import ERRORS

MAX_LIMIT = 200
MAX_SEARCH_CHARS = 100

router = APIRouter(prefix="/api/campaigns/{campaign_id}", responses=ERRORS)


@router.get("/progress")
async def progress(campaign_id: UUID, user: SignedIn, services: TheServices) -> CampaignProgressView:
    """Tasks by status and outcome, and the log of the campaign as a whole."""
    return CampaignProgressView.model_validate(await services.campaign_tasks.progress(user.id, campaign_id))


@router.get("/tasks")
async def tasks(
    campaign_id: UUID,
    user: SignedIn,
    services: TheServices,
    status: Annotated[list[TaskStatus] | None, Query(max_length=len(TaskStatus))] = None,
    search: Annotated[str, Query(max_length=MAX_SEARCH_CHARS), Plain] = "",
    sort: TaskOrder = TaskOrder.POSITION,
    descending: bool = False,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
) -> TaskPageView:
    """The page of tasks behind the task `after`. `search`: part of a name, or of a number however it is grouped."""
    wanted = TaskPageRequest(status or (), search.strip(), sort, descending, after, limit)
    return TaskPageView.model_validate(await services.campaign_tasks.page(user.id, campaign_id, wanted))


@router.post("/clone")
async def clone(campaign_id: UUID, user: SignedIn, services: TheServices) -> PlanCopyView:
    """A draft of the same plan in a new chat; it is confirmed like any other."""
    return PlanCopyView.model_validate(asdict(await services.campaign_tasks.clone(user.id, campaign_id)))


@router.post("/redial_failed")
async def redial_failed(campaign_id: UUID, user: SignedIn, services: TheServices) -> PlanCopyView:
    """A draft with the contacts whose tasks failed, in a new chat; 409 when none has."""
    return PlanCopyView.model_validate(asdict(await services.campaign_tasks.redial_failed(user.id, campaign_id)))
