"""Which names this server answers to: the guard against DNS rebinding.

A hostile page can make its own name point to 127.0.0.1; its requests then look like ours to `SameOrigin`, because
Origin and Host agree. What it cannot fake is the name itself: so a `Host` must be an IP address, `localhost`, or a name
from WEB_ALLOWED_HOSTS.
"""

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from opendeep.web_interface.http_boundary import send_error

ALWAYS = frozenset({"localhost"})


class TrustedHosts:
    """Refuses requests and sockets that came to a foreign name."""

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = ALWAYS | {name.lower() for name in allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._trusted(Headers(scope=scope).get("host", "")):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()  # websocket.connect
            await send({"type": "websocket.close", "code": 1008, "reason": "unknown host name"})
        else:
            message = "This server does not answer to that name. Add it to WEB_ALLOWED_HOSTS."
            await send_error(send, 421, "UnknownHost", message)

    def _trusted(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name.lower() in self._allowed:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True
