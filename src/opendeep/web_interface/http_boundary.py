"""What every request passes before a route and every answer after it: limits, origin, headers, the last `except`.

Plain ASGI, so that streams, ranges and WebSockets pass untouched. Which error has which status is on the error classes.
"""

import asyncio
from urllib.parse import urlsplit

import orjson
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 256 * 1024
MAX_DISCARDED_BYTES = 8 * 1024 * 1024  # read and thrown away, so that the client can still read our 413
BODY_DEADLINE_S = 30.0
STREAMED = frozenset({"/api/imports"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "media-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}


def error_body(code: str, message: str) -> bytes:
    """The one shape of every error answer."""
    return orjson.dumps({"error": {"code": code, "message": message}})


async def send_error(send: Send, status: int, code: str, message: str) -> None:
    """A whole error answer, for places where no route runs."""
    body = error_body(code, message)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class SecurityHeaders:
    """Adds the headers to every HTTP answer; answers of the API are never cached."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store" if scope["path"].startswith("/api/") else "no-cache")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class RequestBoundary:
    """The named boundary of one request: an unexpected error is logged and answered without internals."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except Exception:  # boundary: one request
            log.exception("request.failed", method=scope["method"], path=scope["path"])
            if started:
                raise  # the answer is half sent: only closing the connection tells the client
            message = "Something went wrong on our side. It is in the log; please try again."
            await send_error(send, 500, "InternalError", message)


class SameOrigin:
    """Refuses what another site's page sends: changing requests and WebSockets with a foreign `Origin`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and not self._allowed(scope, absent=True):
            await send_error(send, 403, "ForeignOrigin", "This request came from another site's page and was refused.")
        elif scope["type"] == "websocket" and not self._allowed(scope, absent=False):
            await receive()  # websocket.connect
            await send({"type": "websocket.close", "code": 1008, "reason": "foreign origin"})  # before accept: HTTP 403
        else:
            await self._app(scope, receive, send)

    @staticmethod
    def _allowed(scope: Scope, *, absent: bool) -> bool:
        """Whether `Origin` names the host that the request came to; `absent` says what a missing one means.

        Only the host and port are compared: a proxy that ends TLS changes the scheme.
        """
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None:
            return absent
        try:
            return urlsplit(origin).netloc.lower() == headers.get("host", "").lower() != ""
        except ValueError:  # no browser sends such an origin
            return False


class _BodyTooLarge(Exception):
    pass


class _BodyTooSlow(Exception):
    pass


class BodyLimit:
    """Bodies up to `MAX_BODY_BYTES` within `BODY_DEADLINE_S`; larger ones are 413, slower ones 408.

    The routes in `STREAMED` bound their bodies themselves, as they write them to the disk.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS or scope.get("path") in STREAMED:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(receive, Headers(scope=scope).get("content-length", ""))
        except _BodyTooLarge:
            limit = MAX_BODY_BYTES // 1024
            await send_error(send, 413, "TooLarge", f"This is too large: please send at most {limit} kB at once.")
            return
        except _BodyTooSlow:
            await send_error(send, 408, "TooSlow", f"The request did not arrive within {BODY_DEADLINE_S:.0f} seconds.")
            return
        if body is None:
            return  # the client went away
        await self._app(scope, self._replay(body, receive), send)

    @staticmethod
    async def _read(receive: Receive, announced: str) -> bytes | None:
        """The whole body, None when the client went away."""
        if announced.isdecimal() and int(announced) > MAX_DISCARDED_BYTES:
            raise _BodyTooLarge
        chunks: list[bytes] = []
        size, more = 0, True
        try:
            async with asyncio.timeout(BODY_DEADLINE_S):
                while more and size <= MAX_DISCARDED_BYTES:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    chunk, more = message.get("body", b""), message.get("more_body", False)
                    size += len(chunk)
                    if size <= MAX_BODY_BYTES:
                        chunks.append(chunk)
        except TimeoutError:
            raise _BodyTooSlow from None
        if size > MAX_BODY_BYTES:
            raise _BodyTooLarge
        return b"".join(chunks)

    @staticmethod
    def _replay(body: bytes, receive: Receive) -> Receive:
        delivered = False

        async def receive_body() -> Message:
            nonlocal delivered
            if delivered:
                return await receive()
            delivered = True
            return {"type": "http.request", "body": body, "more_body": False}

        return receive_body
