"""The page's WebSocket on a real server: who may open it, what it relays, what a slow or lost page gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from opendeep.common.channels import user_events
from opendeep.web_interface import events_socket
from tests.support.web_world import WebWorld, serving, web_world

DEADLINE_S = 60.0


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[WebWorld]:
    async with web_world(tmp_path) as built:
        yield built


@pytest.fixture
async def url(world: WebWorld) -> AsyncIterator[str]:
    async with serving(world.app) as address:
        yield address


async def cookie(url: str, name: str) -> str:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        await client.post("/api/session", json={"user_name": name})
        return "; ".join(f"{key}={value}" for key, value in client.cookies.items())


def open_socket(url: str, cookies: str | None, origin: str | None = "same") -> connect:
    headers = {"Cookie": cookies} if cookies else {}
    address = url.replace("http", "ws", 1) + "/api/events"
    return connect(address, additional_headers=headers, origin=url if origin == "same" else origin, proxy=None)  # type: ignore[arg-type]


async def receive(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(DEADLINE_S):
        data: dict[str, Any] = orjson.loads(await socket.recv())
        return data


async def until_empty(world: WebWorld) -> None:
    """Wait until the server has noticed that every page has gone."""
    async with asyncio.timeout(DEADLINE_S):
        while world.bell._subscribers:  # noqa: ASYNC110 - the bell has no event for it
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("signed_in", "origin"),
    [(False, "same"), (True, "http://evil.test"), (True, None), (True, "null")],
)
async def test_strangers_and_foreign_pages_are_refused(url: str, signed_in: bool, origin: str | None) -> None:
    cookies = await cookie(url, "Maria") if signed_in else None
    with pytest.raises(InvalidStatus) as refused:
        async with open_socket(url, cookies, origin):
            pass
    assert refused.value.response.status_code == 403


async def test_a_forged_cookie_is_refused(url: str) -> None:
    cookies = await cookie(url, "Maria")
    with pytest.raises(InvalidStatus):
        async with open_socket(url, cookies[:-4] + "AAAA"):
            pass


async def test_each_page_gets_its_own_users_events_and_nothing_else(world: WebWorld, url: str) -> None:
    maria, eve = await cookie(url, "Maria"), await cookie(url, "Eve")
    async with open_socket(url, maria) as first, open_socket(url, maria) as second, open_socket(url, eve) as other:
        hellos = [await receive(page) for page in (first, second, other)]
        assert [hello["user"]["name"] for hello in hellos] == ["Maria", "Maria", "Eve"]
        marias, eves = UUID(hellos[0]["user"]["id"]), UUID(hellos[2]["user"]["id"])
        await world.bell.ring(user_events(marias), {"type": "event", "text": "for Maria"})
        await world.bell.ring(user_events(eves), {"type": "event", "text": "for Eve"})
        texts = [(await receive(page))["text"] for page in (first, second, other)]
        assert texts == ["for Maria", "for Maria", "for Eve"]
    await until_empty(world)


async def test_nothing_is_lost_or_reordered_on_the_way(world: WebWorld, url: str) -> None:
    cookies = await cookie(url, "Maria")
    user_id = await world.user_id("Maria")
    async with open_socket(url, cookies) as page:
        assert (await receive(page))["type"] == "hello"
        for number in range(200):
            await world.bell.ring(user_events(user_id), {"type": "event", "number": number})
        assert [(await receive(page))["number"] for _ in range(200)] == list(range(200))


async def test_a_page_that_fell_behind_is_told_to_fetch_again(world: WebWorld, url: str) -> None:
    cookies = await cookie(url, "Maria")
    user_id = await world.user_id("Maria")
    async with open_socket(url, cookies) as page:
        await receive(page)
        for number in range(events_socket.CAPACITY * 2):  # rung without letting the relay run
            world.bell._deliver(user_events(user_id), {"type": "event", "number": number})
        assert await receive(page) == {"type": "resync"}
        await world.bell.ring(user_events(user_id), {"type": "event", "number": -1})
        assert (await receive(page))["number"] == -1
    await until_empty(world)


async def test_what_a_page_sends_changes_nothing(world: WebWorld, url: str) -> None:
    cookies = await cookie(url, "Maria")
    user_id = await world.user_id("Maria")
    async with open_socket(url, cookies) as page:
        await receive(page)
        await page.send("{" * 10_000)
        await page.send(b"\x00\xff")
        await world.bell.ring(user_events(user_id), {"type": "event", "text": "still here"})
        assert (await receive(page))["text"] == "still here"


async def test_a_user_has_a_bounded_number_of_pages(world: WebWorld, url: str) -> None:
    cookies = await cookie(url, "Maria")
    pages = [await open_socket(url, cookies) for _ in range(events_socket.MAX_PAGES_PER_USER)]
    try:
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            await open_socket(url, cookies)
        async with open_socket(url, await cookie(url, "Eve")) as other:
            assert (await receive(other))["type"] == "hello"
    finally:
        for page in pages:
            await page.close()
    await until_empty(world)
    async with open_socket(url, cookies) as page:
        assert (await receive(page))["type"] == "hello"


async def test_a_page_is_refused_while_the_database_is_away(world: WebWorld, url: str) -> None:
    cookies = await cookie(url, "Maria")
    await world.db.close()
    for file in world.config.data_dir.glob("web.db*"):
        file.unlink()
    (world.config.data_dir / "web.db").mkdir()
    with pytest.raises(InvalidStatus) as refused:
        async with open_socket(url, cookies):
            pass
    assert refused.value.response.status_code == 503


async def test_an_open_page_does_not_hold_up_the_end_of_the_server(world: WebWorld) -> None:
    async with asyncio.timeout(DEADLINE_S):
        async with serving(world.app) as address:
            page = await open_socket(address, await cookie(address, "Maria"))
            await receive(page)
        with pytest.raises(ConnectionClosed):
            await page.recv()
    await until_empty(world)


async def test_a_message_of_a_megabyte_gets_its_413_over_a_real_connection(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        answer = await client.post("/api/chat", json={"message": "x" * 1_000_000})
        assert answer.status_code == 413
        assert (await client.get("/healthz")).status_code == 200
