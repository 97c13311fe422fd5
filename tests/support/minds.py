"""The offline minds behind real HTTP, and a provider that plays scripted answers on the wire."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from opendeep.offline.minds import routes

START_DEADLINE_S = 60.0


class _Server(uvicorn.Server):
    """Leaves the signals alone and tells when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextlib.asynccontextmanager
async def serving(app_routes: list[BaseRoute]) -> AsyncIterator[str]:
    """Serve on a free port; yields `http://127.0.0.1:port/v1`."""
    config = uvicorn.Config(
        Starlette(routes=app_routes), host="127.0.0.1", port=0, lifespan="off", log_config=None, access_log=False
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(), name="test-http-server")
    try:
        async with asyncio.timeout(START_DEADLINE_S):
            await server.ready.wait()
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True
        server.force_exit = True
        await task


@contextlib.asynccontextmanager
async def offline_minds() -> AsyncIterator[str]:
    """The offline minds alone, without the voice."""
    async with serving(list(routes())) as url:
        yield url


Answer = Response | Callable[[Request], Awaitable[Response]]


@dataclass
class ScriptedProvider:
    """Answers POSTs in the order given (the last answer repeats) and records what was asked."""

    answers: list[Answer]
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def play(self, request: Request) -> Response:
        self.requests.append(orjson.loads(await request.body()))
        self.headers.append(dict(request.headers))
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        return answer if isinstance(answer, Response) else await answer(request)

    def serving(self) -> contextlib.AbstractAsyncContextManager[str]:
        return serving([Route("/{path:path}", self.play, methods=["POST"])])


def completion(
    content: str | None, *, finish: str = "stop", refusal: str | None = None, calls: list[dict[str, Any]] | None = None
) -> Response:
    """A Chat Completions answer."""
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": refusal}
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    document = {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    return json_response(document)


def tool_call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def failure(status: int, code: str | None = None, headers: dict[str, str] | None = None) -> Response:
    """An error as OpenAI shapes it."""
    error = {"message": "scripted", "type": "scripted_error", "param": None, "code": code}
    return json_response({"error": error}, status, headers)


def json_response(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(document), status, headers, media_type="application/json")


class Streamed(Response):
    """A Chat Completions answer as a stream; an `Event` among the pieces is waited for. `begun` and `left` tell that
    the client has asked, and that it has gone before the end."""

    def __init__(self, chunks: Sequence[dict[str, Any] | asyncio.Event]) -> None:
        super().__init__()
        self._chunks = chunks
        self.begun, self.left = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = StreamingResponse(self._body(), media_type="text/event-stream")
        await response(scope, receive, send)

    async def _body(self) -> AsyncIterator[bytes]:
        self.begun.set()
        try:
            for chunk in self._chunks:
                if isinstance(chunk, asyncio.Event):
                    await chunk.wait()
                else:
                    yield b"data: " + orjson.dumps(chunk) + b"\n\n"
            yield b"data: [DONE]\n\n"
        except (asyncio.CancelledError, GeneratorExit):
            self.left.set()
            raise


def streamed(
    pieces: Sequence[str | asyncio.Event],
    *,
    calls: Sequence[dict[str, Any]] = (),
    finish: str | None = "stop",
    refusal: str | None = None,
    indexed: bool = True,
) -> Streamed:
    """A streamed answer whose content comes in these pieces; `calls` in pieces by their index, or whole without one."""
    deltas: list[dict[str, Any] | asyncio.Event] = [{"role": "assistant", "content": "", "refusal": refusal}]
    deltas += [piece if isinstance(piece, asyncio.Event) else {"content": piece} for piece in pieces]
    for index, call in enumerate(calls):
        if not indexed:
            deltas.append({"tool_calls": [call]})
            continue
        function = call["function"]
        deltas.append({"tool_calls": [{"index": index, **call, "function": {**function, "arguments": ""}}]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": c}}]} for c in function["arguments"]]
    chunks = [delta if isinstance(delta, asyncio.Event) else _chunk(delta, None) for delta in deltas]
    if finish is not None:
        chunks.append(_chunk({}, "tool_calls" if calls else finish))
    return Streamed(chunks)


def _chunk(delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
