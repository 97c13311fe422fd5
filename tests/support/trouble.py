"""What tests of faults share: a call is started, followed to its end, and everything is found in order afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from tests.support.product import Product, UserAtPage

PURPOSE = "book the yearly boiler inspection on Tuesday at ten"
LATER = {"call_window": "any time", "retry_minutes": "60"}  # a retry does not come in the way of the test
SOON = {"call_window": "any time", "retry_minutes": "0.1"}
TONE_NUMBER = "+1 202 555 0115"  # of the simulated callees: answers at once, plays a tone, stays on the line
BOOKING_NUMBER = "+1 202 555 0101"  # rings for two seconds, talks and says yes
DEADLINE_S = 60.0
LOOK_S = 0.1
MOVING_ON = frozenset({"SCHEDULED", "NEEDS_USER", "COMPLETED", "FAILED"})


async def start_call(user: UserAtPage, number: str, form: dict[str, str] | None = None) -> str:
    """Chat and confirm one call to Sam Field; the campaign's id."""
    plan = await user.plan(f"Call Sam Field at {number} and {PURPOSE}.", **(form or LATER))
    return await user.confirm(plan)


async def eventually(look: Callable[[], Any], deadline_s: float = DEADLINE_S) -> Any:
    """Await `look()` again and again until it gives something true; raises TimeoutError."""
    async with asyncio.timeout(deadline_s):
        while not (found := await look()):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
    return found


async def only_task(user: UserAtPage, campaign: str) -> dict[str, Any]:
    """The one task of a campaign, from the API."""
    tasks = (await user.page.get(f"/api/campaigns/{campaign}"))["tasks"]
    assert len(tasks) == 1, tasks
    return dict(tasks[0])


async def calls_of(user: UserAtPage, task_id: str) -> list[dict[str, Any]]:
    """The calls of a task, oldest first."""
    return list((await user.page.get(f"/api/tasks/{task_id}"))["calls"])


async def task_that_goes_on(user: UserAtPage, campaign: str, deadline_s: float = DEADLINE_S) -> dict[str, Any]:
    """The task after its first call, in a state from which something follows."""

    async def look() -> dict[str, Any] | None:
        task = await only_task(user, campaign)
        return task if task["status"] in MOVING_ON and await calls_of(user, task["id"]) else None

    return dict(await eventually(look, deadline_s))


async def call_in_progress(user: UserAtPage, campaign: str, deadline_s: float = DEADLINE_S) -> dict[str, Any]:
    """The live, answered call of the campaign's task."""

    async def look() -> dict[str, Any] | None:
        calls = await calls_of(user, (await only_task(user, campaign))["id"])
        return calls[-1] if calls and calls[-1]["status"] == "IN_PROGRESS" else None

    return dict(await eventually(look, deadline_s))


async def lines_free(user: UserAtPage, deadline_s: float = DEADLINE_S) -> None:
    """Until every line is free again."""

    async def look() -> bool:
        return bool((await user.page.get("/api/status"))["lines"]["lines_used"] == 0)

    await eventually(look, deadline_s)


async def part(program: Product, name: str, *, ok: bool, deadline_s: float = DEADLINE_S) -> str:
    """Until /readyz says this of a part; its sentence."""
    async with httpx.AsyncClient(base_url=program.url, trust_env=False, timeout=DEADLINE_S) as http:

        async def look() -> str | None:
            told = (await http.get("/readyz")).json()[name]
            return str(told["detail"]) if told["ok"] is ok else None

        return str(await eventually(look, deadline_s))


async def alive(program: Product) -> None:
    """The process runs, answers, and nothing in it has failed in a way that nobody expected."""
    assert program.process.returncode is None
    async with httpx.AsyncClient(base_url=program.url, trust_env=False, timeout=DEADLINE_S) as http:
        assert (await http.get("/healthz")).status_code == httpx.codes.OK
    assert not {"worker.failed", "worker.returned", "call.failed", "call.task_failed"} & set(program.events())


async def logged(program: Product, *events: str, deadline_s: float = DEADLINE_S) -> None:
    """Until each of these has been logged."""

    async def look() -> bool:
        return set(events) <= set(program.events())

    await eventually(look, deadline_s)
