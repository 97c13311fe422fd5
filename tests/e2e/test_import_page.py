"""A table of contacts in a real Chromium: dropped on the chat, its columns corrected, used, planned, looked through."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import FilePayload, expect

from tests.support.browser import chromium, skip_without_browser, watch
from tests.support.web_world import PLAN, serving, web_world

pytestmark = pytest.mark.chromium

EVIL = "<img src=x onerror=window.hacked=1>"
TABLE = f"Who,Phone,Boiler\n{EVIL},+12025550105,old\nEve Stone,+12025550106,new\nNobody,,\n"
DROP = """text => {
    const carried = new DataTransfer();
    carried.items.add(new File([text], "boilers.csv", {type: "text/csv"}));
    for (const kind of ["dragover", "drop"])
        document.getElementById("conversation").dispatchEvent(
            new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true}));
}"""


async def test_a_dropped_table_becomes_the_contacts_of_a_plan(tmp_path: Path) -> None:
    skip_without_browser()
    async with (
        web_world(tmp_path) as world,
        serving(world.app) as url,
        chromium(tmp_path / "profile", viewport={"width": 1280, "height": 860}) as context,
    ):
        page = context.pages[0]
        complaints = watch(page, url)
        complaints.expected = ("401 (Unauthorized)", "400 (Bad Request)", "422 (Unprocessable")
        await page.goto(url)
        await page.wait_for_selector("html[data-ready=yes]")
        await page.get_by_label("Your name").fill("Maria Keller")
        await page.evaluate(DROP, TABLE)
        card = page.locator(".import-card")
        await expect(card).to_contain_text("2 of 3 rows can be used")
        await expect(card).to_contain_text("Line 4 · Phone: There is no telephone number.")
        await card.get_by_label("Who is").select_option("name")
        await card.get_by_label("Phone is").select_option("ignore")
        await expect(card.get_by_role("alert")).to_contain_text("Choose the column with the telephone numbers.")
        await card.get_by_label("Phone is").select_option("phone")
        await card.get_by_role("button", name="Use these 2 contacts").click()
        await expect(page.locator(".message.assistant").last).to_contain_text("What should these calls achieve?")
        await expect(page.locator(".plan-card").last).to_contain_text("Who is called (2)")
        await expect(page.locator(".plan-card").last).to_contain_text(EVIL)

        world.model.say("Here is the plan.", campaign_plan={**PLAN, "tasks": []})
        await page.get_by_label("Message", exact=True).fill("Book the boiler inspection on Tuesday at ten.")
        await page.keyboard.press("Enter")
        plan = page.locator(".plan-card").last
        await expect(plan).to_contain_text("Eve Stone")
        await expect(plan.locator(".preflight")).not_to_contain_text("Looking through")
        await plan.get_by_role("button", name="Confirm and Schedule Campaign").click()
        await expect(page.locator(".task-row")).to_have_count(2)
        await page.locator("#attach-file").set_input_files(
            files=[FilePayload(name="letter.pdf", mimeType="application/pdf", buffer=b"%PDF-1.7")]
        )
        await expect(page.locator("#composer-error")).to_contain_text("This is a PDF, not a table.")
        assert complaints.found == []
        assert await page.evaluate("window.hacked") is None
