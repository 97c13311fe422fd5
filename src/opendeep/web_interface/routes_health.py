"""`/healthz` (the process answers) and `/readyz` (each part that it needs). For supervisors and load balancers."""

from fastapi import APIRouter, Response

from opendeep.web_interface.api_models import PartView
from opendeep.web_interface.dependencies import TheServices

router = APIRouter()
SERVICE_UNAVAILABLE = 503


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/readyz", responses={SERVICE_UNAVAILABLE: {"model": dict[str, PartView]}})
async def readyz(response: Response, services: TheServices) -> dict[str, PartView]:
    """503 while a part is down; the body says which and why."""
    parts = {name: PartView.model_validate(part) for name, part in (await services.status.ready()).items()}
    if not all(part.ok for part in parts.values()):
        response.status_code = SERVICE_UNAVAILABLE
    return parts
