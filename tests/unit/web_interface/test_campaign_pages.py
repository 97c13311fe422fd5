"""One campaign over HTTP: its tasks a page at a time, its figures, and new drafts from it; each for its owner only."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest

from opendeep.common.data_models import Disposition
from tests.support.web_world import PLAN, WebWorld, dial, finish, wish


async def confirmed(world: WebWorld, maria: httpx.AsyncClient) -> str:
    """A campaign of three tasks; its id."""
    world.model.say("Here is the plan.", campaign_plan=PLAN)
    reply = (await maria.post("/api/chat", json={"message": wish()})).json()
    answer = await maria.post("/api/execute_campaign", json={"plan_id": reply["plan_id"]})
    return str(answer.json()["campaign"]["id"])


async def fail_first(world: WebWorld, campaign_id: str) -> None:
    user_id = await world.user_id("Maria Keller")
    async with world.db.read() as work:
        task = (await work.tasks.of_campaign(user_id, UUID(campaign_id)))[0]
    await finish(world, await dial(world, task), Disposition.DECLINED, "She does not want it.", None)


async def test_tasks_come_in_pages(world: WebWorld, maria: httpx.AsyncClient) -> None:
    path = f"/api/campaigns/{await confirmed(world, maria)}/tasks"
    first = (await maria.get(path, params={"limit": 2})).json()
    assert [task["contact_name"] for task in first["tasks"]] == ["Anna Meyer", "Ben Ortiz"]
    second = (await maria.get(path, params={"limit": 2, "after": first["next"]})).json()
    assert [task["contact_name"] for task in second["tasks"]] == ["Harbour Facilities"]
    assert second["next"] is None
    by_name = (await maria.get(path, params={"sort": "contact_name", "descending": True, "search": "an"})).json()
    assert [task["contact_name"] for task in by_name["tasks"]] == ["Anna Meyer"]
    assert (await maria.get(path, params={"status": "COMPLETED"})).json() == {"tasks": [], "next": None}


@pytest.mark.parametrize("query", ["sort=brief", "status=x", "limit=0", "limit=201", "after=1", "search=%00"])
async def test_a_bad_filter_is_refused(world: WebWorld, maria: httpx.AsyncClient, query: str) -> None:
    answer = await maria.get(f"/api/campaigns/{await confirmed(world, maria)}/tasks?{query}")
    assert answer.status_code == 422


async def test_progress_counts_all_tasks(world: WebWorld, maria: httpx.AsyncClient) -> None:
    campaign_id = await confirmed(world, maria)
    await fail_first(world, campaign_id)
    found = (await maria.get(f"/api/campaigns/{campaign_id}/progress")).json()
    assert found["campaign"]["title"] == PLAN["title"]
    assert found["progress"] == {"FAILED": 1, "SCHEDULED": 2}
    assert found["outcomes"] == {"DECLINED": 1}


async def test_a_copy_is_a_draft_that_can_be_confirmed(world: WebWorld, maria: httpx.AsyncClient) -> None:
    campaign_id = await confirmed(world, maria)
    copy = (await maria.post(f"/api/campaigns/{campaign_id}/clone")).json()
    chat = (await maria.get(f"/api/chat/{copy['chat_id']}")).json()
    shown = chat["messages"][-1]
    assert shown["plan_id"] == copy["plan_id"]
    assert shown["plan_valid"]
    assert len(shown["plan"]["tasks"]) == 3
    again = await maria.post("/api/execute_campaign", json={"plan_id": copy["plan_id"]})
    assert again.json()["campaign"]["id"] != campaign_id


async def test_only_the_failed_are_called_again(world: WebWorld, maria: httpx.AsyncClient) -> None:
    campaign_id = await confirmed(world, maria)
    path = f"/api/campaigns/{campaign_id}/redial_failed"
    refused = await maria.post(path)
    assert refused.status_code == 409
    assert "nobody to call again" in refused.json()["error"]["message"]
    await fail_first(world, campaign_id)
    copy = (await maria.post(path)).json()
    chat = (await maria.get(f"/api/chat/{copy['chat_id']}")).json()
    assert [task["contact_name"] for task in chat["messages"][-1]["plan"]["tasks"]] == ["Anna Meyer"]
    assert len((await maria.get("/api/campaigns")).json()["campaigns"]) == 1, "nobody is called before it is confirmed"


async def test_another_tenant_finds_no_such_campaign(
    world: WebWorld, maria: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    path = f"/api/campaigns/{await confirmed(world, maria)}"
    assert (await stranger.get(f"{path}/tasks")).status_code == 401
    assert (await stranger.get("/campaigns")).headers["location"] == "/"
    await stranger.post("/api/session", json={"user_name": "Ben Ortiz"})
    for answer in (
        await stranger.get(f"{path}/tasks"),
        await stranger.get(f"{path}/progress"),
        await stranger.post(f"{path}/clone"),
        await stranger.post(f"{path}/redial_failed"),
    ):
        assert answer.status_code == 404


async def test_the_pages_are_served_and_marked(world: WebWorld, maria: httpx.AsyncClient) -> None:
    campaign_id = await confirmed(world, maria)
    for path in ("/campaigns", f"/campaigns/{campaign_id}"):
        page = await maria.get(path)
        assert page.status_code == 200
        assert '<a href="/campaigns" aria-current="page">' in page.text
    assert (await maria.get("/campaigns/7")).status_code == 404
