"""The page: one template and its static files. No build step, nothing from elsewhere."""

from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.templating import Jinja2Templates

from opendeep import __version__

HERE = Path(__file__).parent
STATIC_DIR = HERE / "static"
TEMPLATES = Jinja2Templates(directory=HERE / "templates")

router = APIRouter(include_in_schema=False)


@router.get("/")
async def index(request: Request) -> Response:
    """The chat window; who is signed in and what happens is fetched by the page itself."""
    values = {"default_user_name": request.app.state.default_user_name, "version": __version__}
    return TEMPLATES.TemplateResponse(request, "index.html", values)
