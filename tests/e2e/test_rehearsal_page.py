"""*Rehearse before launch* in a real Chromium: the real command rehearses the plan, the report opens and plays."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.support.browser import chromium, skip_without_browser, watch
from tests.support.web_world import PLAN, serving, web_world, wish

pytestmark = [pytest.mark.chromium, pytest.mark.natural_voice, pytest.mark.timeout(420)]

REHEARSED_MS = 360_000


async def test_a_plan_is_rehearsed_before_its_launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_without_browser()
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # no other rehearsal of this machine is waited for
    async with (
        web_world(tmp_path / "data") as world,
        serving(world.app) as url,
        chromium(tmp_path / "profile") as browser,
    ):
        page = browser.pages[0]
        complaints = watch(page, url)
        complaints.expected = ("401 (Unauthorized)",)  # the page asks who is here before anybody is
        world.model.say("Here is the plan.", campaign_plan=PLAN)
        await page.goto(url)
        await page.wait_for_selector("html[data-ready=yes]")
        await page.get_by_label("Message", exact=True).fill(wish(PLAN))
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Rehearse before launch").click()
        part = page.locator(".rehearsal")
        await expect(part.get_by_role("link", name="Open the report")).to_be_visible(timeout=REHEARSED_MS)
        assert await part.locator("li").count() >= 3
        await expect(page.get_by_role("button", name="Confirm and Schedule Campaign")).to_be_enabled()
        async with browser.expect_page() as opened:
            await part.get_by_role("link", name="Open the report").click()
        report = await opened.value
        await expect(report.locator("h1")).to_contain_text("%")
        await report.locator("details").first.evaluate("one => (one.open = true)")
        audio = report.locator("audio").first
        await audio.evaluate("one => one.load()")
        await report.wait_for_function("() => document.querySelector('audio').duration > 1")
        await page.goto(f"{url}/rehearsals")
        listed = page.locator("#rehearsals .panel")
        await expect(listed.locator(".pill")).to_contain_text("%")
        await listed.locator("summary").click()
        assert await listed.locator("tbody tr").count() >= 3
        await expect(listed.get_by_role("link", name="Report with recordings")).to_be_visible()
        assert complaints.found == []
        assert not await world.services.campaigns.campaigns(await world.user_id("Guest"))  # nobody real is called
