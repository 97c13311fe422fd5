"""`/api/reports`, `/api/campaigns/{id}/…`: reports, figures, documents and exports; a call read once more."""

from collections.abc import Iterator
from typing import IO, Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, StreamingResponse

from opendeep.web_interface.dependencies import SignedIn, TheServices
from opendeep.web_interface.models_reports import (
    CampaignFiguresView,
    OverviewView,
    ReadAgainView,
    ReportHeadsView,
)
from opendeep.web_interface.routes_api import ERRORS

CHUNK_BYTES: Final = 64 * 1024
CSV_TYPE: Final = "text/csv; charset=utf-8"
XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

router = APIRouter(prefix="/api", responses=ERRORS)

Interim = Annotated[bool, Query(description="Before the last task is done: how things stand now")]


@router.get("/reports")
async def reports(user: SignedIn, services: TheServices) -> ReportHeadsView:
    """The latest campaigns with the head of their reports, newest first."""
    return ReportHeadsView.model_validate({"reports": await services.reports.heads(user.id)})


@router.get("/reports/overview")
async def overview(
    user: SignedIn, services: TheServices, days: Annotated[int, Query(ge=1, le=366)] = 30
) -> OverviewView:
    """All your calls of the last days as figures and plots."""
    return OverviewView.model_validate(await services.reports.overview(user.id, days))


@router.get("/campaigns/{campaign_id}/figures")
async def campaign_figures(campaign_id: UUID, user: SignedIn, services: TheServices) -> CampaignFiguresView:
    """The campaign's figures and plots as they are now."""
    return CampaignFiguresView.model_validate(await services.reports.figures(user.id, campaign_id))


@router.get("/campaigns/{campaign_id}/report")
async def campaign_report(
    campaign_id: UUID, user: SignedIn, services: TheServices, interim: Interim = False
) -> dict[str, Any]:
    """The report as the summariser wrote it; 404 while there is none, unless an interim one is wanted."""
    return await services.reports.report(user.id, campaign_id, interim=interim)


@router.get("/campaigns/{campaign_id}/report.html", response_class=HTMLResponse)
async def campaign_report_page(
    campaign_id: UUID, user: SignedIn, services: TheServices, interim: Interim = False
) -> HTMLResponse:
    """The report as one page that asks for nothing else; made for print, too."""
    page = await services.reports.page(user.id, campaign_id, interim=interim)
    return HTMLResponse(page.html, headers={"Content-Security-Policy": f"{page.policy}; frame-ancestors 'none'"})


@router.get("/campaigns/{campaign_id}/report.pdf", response_class=StreamingResponse)
async def campaign_report_pdf(
    campaign_id: UUID, user: SignedIn, services: TheServices, interim: Interim = False
) -> StreamingResponse:
    """The same page as PDF; 501 where this machine cannot make one, with what is missing."""
    made = await services.reports.pdf(user.id, campaign_id, interim=interim)
    return StreamingResponse(_read(made.file), media_type="application/pdf", headers=_attached(made.name))


@router.get("/campaigns/{campaign_id}/results.csv", response_class=StreamingResponse)
async def campaign_results_csv(campaign_id: UUID, user: SignedIn, services: TheServices) -> StreamingResponse:
    """One row per task with its answers and their citations."""
    stream = await services.reports.csv(user.id, campaign_id)
    return StreamingResponse(stream.parts, media_type=CSV_TYPE, headers=_attached(stream.name))


@router.get("/campaigns/{campaign_id}/results.xlsx", response_class=StreamingResponse)
async def campaign_results_xlsx(campaign_id: UUID, user: SignedIn, services: TheServices) -> StreamingResponse:
    """The same rows as an Excel file, numbers and dates typed."""
    made = await services.reports.xlsx(user.id, campaign_id)
    return StreamingResponse(_read(made.file), media_type=XLSX_TYPE, headers=_attached(made.name))


@router.post("/calls/{call_id}/analysis")
async def read_call_again(call_id: UUID, user: SignedIn, services: TheServices) -> ReadAgainView:
    """Judge an ended call once more; 409 while somebody works on it. What hard rules did stays."""
    return ReadAgainView.model_validate(await services.reanalysis.again(user.id, call_id))


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(CHUNK_BYTES):
            yield part


def _attached(name: str) -> dict[str, str]:
    """`name` is plain ASCII without quotes."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}
