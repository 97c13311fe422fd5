"""A rehearsal from the page: whose plan it is, what is kept, how its progress and its failures show.

The child process is the real command; where it cannot rehearse (no provider is set up) it says so at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from opendeep.common.errors import Conflict, InvalidPlan, NotFound
from opendeep.config.app_config import AppConfig, embedded_environment
from opendeep.task_manager.rehearsal_svc import RehearsalService
from tests.support.web_world import PLAN, WebWorld, wish

Person = Callable[[], httpx.AsyncClient]
DEADLINE_S = 120.0
LINES: list[dict[str, Any]] = [
    {"event": "begins", "cases": ["books_tuesday", "voicemail"], "at_once": 4},
    {"event": "calls", "name": "voicemail", "title": "A mailbox"},
    {"event": "judged", "name": "voicemail", "score": 85.7, "outcome": "VOICEMAIL_LEFT", "wrong": ["not: argued"]},
    {"event": "result", "score": 85.7, "good": True, "report": "/somewhere/report.html"},
]


@pytest.fixture
def service(world: WebWorld, monkeypatch: pytest.MonkeyPatch) -> RehearsalService:
    """Its child wants a provider that is not set up, and ends with exit code 2."""
    for name, value in embedded_environment().items():
        if name in {field.upper() for field in AppConfig.model_fields}:
            monkeypatch.setenv(name, value)
    return RehearsalService(world.db, world.config.data_dir, "openai")


async def plan_of(world: WebWorld, client: httpx.AsyncClient, plan: dict[str, Any]) -> tuple[UUID, UUID]:
    """The user and the plan that a chat has come to."""
    world.model.say("Here is the plan.", campaign_plan=plan)
    reply = (await client.post("/api/chat", json={"message": wish(plan)})).json()
    return UUID(reply["user"]["id"]), UUID(reply["plan_id"])


def folder_of(world: WebWorld, user_id: UUID, rehearsal_id: UUID | str) -> Path:
    return world.config.data_dir / "rehearsals" / str(user_id) / str(rehearsal_id)


async def until_ended(service: RehearsalService, folder: Path) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*service._watching)
    assert (folder / "ended.json").exists()


def told(world: WebWorld, user_id: UUID, lines: list[dict[str, Any]], rest: str = "") -> UUID:
    """A rehearsal on disk, as its process has written it so far."""
    rehearsal_id = uuid4()
    folder = folder_of(world, user_id, rehearsal_id)
    (folder / "calls").mkdir(parents=True)
    (folder / "progress.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + rest)
    return rehearsal_id


async def test_the_plan_goes_to_the_rehearsal_without_its_contacts_and_a_failure_says_why(
    world: WebWorld, maria: httpx.AsyncClient, service: RehearsalService
) -> None:
    user_id, plan_id = await plan_of(world, maria, PLAN)
    view = await service.start(user_id, plan_id)
    assert view["status"] == "WAITING"
    folder = folder_of(world, user_id, view["id"])
    kept = (folder / "plan.json").read_text()
    assert json.loads(kept)["tasks"] == []
    assert all(task["phone_number"] not in kept for task in PLAN["tasks"])
    with pytest.raises(Conflict, match="going on already"):
        await service.start(user_id, plan_id)
    await until_ended(service, folder)
    view = service.view(user_id, UUID(view["id"]))
    assert view["status"] == "FAILED"
    assert "OPENAI_API_KEY" in view["error"]
    again = await service.start(user_id, plan_id)
    await until_ended(service, folder_of(world, user_id, again["id"]))


async def test_a_plan_that_asks_nothing_and_one_of_somebody_else_are_refused(
    world: WebWorld, maria: httpx.AsyncClient, service: RehearsalService
) -> None:
    tasks = [{**task, "questions": []} for task in PLAN["tasks"]]
    user_id, plan_id = await plan_of(world, maria, {**PLAN, "questions": [], "tasks": tasks})
    with pytest.raises(InvalidPlan, match="asks nothing"):
        await service.start(user_id, plan_id)
    with pytest.raises(NotFound):
        await service.start(uuid4(), plan_id)
    assert not (world.config.data_dir / "rehearsals").exists()


@contextlib.asynccontextmanager
async def running(service: RehearsalService) -> AsyncIterator[None]:
    worker = asyncio.create_task(service.run(), name="rehearsals")
    await asyncio.sleep(0)
    try:
        yield
    finally:
        worker.cancel()
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(worker, return_exceptions=True)


async def test_a_rehearsal_ends_with_the_server(
    world: WebWorld, maria: httpx.AsyncClient, service: RehearsalService
) -> None:
    user_id, plan_id = await plan_of(world, maria, PLAN)
    async with running(service):
        view = await service.start(user_id, plan_id)
    assert service._children == {}
    assert service.view(user_id, UUID(view["id"]))["status"] == "FAILED"


async def test_progress_and_result_are_read_from_what_the_process_has_written(
    world: WebWorld, maria: httpx.AsyncClient
) -> None:
    user_id, _ = await plan_of(world, maria, PLAN)

    async def view(lines: list[dict[str, Any]], rest: str = "") -> dict[str, Any]:
        answer = await maria.get(f"/api/rehearsals/{told(world, user_id, lines, rest)}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    assert (await view([]))["status"] == "WAITING"
    assert (await view([{"event": "waits"}]))["status"] == "WAITING"
    going = await view(LINES[:3], '{"event": "judged", "na')  # the last line is being written
    assert (going["status"], going["total"], len(going["cases"]), going["score"]) == ("RUNNING", 2, 1, None)
    assert going["cases"][0]["wrong"] == ["not: argued"]
    done = await view(LINES)
    assert (done["status"], done["score"], done["good"]) == ("DONE", 85.7, True)
    assert done["report"] == f"/api/rehearsals/{done['id']}/report.html"


async def test_report_and_recordings_are_their_user_s_and_no_way_leads_out_of_the_folder(
    world: WebWorld, maria: httpx.AsyncClient, person: Person
) -> None:
    user_id, _ = await plan_of(world, maria, PLAN)
    rehearsal_id = told(world, user_id, LINES)
    folder = folder_of(world, user_id, rehearsal_id)
    (folder / "report.html").write_text("<!doctype html>")
    (folder / "calls" / "voicemail-1.wav").write_bytes(b"RIFF")
    (folder / "secret.wav").write_bytes(b"RIFF")
    eve = person()
    await eve.post("/api/session", json={"user_name": "Eve"})
    base = f"/api/rehearsals/{rehearsal_id}"
    report = await maria.get(f"{base}/report.html")
    assert report.status_code == 200
    assert "default-src 'none'" in report.headers["content-security-policy"]
    assert (await maria.get(f"{base}/calls/voicemail-1.wav")).headers["content-type"] == "audio/wav"
    for path in (base, f"{base}/report.html", f"{base}/calls/voicemail-1.wav"):
        assert (await eve.get(path)).status_code == 404
    for name in ("none.wav", "..%2Fsecret.wav", "%2e%2e%2fplan.json", "plan.json"):
        assert (await maria.get(f"{base}/calls/{name}")).status_code == 404


async def test_the_list_has_the_newest_first_and_nobody_elses(
    world: WebWorld, maria: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    assert (await maria.get("/api/rehearsals")).json() == {"rehearsals": []}
    user_id, _ = await plan_of(world, maria, PLAN)
    ids = sorted([told(world, user_id, LINES), told(world, user_id, LINES[:2])], key=str)
    for number, rehearsal_id in enumerate(ids):
        plan = {"title": f"<b>Plan {number}</b>"}
        (folder_of(world, user_id, rehearsal_id) / "plan.json").write_text(json.dumps(plan))
    told(world, user_id, LINES)  # its plan is gone: not shown
    listed = (await maria.get("/api/rehearsals")).json()["rehearsals"]
    assert [one["id"] for one in listed] == [str(one) for one in reversed(ids)]
    assert [one["title"] for one in listed] == ["<b>Plan 1</b>", "<b>Plan 0</b>"]
    assert {one["status"] for one in listed} == {"DONE", "RUNNING"}
    assert all(one["began"] for one in listed)
    assert (await stranger.get("/api/rehearsals")).status_code == 401
    await stranger.post("/api/session", json={"user_name": "Ben Ortiz"})
    assert (await stranger.get("/api/rehearsals")).json() == {"rehearsals": []}
