"""`/api/imports`: a file of contacts is sent, looked at, checked and put into the plan of a chat."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse

from opendeep.common.errors import UserMistake
from opendeep.task_manager.contact_import_svc import Mapping
from opendeep.web_interface import api_models as m
from opendeep.web_interface.dependencies import SignedIn, TheServices
from opendeep.web_interface.models_imports import (
    ColumnView,
    ImportCheckView,
    ImportMapping,
    ImportView,
    PreviewRow,
    RowProblemView,
)
from opendeep.web_interface.routes_api import ERRORS, reply_view

UPLOAD_DEADLINE_S = 300.0
router = APIRouter(prefix="/api/imports", responses=ERRORS)


@router.post("")
async def upload(
    request: Request, user: SignedIn, services: TheServices, file_name: Annotated[str, Query(max_length=500)] = ""
) -> ImportView:
    """Send a file (CSV or XLSX, up to 25 MB) as the request's body; answers with what its columns seem to be."""
    try:
        async with asyncio.timeout(UPLOAD_DEADLINE_S):
            look = await services.imports.upload(user.id, file_name, request.stream())
    except TimeoutError:
        raise UserMistake(f"The file did not arrive within {UPLOAD_DEADLINE_S:.0f} seconds.") from None
    return ImportView(
        id=look.id,
        name=look.name,
        kind=look.kind,
        has_headings=look.columns.has_headings,
        columns=[ColumnView(heading=one.heading, meaning=one.meaning) for one in look.columns.columns],
        rows=[PreviewRow(line=row.line, cells=[cell[:200] for cell in row.cells]) for row in look.rows],
    )


def _mapping(body: ImportMapping) -> Mapping:
    return Mapping(body.has_headings, tuple(body.columns))


@router.post("/{import_id}/check")
async def check(import_id: UUID, body: ImportMapping, user: SignedIn, services: TheServices) -> ImportCheckView:
    """A dry run over all rows. A large file takes many seconds."""
    tally = await services.imports.check(user.id, import_id, _mapping(body), body.chat_id)
    return ImportCheckView(
        rows=tally.rows,
        ready=tally.ready,
        wrong=tally.wrong,
        duplicates=tally.duplicates,
        problems=[RowProblemView(line=one.line, column=one.column, message=one.message) for one in tally.problems],
    )


@router.get("/{import_id}/errors.csv", response_class=FileResponse)
async def errors(import_id: UUID, user: SignedIn, services: TheServices) -> FileResponse:
    """Everything that the last check found, one line each; no cell is a formula."""
    path = services.imports.errors(user.id, import_id)
    return FileResponse(path, media_type="text/csv; charset=utf-8", filename="import-problems.csv")


@router.post("/{import_id}/use")
async def use(import_id: UUID, body: ImportMapping, user: SignedIn, services: TheServices) -> m.ChatReplyView:
    """All good rows become contacts of the chat's plan; answers with its next version. The file is deleted."""
    reply = await services.imports.use(user.id, import_id, _mapping(body), body.chat_id)
    return reply_view(reply, user)


@router.delete("/{import_id}", status_code=204)
async def discard(import_id: UUID, user: SignedIn, services: TheServices) -> None:
    """Forget the file."""
    services.imports.discard(user.id, import_id)
