"""Contacts, do not call and settings in a real Chromium: written, found, corrected, deleted; no hostile word acts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from opendeep.common.contact_values import NewFact
from opendeep.common.data_models import DNDEntryBase, DndScope
from tests.support.browser import chromium, skip_without_browser, watch
from tests.support.web_world import WebWorld, serving, web_world

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(300)]

HOSTILE = "<script>document.title='owned'</script>"
CROWD = 120


async def crowd(world: WebWorld) -> None:
    """Contacts and entries of one user, more than a page holds, some with hostile words; and another user's."""
    maria, ben = await world.user_id("Maria Keller"), await world.user_id("Ben Ortiz")
    async with world.db.transaction() as work:
        for n in range(CROWD):
            values = {"name": f"Contact {n:03}", "kind": "person", "phone_number": f"+1202555{1000 + n}", "notes": ""}
            contact = await work.contacts.create(maria, values)
            await work.dnd.add(DNDEntryBase(f"+1202555{2000 + n}", DndScope.USER, HOSTILE, "import", maria))
        await work.contacts.change(maria, contact.id, {"name": f"Anna {HOSTILE}"})
        await work.contacts.add_fact(maria, contact.id, NewFact(f"Prefers mornings {HOSTILE}"))
        other = {"name": "Not Marias", "kind": "person", "phone_number": "+12025553000", "notes": ""}
        await work.contacts.create(ben, other)


async def ready(page: Page, url: str) -> None:
    await page.goto(url)
    await page.wait_for_selector("html[data-ready=yes]")


async def contacts(page: Page, url: str) -> None:
    await ready(page, f"{url}/contacts")
    await expect(page.get_by_text(f"1 to 50 of {CROWD}")).to_be_visible()
    await expect(page.get_by_text("Not Marias")).to_have_count(0)
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_text(f"51 to 100 of {CROWD}")).to_be_visible()
    search = page.get_by_label("Search by name, number or note")
    await search.fill("nobody at all")
    await expect(page.get_by_text("No contact fits this search.")).to_be_visible()
    await search.fill("anna")
    await page.get_by_role("button", name=f"Anna {HOSTILE}").press("Enter")
    detail = page.locator("#detail")
    await expect(detail.get_by_text(f"Prefers mornings {HOSTILE}")).to_be_visible()
    await detail.get_by_label("Something that you know").fill("Closed on Wednesdays")
    await page.keyboard.press("Enter")
    await expect(detail.get_by_text("Closed on Wednesdays")).to_be_visible()
    await detail.get_by_role("button", name="Edit: Closed on Wednesdays").click()
    await detail.get_by_label("The fact in your words").fill("Closed on Thursdays")
    await page.keyboard.press("Enter")
    await expect(detail.get_by_text("Closed on Thursdays")).to_be_visible()
    row = detail.locator("li", has_text="Closed on Thursdays")
    await row.get_by_role("button", name="Delete", exact=True).click()
    await row.get_by_role("button", name="Delete for good?").click()
    await expect(detail.get_by_text("Closed on Thursdays")).to_have_count(0)
    await detail.get_by_role("button", name="Delete contact").click()
    await detail.get_by_role("button", name="Delete it and all that is known?").click()
    await expect(page.get_by_text("No contact fits this search.")).to_be_visible()
    await page.get_by_role("button", name="New contact").click()
    await page.get_by_label("Name", exact=True).fill("Ben Ortiz")
    await page.get_by_label("Telephone number").fill("911")
    await page.get_by_role("button", name="Keep", exact=True).click()
    await expect(detail.locator(".error").first).to_contain_text("emergency")
    await page.get_by_label("Telephone number").fill("202 555 0102")
    await page.get_by_role("button", name="Keep", exact=True).click()
    await expect(detail.locator("#detail-title")).to_contain_text("+12025550102")


async def do_not_call(page: Page, url: str, directory: Path) -> None:
    await ready(page, f"{url}/dnd")
    await expect(page.get_by_text(f"1 to 50 of {CROWD}")).to_be_visible()
    await expect(page.locator("td", has_text=HOSTILE).first).to_be_visible()
    await page.get_by_label("Telephone number", exact=True).fill("202 555 0103")
    await page.get_by_label("Reason", exact=True).fill("Asked by letter.")
    await page.get_by_role("button", name="Put on the list").click()
    await expect(page.get_by_role("row", name="+12025550103")).to_contain_text("Asked by letter.")
    file = directory / "numbers.csv"
    lines = [f"+1202555{4000 + n},written down in a long list for the test of parts" for n in range(1_500)]
    file.write_text("\n".join(["phone,reason", *lines, "hello,x"]))
    await page.get_by_label("CSV file").set_input_files(file)
    await page.get_by_role("button", name="Import", exact=True).click()
    await expect(page.locator("#imported")).to_contain_text("1,500 numbers added")
    await expect(page.locator("#imported")).to_contain_text("Line 1,502:")
    await page.get_by_label("Search by number, reason or source").fill("by letter")
    await page.get_by_role("button", name="Remove +12025550103").click()
    await page.get_by_label("Why are calls to this number allowed again?").fill(HOSTILE)
    await page.get_by_role("button", name="Take off the list").click()
    await expect(page.get_by_text("No entry fits this search.")).to_be_visible()
    await page.get_by_text("Taken off the list", exact=True).click()
    await expect(page.locator("#removals")).to_contain_text(HOSTILE)
    async with page.expect_download() as started:
        await page.get_by_role("link", name="Export as CSV").click()
    text = (await (await started.value).path()).read_text()
    assert text.count("\n") == 1 + CROWD + 1_500


async def settings(page: Page, url: str) -> None:
    await ready(page, f"{url}/settings")
    await page.get_by_label("Company").fill("Harbour Facilities")
    await page.get_by_label("Private: never said").fill(f"the door code\n\n{HOSTILE}")
    await page.get_by_label("Calling window of such plans").fill("10:00-16:30")
    await page.get_by_role("button", name="Save profile").click()
    await expect(page.get_by_role("button", name="Saved")).to_be_visible()
    await page.get_by_text("Earlier versions of your profile").click()
    await expect(page.locator("#versions")).to_contain_text("Harbour Facilities")
    await page.reload()
    await expect(page.get_by_label("Private: never said")).to_have_value(f"the door code\n{HOSTILE}")
    await expect(page.get_by_label("Calling window of such plans")).to_have_value("10:00-16:30")
    await page.get_by_label("Time zone").fill("Mars/Base")
    await page.get_by_role("button", name="Save profile").click()
    await expect(page.locator("#profile .error")).to_contain_text("Mars/Base")
    await expect(page.get_by_text("OPENAI_API_KEY")).to_be_visible()


async def test_what_is_remembered_is_shown_corrected_and_deleted(tmp_path: Path) -> None:
    skip_without_browser()
    async with (
        web_world(tmp_path) as world,
        serving(world.app) as url,
        chromium(tmp_path / "profile") as browser,
    ):
        await crowd(world)
        page = browser.pages[0]
        complaints = watch(page, url)
        complaints.expected = ("422 (Unprocessable",)  # the wrong number and zone that are tried
        answer: Any = await page.request.post(f"{url}/api/session", data={"user_name": "Maria Keller"})
        assert answer.ok
        await contacts(page, url)
        await do_not_call(page, url, tmp_path)
        await settings(page, url)
        assert await page.title() == "Settings · OpenDeep"
        assert complaints.found == []
        await page.route("**/api/contacts?*", lambda route: route.abort())
        complaints.expected = ("ERR_FAILED",)
        await ready(page, f"{url}/contacts")
        await expect(page.get_by_role("button", name="Try again")).to_be_visible()
        await page.unroute("**/api/contacts?*")
        await page.get_by_role("button", name="Try again").click()
        await expect(page.get_by_text(f"1 to 50 of {CROWD}")).to_be_visible()
