"""`create_app`: the FastAPI application from the services it serves. Owns no lifetimes and builds no services."""

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from opendeep import __version__
from opendeep.common.clock import Clock, SystemClock
from opendeep.config.app_config import AppConfig
from opendeep.web_interface import (
    call_audio_socket,
    error_answers,
    events_socket,
    phone_socket,
    routes_api,
    routes_call_sound,
    routes_calls,
    routes_campaigns,
    routes_chat,
    routes_contacts,
    routes_dnd,
    routes_health,
    routes_imports,
    routes_lifecycle,
    routes_overview,
    routes_rehearsals,
    routes_reports,
    routes_settings,
    routes_ui,
)
from opendeep.web_interface.events_socket import PageCounter
from opendeep.web_interface.http_boundary import BodyLimit, RequestBoundary, SameOrigin, SecurityHeaders
from opendeep.web_interface.services import Services
from opendeep.web_interface.sessions import SessionCookies, load_or_make_key
from opendeep.web_interface.trusted_hosts import TrustedHosts


def create_app(services: Services, config: AppConfig, clock: Clock | None = None) -> FastAPI:
    """The whole web interface. Without `SECRET_KEY` the session key is made once and kept in `DATA_DIR`."""
    app = FastAPI(
        title="OpenDeep",
        version=__version__,
        description="AI outbound calling: from a chat to a phone call to a report with evidence.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # the ready-made pages load scripts from elsewhere
        redoc_url=None,
    )
    key = config.secret_key.get_secret_value() if config.secret_key else load_or_make_key(config.data_dir)
    app.state.services = services
    app.state.clock = clock or SystemClock()
    app.state.cookies = SessionCookies(key, app.state.clock)
    app.state.pages = PageCounter()
    app.state.ears = PageCounter()
    app.state.phones = PageCounter()
    app.state.default_user_name = config.default_user_name
    error_answers.install(app)
    pages = (
        routes_ui,
        routes_health,
        routes_campaigns,
        routes_api,
        routes_chat,
        routes_calls,
        routes_call_sound,
        routes_overview,
        routes_rehearsals,
        routes_lifecycle,
        routes_contacts,
        routes_dnd,
        routes_settings,
        routes_reports,
        routes_imports,
    )
    for part in (*pages, events_socket, call_audio_socket, phone_socket):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=routes_ui.STATIC_DIR), name="static")
    # Each layer is outside the one before it.
    app.add_middleware(BodyLimit)
    app.add_middleware(SameOrigin)
    app.add_middleware(TrustedHosts, allowed=config.web_allowed_hosts)
    app.add_middleware(RequestBoundary)
    app.add_middleware(SecurityHeaders)
    return app
