"""Limits, origin and headers of every request, and the last boundary for errors nobody expected."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from opendeep.web_interface.http_boundary import (
    CONTENT_SECURITY_POLICY,
    MAX_BODY_BYTES,
    MAX_DISCARDED_BYTES,
    BodyLimit,
    RequestBoundary,
    SameOrigin,
)
from tests.support.web_world import WebWorld

SECRET = "the inside of the house"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message["body"]
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(len(body)).encode()})


def client(app: object) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://here.test", trust_env=False)  # type: ignore[arg-type]


async def chunks(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


async def test_a_body_at_the_limit_passes_whole() -> None:
    async with client(BodyLimit(echo)) as http:
        assert (await http.post("/", content=b"x" * MAX_BODY_BYTES)).text == str(MAX_BODY_BYTES)
        assert (await http.post("/", content=chunks(256, 1024))).text == str(MAX_BODY_BYTES)


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 1_000_000, MAX_DISCARDED_BYTES + 1])
async def test_a_body_above_the_limit_is_413(size: int) -> None:
    async with client(BodyLimit(echo)) as http:
        answer = await http.post("/", content=b"x" * size)
        assert answer.status_code == 413
        assert "at most 256 kB" in answer.json()["error"]["message"]


async def test_a_streamed_body_without_length_cannot_pass_the_limit() -> None:
    async with client(BodyLimit(echo)) as http:
        assert (await http.post("/", content=chunks(40, 1_000_000))).status_code == 413


async def test_a_client_that_goes_away_reaches_no_route() -> None:
    reached: list[Scope] = []
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await BodyLimit(app)({"type": "http", "method": "POST", "headers": []}, receive, send)
    assert (reached, sent) == ([], [])


@pytest.mark.parametrize(
    "origin", ["http://evil.test", "null", "http://here.test.evil.test", "http://here.test:81", "", "http://["]
)
async def test_another_sites_page_cannot_change_anything(origin: str) -> None:
    async with client(SameOrigin(echo)) as http:
        answer = await http.post("/", headers={"Origin": origin})
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "ForeignOrigin"


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://here.test"}, {"Origin": "https://here.test"}])
async def test_our_own_page_and_programs_can(headers: dict[str, str]) -> None:
    async with client(SameOrigin(echo)) as http:
        assert (await http.post("/", headers=headers)).status_code == 200


async def test_an_unexpected_error_shows_nothing_of_the_inside(capsys: pytest.CaptureFixture[str]) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError(SECRET)

    async with client(RequestBoundary(broken)) as http:
        answer = await http.get("/")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "InternalError"
    assert SECRET not in answer.text
    log = capsys.readouterr()
    assert SECRET in log.out + log.err  # with its traceback; where logs go depends on whether they were set up before


@pytest.mark.parametrize("path", ["/", "/api/status", "/api/session", "/static/css/style.css", "/nowhere", "/healthz"])
async def test_every_answer_carries_the_security_headers(world: WebWorld, path: str) -> None:
    async with client(world.app) as http:
        headers = (await http.get(path)).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == ("no-store" if path.startswith("/api/") else "no-cache")
