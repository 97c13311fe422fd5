"""A page's view of a fresh world: the app in this process, one HTTP client per person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from tests.support.web_world import WebWorld, web_world

Person = Callable[[], httpx.AsyncClient]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[WebWorld]:
    async with web_world(tmp_path) as built:
        yield built


@pytest.fixture
async def person(world: WebWorld) -> AsyncIterator[Person]:
    """Makes clients with cookie jars of their own."""
    clients: list[httpx.AsyncClient] = []

    def make() -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=world.app)
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://localhost", trust_env=False))
        return clients[-1]

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
def stranger(person: Person) -> httpx.AsyncClient:
    """Somebody without a session."""
    return person()


@pytest.fixture
async def maria(person: Person) -> httpx.AsyncClient:
    """Somebody signed in."""
    client = person()
    assert (await client.post("/api/session", json={"user_name": "Maria Keller"})).status_code == 200
    return client
