"""`GET /api/lines`: a tenant sees the trunks open to it and its own calls, never another tenant's."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from opendeep.common.data_models import CallCreate, CallStatus, TaskBase
from opendeep.common.errors import NotFound, UserMistake
from opendeep.common.trunk_values import Breaker, BreakerState, CallerIdUse
from tests.integration.calls_world import new_campaign
from tests.support.web_world import TENANT_CAP, WebWorld, web_world

UNTIL = datetime(2099, 3, 2, 15, 0, tzinfo=UTC)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[WebWorld]:
    async with web_world(tmp_path) as built:
        yield built


@pytest.fixture
async def ann(world: WebWorld) -> AsyncIterator[httpx.AsyncClient]:
    async for client in signed_in(world, "Ann"):
        yield client


@pytest.fixture
async def bob(world: WebWorld) -> AsyncIterator[httpx.AsyncClient]:
    async for client in signed_in(world, "Bob"):
        yield client


async def signed_in(world: WebWorld, name: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=world.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.post("/api/session", json={"user_name": name})).status_code == 200
        yield client


async def call(world: WebWorld, name: str, trunk: str, *statuses: CallStatus) -> None:
    async with world.db.transaction() as work:
        user = await work.users.get_or_create(name)
        campaign = await new_campaign(work, user)
        await work.tasks.add_many(user.id, campaign, [TaskBase("Callee", "person", "+12025550199", "Hi.", {})])
        (task,) = await work.tasks.of_campaign(user.id, campaign)
        made = await work.calls.create_call_attempt(
            CallCreate(user.id, campaign, task.id, task.phone_number, None, "node-1", trunk), 30
        )
        for status in statuses:
            await work.calls.update_call_status(made.id, status)


async def test_own_calls_and_totals(world: WebWorld, ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    await call(world, "Ann", "world")
    await call(world, "Ann", "world", CallStatus.IN_PROGRESS, CallStatus.COMPLETED)
    await call(world, "Ann", "world", CallStatus.BUSY)
    await call(world, "Bob", "world")
    await call(world, "Bob", "world", CallStatus.NO_ANSWER)
    seen = {name: (await client.get("/api/lines")).json() for name, client in (("Ann", ann), ("Bob", bob))}
    assert [seen[name]["tenant"] for name in seen] == 2 * [{"calls": 1, "max_calls": TENANT_CAP}]
    assert [trunk["name"] for trunk in seen["Ann"]["trunks"]] == ["world", "private"]
    assert [trunk["name"] for trunk in seen["Bob"]["trunks"]] == ["world"]
    shared = {name: seen[name]["trunks"][0] for name in seen}
    assert {shared[name]["live_calls"] for name in seen} == {2}
    assert shared["Ann"]["own_calls_last_day"] == {"calls": 2, "answered": 1, "answer_rate": 0.5}
    assert shared["Bob"]["own_calls_last_day"] == {"calls": 1, "answered": 0, "answer_rate": 0.0}


async def test_the_node_shows_its_figures_but_nobodys_calls(bob: httpx.AsyncClient) -> None:
    node = (await bob.get("/api/lines")).json()["node"]
    assert node["lines_total"] == 10
    assert set(node) == {"node_id", "lines_total", "lines_used", "queued", "draining", "paused_because"}


async def test_a_fault_a_pause_and_the_uses_of_caller_ids_are_shown(world: WebWorld, bob: httpx.AsyncClient) -> None:
    async with world.db.transaction() as work:
        state = await work.trunks.hold_one("world")
        opened = Breaker(BreakerState.OPEN, "xxx", 1, "the carrier is down (503)", UNTIL)
        await work.trunks.save(replace(state, breaker=opened))
        await work.trunks.save_caller_id(CallerIdUse("world", "+12025550101", 7, UNTIL))
    (trunk,) = (await bob.get("/api/lines")).json()["trunks"]
    assert trunk["breaker"] == "OPEN"
    assert "the carrier is down (503)" in trunk["paused_because"]
    assert datetime.fromisoformat(trunk["until"]) == UNTIL
    assert [(c["number"], c["uses"]) for c in trunk["caller_ids"]] == [("+12025550100", 0), ("+12025550101", 7)]
    await world.services.lines.pause("world", "  number\r\nporting ")
    (trunk,) = (await bob.get("/api/lines")).json()["trunks"]
    assert trunk["paused_because"] == "the trunk “world” is paused: number porting"
    assert await world.services.lines.out_of_order() is None  # the other trunk takes calls
    await world.services.lines.pause("private", "number porting")
    assert "is paused" in (await world.services.lines.out_of_order() or "")
    await world.services.lines.resume("world")
    (trunk,) = (await bob.get("/api/lines")).json()["trunks"]
    assert (trunk["breaker"], trunk["paused_because"]) == ("CLOSED", None)


async def test_an_operator_names_a_trunk_that_exists_and_a_reason(world: WebWorld) -> None:
    with pytest.raises(NotFound, match="There is no trunk “x”"):
        await world.services.lines.resume("x")
    with pytest.raises(UserMistake, match="Give a reason"):
        await world.services.lines.pause("world", " ")


async def test_it_needs_a_session(world: WebWorld) -> None:
    transport = httpx.ASGITransport(app=world.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as stranger:
        assert (await stranger.get("/api/lines")).status_code == 401


async def test_nobody_pauses_a_trunk_over_the_web(bob: httpx.AsyncClient) -> None:
    for path in ("/api/lines", "/api/trunks/world/pause"):
        assert (await bob.post(path, json={"reason": "x"})).status_code in (404, 405)
