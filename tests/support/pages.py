"""What tests of the pages do first: somebody signs in, gets a plan in the chat and confirms it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from playwright.async_api import Page, expect

from tests.support.web_world import WebWorld, wish

PERSON = "Maria Keller"


async def confirmed_campaign(world: WebWorld, page: Page, url: str, plan: dict[str, Any]) -> tuple[UUID, UUID]:
    """The user and the campaign; the page is the chat, with a row for each of the plan's tasks."""
    world.model.say("Here is the plan.", campaign_plan=plan)
    await page.goto(url)
    await page.wait_for_selector("html[data-ready=yes]")
    await page.get_by_label("Your name").fill(PERSON)
    await page.get_by_label("Message", exact=True).fill(wish(plan))
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Confirm and Schedule Campaign").click()
    await expect(page.locator(".task-row")).to_have_count(len(plan["tasks"]))
    user_id = await world.user_id(PERSON)
    (campaign,) = await world.services.campaigns.campaigns(user_id)
    return user_id, UUID(campaign["id"])
