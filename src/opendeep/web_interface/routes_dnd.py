"""`/api/dnd`: the user's own do-not-call list. The global list is nobody's own and is not shown."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from opendeep.common.errors import UserMistake
from opendeep.web_interface import models_dnd as m
from opendeep.web_interface.dependencies import SignedIn, TheServices
from opendeep.web_interface.routes_api import ERRORS

router = APIRouter(prefix="/api/dnd", responses=ERRORS)

CSV_BODY = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.get("")
async def dnd(
    user: SignedIn,
    services: TheServices,
    search: Annotated[str, Query(max_length=100)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> m.DndView:
    """Numbers that must not be called for you; `search` is part of a number, reason or source."""
    entries, total = await services.dnd.page(user.id, search, limit, offset)
    return m.DndView(entries=[m.DndEntryView.model_validate(entry) for entry in entries], total=total)


@router.post("", status_code=201)
async def add_entry(body: m.NewEntry, user: SignedIn, services: TheServices) -> m.DndEntryView:
    """Forbid a number from now on. 409: it is on that list already."""
    entry = await services.dnd.add(user.id, body.phone_number, body.reason, body.campaign_id)
    return m.DndEntryView.model_validate(entry)


@router.get("/removals")
async def removals(user: SignedIn, services: TheServices) -> m.RemovalsView:
    """What you took off the list, and why."""
    found = await services.dnd.removals(user.id)
    return m.RemovalsView(removals=[m.RemovedView.model_validate(removed) for removed in found])


@router.get("/export", response_class=StreamingResponse)
async def export(user: SignedIn, services: TheServices) -> StreamingResponse:
    """The whole list as CSV; no cell of it is a formula, and importing it again changes nothing."""
    headers = {"Content-Disposition": 'attachment; filename="do-not-call.csv"'}
    return StreamingResponse(services.dnd.export_csv(user.id), media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/import", openapi_extra=CSV_BODY)
async def import_csv(
    request: Request,
    user: SignedIn,
    services: TheServices,
    first_line: Annotated[int, Query(ge=1, le=10_000_000)] = 1,
) -> m.ImportedView:
    """Numbers from CSV (UTF-8), one a line; lines that cannot be taken are named. `first_line`: the place of the first
    line in a file that is sent in parts."""
    try:
        text = (await request.body()).decode("utf-8")
    except UnicodeDecodeError:
        raise UserMistake("Please save the file as UTF-8 and choose it again.") from None
    return m.ImportedView.model_validate(await services.dnd.import_csv(user.id, text, first_line))


@router.post("/{entry_id}/removal", status_code=204)
async def remove_entry(entry_id: UUID, body: m.RemovalRequest, user: SignedIn, services: TheServices) -> None:
    """Take an entry off your list; the reason is kept with what the entry said."""
    await services.dnd.remove(user.id, entry_id, body.reason)
