"""The pages: templates and their static files. No build step, nothing from elsewhere."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates

from opendeep import __version__
from opendeep.web_interface.dependencies import MaybeUser

HERE = Path(__file__).parent
STATIC_DIR = HERE / "static"
TEMPLATES = Jinja2Templates(directory=HERE / "templates")
CHAT = "/"

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its template is `NAME.html`, its module `static/js/pages/NAME.js`.

    `label` is its word in the navigation, empty for a page that is reached from another one.
    """

    path: str
    name: str
    title: str
    label: str = ""


PAGES = (
    Page("/home", "home", "Home", "Home"),
    Page("/needs-you", "needs_you", "Needs you", "Needs you"),
    Page("/campaigns", "campaigns", "Campaigns", "Campaigns"),
    Page("/campaigns/{campaign_id:uuid}", "campaign", "Campaign"),
    Page("/calls/{call_id:uuid}", "call", "Call"),
    Page("/reports", "reports", "Reports", "Reports"),
    Page("/rehearsals", "rehearsals", "Rehearsals", "Rehearsals"),
    Page("/contacts", "contacts", "Contacts and memory", "Contacts"),
    Page("/dnd", "dnd", "Do not call", "Do not call"),
    Page("/lines", "lines", "Lines and trunks", "Lines"),
    Page("/lifecycle", "lifecycle", "Lifecycle", "Lifecycle"),
    Page("/settings", "settings", "Settings", "Settings"),
)
NAVIGATION = (Page(CHAT, "index", "Chat", "Chat"), *PAGES)


@router.get(CHAT)
async def index(request: Request) -> Response:
    """The chat window; who is signed in and what happens is fetched by the page itself."""
    values = {
        "default_user_name": request.app.state.default_user_name,
        "version": __version__,
        "pages": NAVIGATION,
        "here": CHAT,
    }
    return TEMPLATES.TemplateResponse(request, "index.html", values)


def _shown(page: Page) -> Callable[[Request, MaybeUser], Awaitable[Response]]:
    async def show(request: Request, user: MaybeUser) -> Response:
        if user is None:
            return RedirectResponse(CHAT, status_code=303)
        values = {
            "title": page.title,
            "script": page.name,
            "here": page.path,
            "pages": NAVIGATION,
            "user_name": user.name,
            "version": __version__,
        }
        return TEMPLATES.TemplateResponse(request, f"{page.name}.html", values)

    return show


for _page in PAGES:
    router.add_api_route(_page.path, _shown(_page), methods=["GET"], name=_page.name)
