"""The shapes of `routes_reports`' answers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from opendeep.web_interface.api_models import CallView


class ReportHeadView(BaseModel):
    """A campaign in the list of reports; `headline` and `generated_at` are None until its report is written."""

    campaign_id: UUID
    title: str
    status: str
    created_at: datetime
    finished_at: datetime | None
    headline: str | None
    generated_at: datetime | None
    tasks: int
    completed: int
    failed: int
    cancelled: int


class ReportHeadsView(BaseModel):
    reports: list[ReportHeadView]


class OverviewView(BaseModel):
    """All calls since then. `figures` and `series` are those of a report, without what counts tasks."""

    since: datetime
    figures: dict[str, Any]
    series: dict[str, Any]


class CampaignFiguresView(BaseModel):
    """One campaign as it stands now."""

    title: str
    status: str
    figures: dict[str, Any]
    series: dict[str, Any]


class ReadAgainView(BaseModel):
    """The call with its analysis; `changed`: the new reading differs from the one before."""

    call: CallView
    changed: bool
