"""axe looks at every page in a real Chromium, light and dark, with hostile names, on a screen and on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from opendeep.common.data_models import Disposition, Speaker
from opendeep.web_interface.routes_ui import NAVIGATION
from tests.support.browser import chromium, skip_without_browser, watch
from tests.support.pages import confirmed_campaign
from tests.support.web_world import PLAN, WebWorld, ask, dial, finish, report, serving, speak, web_world

pytestmark = pytest.mark.chromium

GRAVE = {"serious", "critical"}
NAME = "<img src=x onerror=window.hacked=1> of a rather long family"


async def lived_in(world: WebWorld, page: Page, url: str) -> list[str]:
    """A campaign with a call that has ended, one that goes on and asks, and a report; the paths of all pages."""
    tasks = [{**PLAN["tasks"][0], "contact_name": NAME}, *PLAN["tasks"][1:]]
    plan = {**PLAN, "tasks": tasks}
    user_id, campaign_id = await confirmed_campaign(world, page, url, plan)
    async with world.db.read() as work:
        first, second, *_ = await work.tasks.of_campaign(user_id, campaign_id)
    call = await dial(world, first)
    await speak(world, call, 1, Speaker.AI, "Does Tuesday at ten work for you?")
    await speak(world, call, 2, Speaker.CALLEE, "ten is fine")
    await finish(world, call, Disposition.ACHIEVED, "She agreed.", None)
    await report(world, user_id, campaign_id)
    await ask(world, await dial(world, second), "Must she be at home?", ["Yes", "No"])
    return [*(page.path for page in NAVIGATION if page.label), f"/campaigns/{campaign_id}", f"/calls/{call.id}"]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (360, "light")])
async def test_axe_finds_nothing_grave_on_any_page_and_nothing_hangs_out(
    tmp_path: Path, width: int, scheme: str
) -> None:
    skip_without_browser()
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme, "reduced_motion": "reduce"}
    async with (
        web_world(tmp_path / "data") as world,
        serving(world.app) as url,
        chromium(tmp_path / "profile", **options) as context,
    ):
        page = context.pages[0]
        complaints = watch(page, url)
        complaints.expected = ("401 (Unauthorized)",)
        found, wide = [], []
        for path in await lived_in(world, page, url):
            await page.goto(url + path)
            await page.wait_for_selector("html[data-ready=yes]")
            await expect(page.locator(".loading-bar")).to_have_count(0)
            violations = (await Axe().run(page)).response["violations"]
            found += [
                f"{path}: {one['id']} at {node['target']}: {node['failureSummary']}"
                for one in violations
                if one["impact"] in GRAVE
                for node in one["nodes"]
            ]
            if await page.evaluate("document.documentElement.scrollWidth") > width:
                wide.append(path)
        assert not found, "\n".join(found)
        assert wide == []
        assert complaints.found == []
        assert await page.evaluate("window.hacked") is None
