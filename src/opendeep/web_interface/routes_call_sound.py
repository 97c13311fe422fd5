"""`GET /api/calls/{id}/peaks`: a recording as two rows of loudness, for its waveform."""

from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel

from opendeep.web_interface.dependencies import SignedIn, TheServices

router = APIRouter(prefix="/api")


class PeaksView(BaseModel):
    """The loudest sample of each of equal parts of the recording, 0 to 1; `seconds` of sound in all."""

    seconds: float
    callee: list[float]
    ai: list[float]


@router.get("/calls/{call_id}/peaks")
async def call_peaks(call_id: UUID, response: Response, user: SignedIn, services: TheServices) -> PeaksView:
    """404 for a call without a recording."""
    response.headers["Cache-Control"] = "private, no-store"
    return PeaksView.model_validate(await services.call_sound.peaks(user.id, call_id))
