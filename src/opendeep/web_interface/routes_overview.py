"""`GET /api/overview`: what the home page shows, in one answer."""

from datetime import date

from fastapi import APIRouter
from pydantic import BaseModel

from opendeep.web_interface import api_models as m
from opendeep.web_interface.dependencies import SignedIn, TheServices

router = APIRouter(prefix="/api")


class LiveCallView(m.CallView):
    contact_name: str
    campaign_title: str


class TodayView(BaseModel):
    """Ended calls that began today in the user's `time_zone`; outcomes by name."""

    date: date
    time_zone: str
    calls: int
    answered: int
    spent_usd: float
    outcomes: dict[str, int]


class OverviewView(BaseModel):
    live: list[LiveCallView]
    today: TodayView


@router.get("/overview")
async def overview(user: SignedIn, services: TheServices) -> OverviewView:
    """The calls that go on now, and what came of today's."""
    return OverviewView.model_validate(await services.overview.overview(user))
