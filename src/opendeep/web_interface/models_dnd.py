"""Requests and answers about the do-not-call list."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from opendeep.common.data_models import DndScope
from opendeep.task_manager.dnd_csv import MAX_REASON_CHARS
from opendeep.web_interface.api_models import Plain

ReasonText = Annotated[StrictStr, Field(max_length=MAX_REASON_CHARS), Plain]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class NewEntry(_Request):
    """`phone_number` as a person writes it; with `campaign_id` it is forbidden for that campaign only."""

    phone_number: Annotated[StrictStr, Field(min_length=1, max_length=60), Plain]
    reason: ReasonText = ""
    campaign_id: UUID | None = None


class RemovalRequest(_Request):
    reason: Annotated[StrictStr, Field(min_length=1, max_length=MAX_REASON_CHARS), Plain]


class DndEntryView(_View):
    """`refused_dials`: calls to the number that were refused since it is listed."""

    id: UUID
    phone_number: str
    scope: DndScope
    reason: str
    source: str
    campaign_id: UUID | None
    campaign_title: str | None
    call_id: UUID | None
    created_at: datetime
    refused_dials: int


class DndView(BaseModel):
    """Newest first; `total` counts all that fit the search."""

    entries: list[DndEntryView]
    total: int


class RemovedView(_View):
    phone_number: str
    scope: DndScope
    reason: str
    source: str
    removed_because: str
    listed_at: datetime
    removed_at: datetime


class RemovalsView(BaseModel):
    """The latest removals, newest first."""

    removals: list[RemovedView]


class LineErrorView(_View):
    line: int
    message: str


class ImportedView(_View):
    """`known`: were listed already; `repeated`: lines with a number that came before in this text."""

    added: int
    known: int
    repeated: int
    errors: list[LineErrorView]
    error_count: int
