"""The offline server: one HTTP server that speaks the providers' protocols on loopback.

Owns the routes (`/v1/realtime`, `/v1/models`, `/healthz`, and the text minds' `/v1/chat/completions`), the socket and
the life of uvicorn. Runs inside a process (`async with OfflineServer(...)`) or as one (`python -m opendeep.offline`).
What is said on a call lives in `script`, how events look in `realtime`.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import TracebackType
from typing import Final, Self

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from opendeep.offline.api_key import KeyGuard, refusal
from opendeep.offline.realtime.connection import ConnectionLimits, RealtimeConnection
from opendeep.offline.realtime.ports import Disconnected, Engines, Mind

DEFAULT_PORT: Final = 8203
DEFAULT_MODEL: Final = "offline-scripted"
MODEL: Final = {"id": DEFAULT_MODEL, "object": "model", "created": 0, "owned_by": "opendeep"}
MAX_MESSAGE_BYTES: Final = 21 * 1024 * 1024  # 15 MiB of audio in base64, and its envelope
MAX_SESSIONS: Final = 128
START_DEADLINE_S: Final = 10.0
STOP_DEADLINE_S: Final = 5.0
CLOSE_BETA_SHAPE: Final = 4000  # the vendor's close code for clients of the dead beta protocol
CLOSE_TRY_LATER: Final = 1013
CLOSE_GOING_AWAY: Final = 1001

logger = structlog.get_logger(__name__)


class OfflineServer:
    """The server as an async context manager. `engines` stays the caller's: open before, closed after."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        engines: Engines,
        limits: ConnectionLimits | None = None,
        max_sessions: int = MAX_SESSIONS,
        text_routes: Sequence[BaseRoute] | None = None,
        mind: Mind | None = None,
        api_key: str = "",
    ) -> None:
        """`text_routes`: what answers beside Realtime; None takes the routes of the text minds. `mind`: a language
        model for sessions without a call brief. `api_key`: what clients must show; "" takes everybody."""
        self._mind = mind
        self._api_key = api_key
        self._text_routes = text_routes
        self._host = host
        self._port = port
        self._engines = engines
        self._limits = limits or ConnectionLimits()
        self._max_sessions = max_sessions
        self._sessions: set[RealtimeConnection] = set()
        self._uvicorn: _Uvicorn | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port in use; with `port=0` known after the start."""
        return self._port

    @property
    def base_url(self) -> str:
        """What a client takes as `base_url`: `http://host:port/v1`."""
        return f"http://{self._authority}/v1"

    @property
    def realtime_url(self) -> str:
        """The Realtime WebSocket: `ws://host:port/v1/realtime`."""
        return f"ws://{self._authority}/v1/realtime"

    @property
    def _authority(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    async def start(self) -> None:
        """Bind and serve. Raises OSError when the address is taken, TimeoutError when serving does not begin."""
        app = self.app()
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.create_server((self._host, self._port), family=family)
        self._port = listener.getsockname()[1]
        server = _Uvicorn(
            uvicorn.Config(
                app,
                ws="websockets-sansio",
                ws_max_size=MAX_MESSAGE_BYTES,
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=int(STOP_DEADLINE_S),
            )
        )
        self._uvicorn = server
        self._serving = asyncio.create_task(server.serve(sockets=[listener]), name="offline-server")
        ready = asyncio.create_task(server.ready.wait(), name="offline-server-ready")
        done, _ = await asyncio.wait(
            {ready, self._serving}, timeout=START_DEADLINE_S, return_when=asyncio.FIRST_COMPLETED
        )
        ready.cancel()
        if ready not in done:
            await self.stop()
            raise TimeoutError("the offline server did not begin to serve")
        logger.info("offline_server_ready", base_url=self.base_url)

    async def stop(self) -> None:
        """Close every session and stop serving. Idempotent."""
        serving, self._serving = self._serving, None
        if serving is None or self._uvicorn is None:
            return
        self._uvicorn.should_exit = True
        try:
            async with asyncio.timeout(2 * STOP_DEADLINE_S):
                await serving
        except TimeoutError:
            logger.warning("offline_server_killed", sessions=len(self._sessions))

    async def serve_forever(self) -> None:
        """Return when the server has stopped; raises what stopped it."""
        if self._serving is not None:
            await asyncio.shield(self._serving)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def app(self) -> Starlette:
        """The ASGI application."""
        routes: list[BaseRoute] = [
            Route("/healthz", self._health),
            Route("/v1/models", self._models),
            Route("/v1/models/{name}", self._model),
            WebSocketRoute("/v1/realtime", self._realtime),
            *(_mind_routes() if self._text_routes is None else self._text_routes),
        ]
        guard = [Middleware(KeyGuard, api_key=self._api_key)] if self._api_key else []
        return Starlette(routes=routes, middleware=guard, exception_handlers={HTTPException: _as_openai_says_it})

    async def _health(self, request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "realtime_sessions": len(self._sessions)})

    async def _models(self, request: Request) -> JSONResponse:
        return JSONResponse({"object": "list", "data": [MODEL]})

    async def _model(self, request: Request) -> JSONResponse:
        name = request.path_params["name"]
        if name != DEFAULT_MODEL:
            return refusal(f"The model '{name}' does not exist.", status=404, param="model", code="model_not_found")
        return JSONResponse(MODEL)

    async def _realtime(self, websocket: WebSocket) -> None:
        """One Realtime client from its handshake to its close."""
        offered = websocket.scope.get("subprotocols", [])
        await websocket.accept(subprotocol="realtime" if "realtime" in offered else None)
        if "realtime" in websocket.headers.get("openai-beta", ""):
            await websocket.close(CLOSE_BETA_SHAPE, "beta_api_shape_disabled")
            return
        if len(self._sessions) >= self._max_sessions:
            await websocket.close(CLOSE_TRY_LATER, "session_limit_reached")
            return
        connection = RealtimeConnection(
            _StarletteSocket(websocket),
            self._engines,
            model=websocket.query_params.get("model", DEFAULT_MODEL),
            stem=secrets.token_hex(4),
            now_s=time.time(),
            limits=self._limits,
            mind=self._mind,
        )
        self._sessions.add(connection)
        try:
            await connection.run()
        finally:
            self._sessions.discard(connection)


def _mind_routes() -> list[Route]:
    """The routes of the text minds: a part of its own, mounted when it is there."""
    if find_spec("opendeep.offline.minds") is None:
        logger.warning("offline_minds_missing")
        return []
    minds = import_module("opendeep.offline.minds")
    return list(minds.routes())


async def _as_openai_says_it(request: Request, error: Exception) -> JSONResponse:
    """Unknown addresses and methods, in the vendor's shape."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = f"Invalid URL ({request.method} {request.url.path}); see the protocol table of docs/offline.md."
    return refusal(message, status=status, code="unknown_url")


class _Uvicorn(uvicorn.Server):
    """Uvicorn that leaves the signals to the process it runs in and tells when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class _StarletteSocket:
    """Starlette's WebSocket as the connection needs it."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def receive(self) -> str | bytes:
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            raise Disconnected
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise Disconnected
        text = message.get("text")
        return str(text) if text is not None else bytes(message["bytes"])

    async def send(self, text: str) -> None:
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            raise Disconnected
        try:
            await self._websocket.send_text(text)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise Disconnected from error

    async def close(self, code: int, reason: str) -> None:
        if self._websocket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await self._websocket.close(code, reason)
