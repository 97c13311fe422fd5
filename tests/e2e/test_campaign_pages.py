"""The pages of the campaigns in a real Chromium: ten thousand tasks, hostile words, a copy that waits in the chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from opendeep.common.campaign_plan import CampaignPlan, brief_for
from opendeep.common.data_models import Disposition, TaskBase
from tests.support.browser import chromium, skip_without_browser, watch
from tests.support.database import add_plan
from tests.support.web_world import PLAN, WebWorld, dial, finish, serving, web_world

pytestmark = pytest.mark.chromium

EVIL = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
MANY = 10_000


@dataclass
class Desk:
    world: WebWorld
    url: str
    page: Page
    campaign_id: UUID


async def campaign_of_many(world: WebWorld) -> UUID:
    """Ten thousand tasks; the first has a hostile name, was called, and failed."""
    user_id = await world.user_id("Maria Keller")
    plan = CampaignPlan.model_validate({**PLAN, "tasks": [{**PLAN["tasks"][0], "contact_name": EVIL}]})
    brief = brief_for(plan, plan.tasks[0]).model_dump(mode="json")
    names = [EVIL, *(f"Contact {n}" for n in range(2, MANY + 1))]
    zone = "America/Los_Angeles"
    tasks = [
        TaskBase(name, "person", f"+1202{n:07d}", plan.objective, brief, timezone=zone)
        for n, name in enumerate(names, 5_550_100)
    ]
    plan_id = await add_plan(world.db, user_id, plan)
    async with world.db.transaction() as work:
        campaign = await work.campaigns.create(user_id, plan_id, plan.title, plan.objective)
        await work.tasks.add_many(user_id, campaign.id, tasks)
    async with world.db.read() as work:
        first = (await work.tasks.of_campaign(user_id, campaign.id, 1))[0]
    await finish(world, await dial(world, first), Disposition.DECLINED, EVIL, None)
    return campaign.id


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    skip_without_browser()
    async with (
        web_world(tmp_path) as world,
        serving(world.app) as url,
        chromium(tmp_path / "profile", viewport={"width": 1280, "height": 860}) as context,
    ):
        page = context.pages[0]
        complaints = watch(page, url)
        campaign_id = await campaign_of_many(world)
        signed_in = await context.request.post(f"{url}/api/session", data={"user_name": "Maria Keller"})
        assert signed_in.ok
        yield Desk(world, url, page, campaign_id)
        assert complaints.found == []
        assert await page.evaluate("window.hacked") is None


async def test_from_the_list_through_ten_thousand_tasks_to_a_copy(desk: Desk) -> None:
    page = desk.page
    await page.goto(f"{desk.url}/campaigns")
    await page.get_by_label("Search").fill("nothing like it")
    await expect(page.get_by_text("No campaign fits these filters.")).to_be_visible()
    await page.get_by_label("Search").fill("boiler")
    await page.get_by_role("link", name="Boiler inspection").click()
    await expect(page.get_by_role("heading", name="Boiler inspection")).to_be_visible()
    rows = page.locator("#tasks tbody tr")
    await expect(rows).to_have_count(50)
    await expect(rows.first).to_contain_text(EVIL)
    await expect(page.locator("#progress")).to_contain_text("Declined 1")

    await page.get_by_role("button", name="Next").click()
    await expect(rows.first).to_contain_text("Contact 51")
    await page.get_by_role("button", name="Previous").click()
    await expect(rows.nth(1)).to_contain_text("Contact 2")
    await page.locator("#tasks th button").first.click()
    await expect(rows.first).to_contain_text("Contact 10000")
    await page.get_by_label("Name or number").fill("Contact 777")
    await expect(rows).to_have_count(11)
    await page.get_by_label("Name or number").fill("")
    await page.get_by_label("Status").select_option(label="Not done")
    await expect(rows).to_have_count(1)

    await rows.first.get_by_role("button").click()
    dialog = page.locator("#task-dialog")
    await expect(dialog.get_by_text("It rings.")).to_be_visible()
    await dialog.get_by_role("button", name="Transcript and recording").click()
    await expect(page.locator("#call-dialog")).to_contain_text("Declined")
    await page.locator("#call-dialog").get_by_role("button", name="Close").click()
    await dialog.get_by_role("button", name="Close").click()

    await page.get_by_role("button", name="Call 1 failed one again").click()
    await expect(page.locator(".message.assistant")).to_contain_text("Check the plan, then confirm it.")
    await expect(page.get_by_role("button", name="Confirm and Schedule Campaign")).to_be_enabled()
