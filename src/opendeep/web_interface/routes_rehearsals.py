"""`/api/plans/{id}/rehearsal`, `/api/rehearsals/…`: rehearse a plan before its launch, follow it, read its report."""

import asyncio
from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import BaseModel

from opendeep.web_interface.dependencies import SignedIn, TheServices
from opendeep.web_interface.routes_api import ERRORS

router = APIRouter(prefix="/api", responses=ERRORS)

# The report brings its own style and script; its own policy, by their hashes, stands in the page and is narrower still.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; media-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class RehearsedCase(BaseModel):
    """One simulated callee: percent, how the call came out, what was wrong."""

    name: str
    score: float
    outcome: str
    wrong: list[str]


class RehearsalView(BaseModel):
    """`WAITING` for the machine, `RUNNING`, `DONE` with score and report, or `FAILED` with the reason."""

    id: UUID
    status: Literal["WAITING", "RUNNING", "DONE", "FAILED"]
    total: int
    cases: list[RehearsedCase]
    score: float | None
    good: bool | None
    report: str | None
    error: str | None


class ListedRehearsal(RehearsalView):
    """One of the list: of which plan, and when."""

    title: str
    began: datetime


class RehearsalsView(BaseModel):
    rehearsals: list[ListedRehearsal]


@router.get("/rehearsals")
async def rehearsals(user: SignedIn, services: TheServices) -> RehearsalsView:
    """Your last rehearsals, the newest first."""
    found = await asyncio.to_thread(services.rehearsals.recent, user.id)
    return RehearsalsView.model_validate({"rehearsals": found})


@router.post("/plans/{plan_id}/rehearsal", status_code=202)
async def rehearse_plan(plan_id: UUID, user: SignedIn, services: TheServices) -> RehearsalView:
    """Call a handful of simulated people with the plan's words and questions; nobody real is called."""
    return RehearsalView.model_validate(await services.rehearsals.start(user.id, plan_id))


@router.get("/rehearsals/{rehearsal_id}")
async def rehearsal(rehearsal_id: UUID, user: SignedIn, services: TheServices) -> RehearsalView:
    return RehearsalView.model_validate(services.rehearsals.view(user.id, rehearsal_id))


@router.get("/rehearsals/{rehearsal_id}/report.html", response_class=FileResponse)
async def rehearsal_report(rehearsal_id: UUID, user: SignedIn, services: TheServices) -> FileResponse:
    """The report; 404 while there is none."""
    path = services.rehearsals.file(user.id, rehearsal_id)
    return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})


@router.get("/rehearsals/{rehearsal_id}/calls/{name}", response_class=FileResponse)
async def rehearsal_recording(rehearsal_id: UUID, name: str, user: SignedIn, services: TheServices) -> FileResponse:
    """A recording of the rehearsal (left: what the callee heard, right: the callee) as WAV."""
    path = services.rehearsals.file(user.id, rehearsal_id, name)
    return FileResponse(path, media_type="audio/wav", filename=name, content_disposition_type="inline")
