"""The key that clients must show where the server was given one, and refusals in the vendor's shape.

Owns reading the key from a header, or from the subprotocol that browsers use because they cannot set headers.
"""

from __future__ import annotations

import hmac
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

SUBPROTOCOL_KEY: Final = "openai-insecure-api-key."
OPEN_PATHS: Final = frozenset({"/healthz"})


def refusal(message: str, *, status: int, param: str | None = None, code: str | None = None) -> JSONResponse:
    """An error as OpenAI's HTTP API has it."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    body = {"message": message, "type": kind, "param": param, "code": code}
    return JSONResponse({"error": body}, status)


class KeyGuard:
    """ASGI middleware: lets nobody through without the key."""

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        self._app = app
        self._key = api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in OPEN_PATHS or self._shown(scope):
            await self._app(scope, receive, send)
            return
        answer = refusal("Incorrect API key provided.", status=401, code="invalid_api_key")
        if scope["type"] == "http":
            await answer(scope, receive, send)
        else:
            await WebSocket(scope, receive, send).send_denial_response(answer)

    def _shown(self, scope: Scope) -> bool:
        header = HTTPConnection(scope).headers.get("authorization", "")
        shown = [header.removeprefix("Bearer ")] if header.startswith("Bearer ") else []
        offered = scope.get("subprotocols") or ()
        shown += [name.removeprefix(SUBPROTOCOL_KEY) for name in offered if name.startswith(SUBPROTOCOL_KEY)]
        return any(hmac.compare_digest(key.encode(), self._key) for key in shown)
