"""The JSON of `/api/lifecycle`."""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from opendeep.web_interface.api_models import Json


class LifecycleDecisionView(BaseModel):
    """What was seen, done and why, and what came of it. `can_undo`: there is something to take back; whether the task
    still allows it is found out by trying."""

    id: UUID
    campaign_id: UUID | None
    campaign_title: str | None
    task_id: UUID | None
    contact_name: str | None
    rule: str
    action: str
    observation: str
    reason: str
    expected: str
    facts: Json
    decided_by: Literal["rule", "model"]
    state: Literal["DONE", "OVERTAKEN", "UNDONE"]
    can_undo: bool
    result: str | None
    created_at: AwareDatetime
    settled_at: AwareDatetime | None
    undone_at: AwareDatetime | None


class ModelLooksView(BaseModel):
    """A language model's part: when it last looked, decisions that were taken and those that code refused, ever."""

    looked_at: AwareDatetime | None
    taken: int
    dropped: int


class LifecycleView(BaseModel):
    """A page of decisions, newest first; `more`: there are older ones. `queues`: open tasks per status."""

    decisions: list[LifecycleDecisionView]
    more: bool
    queues: dict[str, int]
    model: ModelLooksView


class LifecycleUndone(BaseModel):
    decision: LifecycleDecisionView
