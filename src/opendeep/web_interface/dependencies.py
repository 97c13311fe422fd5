"""What routes ask for: the services, the cookies, the signed-in user."""

from typing import Annotated

import structlog
from fastapi import Depends
from starlette.requests import HTTPConnection

from opendeep.common.data_models import User
from opendeep.common.errors import NotFound, NotSignedIn
from opendeep.web_interface.services import Services
from opendeep.web_interface.sessions import COOKIE_NAME, SessionCookies

SIGN_IN_FIRST = "Please choose a name and send a message first."


def services_of(connection: HTTPConnection) -> Services:
    services: Services = connection.app.state.services
    return services


def cookies_of(connection: HTTPConnection) -> SessionCookies:
    cookies: SessionCookies = connection.app.state.cookies
    return cookies


async def user_or_none(connection: HTTPConnection) -> User | None:
    """The tenant of the cookie, None without a good one or when the database does not know it any more."""
    user_id = cookies_of(connection).read(connection.cookies.get(COOKIE_NAME))
    if user_id is None:
        return None
    try:
        user = await services_of(connection).campaigns.user(user_id)
    except NotFound:
        return None
    structlog.contextvars.bind_contextvars(user_id=str(user.id))
    return user


async def signed_in(user: Annotated[User | None, Depends(user_or_none)]) -> User:
    """Raises `NotSignedIn` (401)."""
    if user is None:
        raise NotSignedIn(SIGN_IN_FIRST)
    return user


TheServices = Annotated[Services, Depends(services_of)]
TheCookies = Annotated[SessionCookies, Depends(cookies_of)]
MaybeUser = Annotated[User | None, Depends(user_or_none)]
SignedIn = Annotated[User, Depends(signed_in)]
