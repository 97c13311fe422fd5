"""The page Reports and the documents of a report in a real Chromium, with hostile words in all of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from opendeep.common.data_models import Disposition, Speaker
from tests.support.browser import chromium, skip_without_browser, watch
from tests.support.pages import confirmed_campaign
from tests.support.web_world import PLAN, WebWorld, dial, finish, report, serving, speak, web_world

pytestmark = pytest.mark.chromium

EVIL = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"


async def one_call(world: WebWorld, page: Page, url: str) -> UUID:
    """Sign in, confirm a plan with a hostile title, and have one call that reached its end."""
    plan: dict[str, Any] = {**PLAN, "title": f"Boiler {EVIL}"}
    user_id, campaign_id = await confirmed_campaign(world, page, url, plan)
    async with world.db.read() as work:
        first, *_ = await work.tasks.of_campaign(user_id, campaign_id)
    call = await dial(world, first)
    await speak(world, call, 1, Speaker.AI, "Does Tuesday at ten work for you?")
    await speak(world, call, 2, Speaker.CALLEE, f"ten is fine {EVIL}")
    await finish(world, call, Disposition.ACHIEVED, f"She agreed. {EVIL}", None)
    return campaign_id


async def test_from_the_interim_report_to_documents_and_plots(tmp_path: Path) -> None:
    skip_without_browser()
    async with (
        web_world(tmp_path) as world,
        serving(world.app) as url,
        chromium(tmp_path / "profile", viewport={"width": 1280, "height": 900}) as context,
    ):
        page = context.pages[0]
        complaints = watch(page, url)
        complaints.expected = ("401 (Unauthorized)", "501 (Not Implemented)")
        campaign_id = await one_call(world, page, url)
        await _interim_in_the_chat(world, page)
        await _page_of_all(page, url)
        await report(world, await world.user_id("Maria Keller"), campaign_id)
        await page.reload()
        await expect(page.locator(".report-entry")).to_contain_text("Anna Meyer agreed to Tuesday at ten.")
        await expect(page.locator(".report-entry .pill")).to_have_count(1)  # not interim any more
        await _fits_a_phone(page)
        assert complaints.found == []
        assert await page.evaluate("window.hacked") is None


async def _interim_in_the_chat(world: WebWorld, page: Page) -> None:
    claim = {"text": f"Anna agreed. {EVIL}", "sources": [{"call": "c1", "turns": [2]}]}
    world.model.documents.append({"headline": claim, "paragraphs": [claim]})
    await page.get_by_role("button", name="Interim report").click()
    card = page.locator(".report")
    await expect(card).to_contain_text("the campaign still runs")
    await expect(card.locator(".headline")).to_contain_text("Anna agreed. <script>")
    await card.locator(".citation").first.click()
    await expect(page.get_by_role("dialog")).to_contain_text("ten is fine <script>")
    field = {"key": "slot_ok", "value": "yes", "turns": [2], "quote": "ten is fine"}
    mood = {"mood": "positive", "turns": [2]}
    reading = {"disposition": "ACHIEVED", "summary": f"Read again. {EVIL}", "fields": [field], "next_step": "complete"}
    world.model.documents.append(reading | {"sentiment": mood})
    await page.get_by_role("button", name="Read the call again").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Read again. <script>")
    await expect(page.locator(".call-quality")).to_contain_text("sounded friendly (turn 2)")
    await page.keyboard.press("Escape")
    async with page.expect_download() as saved:
        await card.get_by_role("button", name="CSV").click()
    download = await saved.value
    assert download.suggested_filename.endswith(".csv")
    file = Path(await download.path())
    assert "Read again." in await asyncio.to_thread(file.read_text, encoding="utf-8-sig")


async def _page_of_all(page: Page, url: str) -> None:
    await page.goto(f"{url}/reports")
    await page.wait_for_selector("html[data-ready=yes]")
    plots = page.locator("#overview .plot")
    await expect(plots).to_have_count(5)
    await expect(plots.nth(1).locator("rect.accent")).not_to_have_count(0)
    await expect(plots.nth(2)).to_contain_text("100 %")
    entry = page.locator(".report-entry")
    await expect(entry.locator("h3")).to_contain_text("Boiler <script>")
    await expect(entry).to_contain_text("interim")
    await entry.get_by_text("Figures and plots").click()
    await expect(entry.locator(".plot")).to_have_count(5)
    async with page.expect_download() as saved:
        await entry.get_by_role("button", name="Excel").click()
    assert (await saved.value).suggested_filename.endswith(".xlsx")
    async with page.context.expect_page() as opened:
        await entry.get_by_role("link", name="Open").click()
    shown = await opened.value
    await expect(shown.locator(".interim")).to_contain_text("Interim report, as of")
    assert await shown.evaluate("window.hacked") is None
    await shown.close()


async def _fits_a_phone(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 800})
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(wide) <= 0


async def test_without_a_session_the_page_leads_to_the_chat(tmp_path: Path) -> None:
    skip_without_browser()
    async with (
        web_world(tmp_path) as world,
        serving(world.app) as url,
        chromium(tmp_path / "profile") as context,
    ):
        page = context.pages[0]
        await page.goto(f"{url}/reports")
        await page.wait_for_url(f"{url}/")
        await expect(page.get_by_label("Your name")).to_be_visible()
