"""`/api/lifecycle`: the lifecycle manager's decisions, and taking one back."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from opendeep.web_interface.dependencies import SignedIn, TheServices
from opendeep.web_interface.models_lifecycle import LifecycleUndone, LifecycleView
from opendeep.web_interface.routes_api import ERRORS

router = APIRouter(prefix="/api", responses=ERRORS)


@router.get("/lifecycle")
async def lifecycle(
    user: SignedIn,
    services: TheServices,
    campaign_id: Annotated[UUID | None, Query()] = None,
    task_id: Annotated[UUID | None, Query()] = None,
    before: Annotated[UUID | None, Query()] = None,
) -> LifecycleView:
    """Decisions, newest first, of one campaign or task if you like; `before` is the id of the last one you have."""
    found = await services.lifecycle.decisions(user.id, campaign_id=campaign_id, task_id=task_id, before=before)
    return LifecycleView.model_validate(found)


@router.post("/lifecycle/{decision_id}/undo")
async def undo(decision_id: UUID, user: SignedIn, services: TheServices) -> LifecycleUndone:
    """Restore what the decision changed; 409 with the reason when the task has moved on since."""
    return LifecycleUndone.model_validate({"decision": await services.lifecycle.undo(user.id, decision_id)})
