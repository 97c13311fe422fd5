"""The page of the lifecycle manager in a real Chromium: what was decided, why, and taking it back."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from opendeep.common.clock import SystemClock
from opendeep.common.lifecycle_decisions import DecidedBy
from opendeep.task_manager.lifecycle_values import Action, Proposal, Rule
from opendeep.task_manager.task_lifecycle_manager_svc import TaskLifecycleManagerService
from tests.support.browser import chromium, skip_without_browser, watch
from tests.support.database import add_campaign, sample_plan
from tests.support.web_world import serving, web_world

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(300)]

HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(2)>"


async def test_decisions_are_shown_and_taken_back(tmp_path: Path) -> None:
    skip_without_browser()
    async with (
        web_world(tmp_path / "data") as world,
        serving(world.app) as url,
        chromium(tmp_path / "profile") as browser,
    ):
        page = browser.pages[0]
        complaints = watch(page, url)
        complaints.expected = ("401 (Unauthorized)", "409 (Conflict)")
        user_id = await world.user_id("Guest")
        _, tasks = await add_campaign(world.db, user_id, sample_plan(["+12025550101", "+12025550102"]))
        await page.goto(url)
        await page.evaluate(
            "() => fetch('/api/session', {method: 'POST', headers: {'Content-Type': 'application/json'},"
            " body: JSON.stringify({user_name: 'Guest'})})"
        )
        await page.goto(f"{url}/lifecycle")
        await page.wait_for_selector("html[data-ready=yes]")
        await expect(page.get_by_text("Nothing was decided yet.")).to_be_visible()

        manager = TaskLifecycleManagerService(world.db, world.bell, SystemClock(), world.config)
        for task in tasks:
            proposal = Proposal(
                task,
                Rule.MODEL,
                Action.REPRIORITISE,
                HOSTILE,
                "Others wait longer.",
                "It is called first.",
                priority=20,
                decided_by=DecidedBy.MODEL,
            )
            assert await manager._act(user_id, proposal, SystemClock().now()) == 1
        cards = page.locator("article.decision")
        await expect(cards).to_have_count(2)  # live, without a reload
        first = cards.filter(has_text="Contact 1")
        await expect(first).to_contain_text(HOSTILE)
        await expect(first).to_contain_text("Others wait longer.")
        await expect(first).to_contain_text("Not seen yet.")
        await first.get_by_role("button", name="Undo").click()
        await expect(first).to_contain_text("You took it back.")
        await expect(first.get_by_role("button", name="Undo")).to_have_count(0)

        async with world.db.transaction() as work:
            changed = await work.tasks.get(user_id, tasks[1].id)
            await work.tasks.change(user_id, changed.id, changed.version, priority=3)
        second = cards.filter(has_text="Contact 2")
        await second.get_by_role("button", name="Undo").click()
        await expect(second.get_by_role("alert")).to_contain_text("has moved on since")
        await page.get_by_label("Decided by").select_option("rule")
        await expect(cards).to_have_count(0)
        assert complaints.found == []
